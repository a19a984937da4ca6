from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pytest

from made_rcaeval import AT, INJECTED, METRIC_HEAD, gauges, inject, write_csv, write_flat, write_nested, write_points
from watchkeeper.datasets import rcaeval
from watchkeeper.errors import DatasetRejected

NAME = f"RE2-OB {AT:%Y-%m-%d %H:%M:%S}"
OTHER = f"RE1-SS {AT + timedelta(seconds=7200):%Y-%m-%d %H:%M:%S}"


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    return write_nested(tmp_path / "RCAEval")


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return write_flat(tmp_path / "flat")


def test_cases_are_called_by_benchmark_and_time_and_tell_nothing_of_the_truth(nested: Path) -> None:
    names = [case.name for case in rcaeval.cases(nested)]
    assert names == [OTHER, NAME]
    assert not [word for word in ("cart", "cpu", "mem") if any(word in name for name in names)]


def test_both_layouts_hold_the_same_case(nested: Path, flat: Path) -> None:
    (case,) = rcaeval.cases(flat)
    assert case.name == NAME
    same = next(c for c in rcaeval.cases(nested / "RE2-OB"))
    assert (same.name, same.trigger) == (case.name, case.trigger)
    one, other = case.load(), same.load()
    assert one["metrics"].equals(other["metrics"])
    assert one["spans"].equals(other["spans"])
    assert one["logs"].select(["time", "body"]).equals(other["logs"].select(["time", "body"]))


def test_the_truth_is_in_the_folders_names(nested: Path) -> None:
    found = rcaeval.answers(nested)
    assert {name: (a.truth, a.kind, a.system) for name, a in found.items()} == {
        NAME: ("cart", "cpu", "RE2-OB"),
        OTHER: ("cart", "mem", "RE1-SS"),
    }


def test_something_is_wrong_since_the_injection_and_ten_minutes_of_it_may_be_read(flat: Path) -> None:
    (case,) = rcaeval.cases(flat, alert_delay_seconds=60)
    assert (case.trigger.signal.at, case.trigger.signal.service) == (AT + timedelta(seconds=60), None)
    assert case.trigger.until == AT + timedelta(minutes=10)
    tables = case.load()
    assert pc.max(tables["metrics"]["time"]).as_py() < case.trigger.until
    ends = pc.add(pc.cast(tables["spans"]["time"], "int64"), pc.divide(tables["spans"]["duration_ns"], 1000))
    assert pc.max(ends).as_py() < case.trigger.until.timestamp() * 1e6


def test_what_is_known_of_a_metric_has_opentelemetrys_name(flat: Path) -> None:
    (case,) = rcaeval.cases(flat)
    rows = case.load()["metrics"].to_pylist()
    first = {r["name"]: (r["service_name"], r["unit"], r["value"]) for r in reversed(rows) if r["time"] >= AT}
    jitter = (INJECTED // 10) % 3
    assert first == {
        "server.duration.p90": ("front", "s", pytest.approx(0.9 + 0.01 * jitter)),
        "server.request.rate": ("front", "{request}/s", 5 + jitter),
        "container.cpu.usage": ("cart", "{cpu}", pytest.approx(0.9 + 0.01 * jitter)),
        "container.memory.usage": ("cart", "By", 2e8 + jitter),
    }
    assert {r["kind"] for r in rows} == {"gauge"}


def test_of_services_the_simple_figures_are_taken_and_of_machines_none(tmp_path: Path) -> None:
    folder = inject(tmp_path / "re3tt_cart_f1_2")
    head = ("time", "cart_container-threads", "10-0-0-1-9100_node-load1", "time")
    write_csv(folder / "metrics.csv", head, [[INJECTED, 7, 1, INJECTED]])
    (case,) = rcaeval.cases(tmp_path)
    (row,) = case.load()["metrics"].to_pylist()
    assert (row["service_name"], row["name"], row["unit"]) == ("cart", "container.threads", None)
    assert row["time"] == datetime.fromtimestamp(INJECTED, UTC)


def test_metrics_may_be_points_by_name(tmp_path: Path, flat: Path) -> None:
    folder = inject(tmp_path / "points" / "re2ob_cart_cpu_1")
    write_points(folder / "metrics.json", METRIC_HEAD, gauges())
    points, parquet = (next(rcaeval.cases(p)).load()["metrics"] for p in (tmp_path / "points", flat))
    key = [("time", "ascending"), ("name", "ascending")]
    assert points.sort_by(key).equals(parquet.sort_by(key))


def test_spans_have_kinds_and_parents(flat: Path) -> None:
    (case,) = rcaeval.cases(flat)
    spans = case.load()["spans"].slice(0, 3).to_pylist()
    assert [(s["service_name"], s["name"], s["kind"], s["parent_span_id"]) for s in spans] == [
        ("front", "GET /cart", "server", None),
        ("front", "ask cart", "client", "t0a"),
        ("cart", "Get", "server", "t0b"),
    ]
    assert spans[0]["duration_ns"] == 14_000_000


def test_lines_have_their_severity_where_it_was_published(nested: Path, flat: Path) -> None:
    texts = []
    for folder in (nested / "RE2-OB", flat):
        (case,) = rcaeval.cases(folder)
        first = case.load()["logs"].slice(0, 1).to_pylist()[0]
        texts.append((first["service_name"], first["severity_text"], first["severity_number"]))
    assert texts == [("cart", "INFO", 9), ("cart", None, None)]


def test_metrics_alone_are_a_case(nested: Path) -> None:
    assert set(next(rcaeval.cases(nested / "RE1-SS")).load()) == {"metrics"}


def test_the_same_time_twice_is_two_cases(tmp_path: Path) -> None:
    for number in (1, 2):
        write_csv(inject(tmp_path / "RE2-OB" / "cart_cpu" / f"{number}") / "metrics.csv", METRIC_HEAD, gauges())
    assert [case.name for case in rcaeval.cases(tmp_path)] == [NAME, f"{NAME} #2"]


Break = Callable[[Path], object]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda case: (case / "inject_time.txt").write_text("noon"), "expected unix seconds"),
        (lambda case: (case / "inject_time.txt").write_text("9e12"), "expected unix seconds"),
        (lambda case: (case / "simple_metrics.csv").write_text("when,cart_cpu\n1,2\n"), "no column time"),
        (lambda case: (case / "simple_metrics.csv").write_text("time,cart_cpu\n1,much\n"), "expected numbers"),
        (lambda case: (case / "logs.csv").write_text("timestamp,message\n1,x\n"), "no column container_name"),
        (lambda case: (case / "traces.csv").write_text("traceID\nx\n"), "no column"),
        (lambda case: case.rename(case.parent / "first"), "expected a folder"),
    ],
)
def test_a_broken_file_is_rejected_by_name(nested: Path, damage: Break, says: str) -> None:
    damage(nested / "RE2-OB" / "cart_cpu" / "1")
    with pytest.raises(DatasetRejected, match=says) as rejected:
        [case.load() for case in rcaeval.cases(nested)]
    assert "RE2-OB" in str(rejected.value)


def test_a_case_without_metrics_is_rejected(tmp_path: Path) -> None:
    inject(tmp_path / "re1ob_cart_cpu_1")
    with pytest.raises(DatasetRejected, match="holds no simple_metrics or metrics"):
        next(rcaeval.cases(tmp_path)).load()


def test_an_empty_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(DatasetRejected, match="at any depth"):
        list(rcaeval.cases(tmp_path))
