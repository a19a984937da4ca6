from datetime import timedelta

import pytest
from telemetry_rows import at, span, spans

from watchkeeper.domain import Window
from watchkeeper.evidence.answers import window_text
from watchkeeper.evidence.drilldown import COLUMNS, READINGS
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import SpanQuery

USUAL, INCIDENT = Window(start=at(0), end=at(600)), Window(start=at(600), end=at(1200))
Row = dict[str, object]


def shop() -> list[Row]:
    """A request a second; from 600 s on those from Europe to version 1.2 fail."""
    rows: list[Row] = []
    for second in range(1200):
        region, version = ("eu", "us")[second % 2], ("1.1", "1.2")[second // 2 % 2]
        hit = second >= 600 and (region, version) == ("eu", "1.2")
        attributes = [("cloud.region", region), ("error.type", "boom" if hit else None), ("user.id", f"u{second}")]
        rows.append(span(second, service_version=version, status_code="error" if hit else "ok", attributes=attributes))
    return rows


def found(rows: list[Row], usual: Window = USUAL, incident: Window = INCIDENT) -> list[Row]:
    ledger = Ledger(readings=READINGS)
    with store_of({"spans": spans(*rows)}) as store:
        of = [ledger.ask("?", "traces", store.spans, SpanQuery(window=w))[0] for w in (usual, incident)]
        windows = {"usual": window_text(usual), "incident": window_text(incident)}
        number = ledger.derive("Which combinations carry the trouble?", "drill-down", of, windows, incident)
    return ledger.rows(number).to_pylist()


def test_the_combination_is_a_row_with_the_size_of_its_effect() -> None:
    (row,) = found(shop())
    assert tuple(row) == COLUMNS
    assert (row["attribute"], row["value"]) == ("service.version, cloud.region", "1.2, eu")
    assert (row["measure"], row["unit"], row["requests"], row["errors"]) == ("errors", "failures", 150, 150)
    assert row["extra"] == pytest.approx(150, abs=1)
    assert row["share_of_trouble"] > 0.95


def test_quiet_requests_are_no_rows() -> None:
    assert found([row | {"status_code": "ok"} for row in shop()]) == []


def test_another_day_and_another_zone_change_nothing() -> None:
    day = timedelta(days=1)
    rows = [row | {"time": row["time"] + day} for row in shop()]  # type: ignore[operator]
    moved = [Window(start=w.start + day, end=w.end + day) for w in (USUAL, INCIDENT)]
    assert found(rows, *moved) == found(shop())
