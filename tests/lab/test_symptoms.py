from datetime import UTC, datetime, timedelta
from pathlib import Path

from watchkeeper.lab.symptoms import Request, first_felt, read_requests

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAULT = BEGIN + timedelta(seconds=60)


def requests(slow_from: float = 1e9, failing_from: float = 1e9) -> list[Request]:
    return [
        Request(
            at=BEGIN.timestamp() + second,
            route="GET /fast" if tenth % 2 else "GET /slow",
            status=500 if second >= failing_from and tenth == 3 else 200,
            seconds=(0.01 if tenth % 2 else 0.2) * (1 + tenth / 20) * (3 if second >= slow_from else 1),
        )
        for second in range(120)
        for tenth in range(4)
    ]


def test_slowness_is_felt_when_it_begins_and_not_when_the_fault_did() -> None:
    assert first_felt(requests(slow_from=72), BEGIN, FAULT) == BEGIN + timedelta(seconds=72)


def test_errors_are_felt_with_the_first_one() -> None:
    assert first_felt(requests(failing_from=64), BEGIN, FAULT) == BEGIN + timedelta(seconds=64)


def test_nothing_is_felt_where_nothing_changed() -> None:
    assert first_felt(requests(), BEGIN, FAULT) is None


def test_too_little_quiet_time_measures_nothing() -> None:
    assert first_felt(requests(slow_from=5), BEGIN, BEGIN + timedelta(seconds=5)) is None


def test_records_are_read_in_order_and_a_cut_line_is_left_out(tmp_path: Path) -> None:
    records = tmp_path / "cart.csv"
    records.write_text("2.0,GET /a,200,0.5000\n1.0,GET /a,500,0.1000\n3.0,GET /")
    assert [request.at for request in read_requests(records)] == [1.0, 2.0]
    assert read_requests(tmp_path / "missing.csv") == []
