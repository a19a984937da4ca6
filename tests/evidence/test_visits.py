from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from made_visits import NOON, QUIET, UNTIL, Row, lines_of, logs_table, order, spans_table, world
from watchkeeper.analysis.visit_findings import Blamed, blamed
from watchkeeper.domain import Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.visits import READINGS, ask_visits
from watchkeeper.tables import TableName
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import Answer, Cancel, Query, Sources

INCIDENT = Window(start=NOON, end=UNTIL)


def usual(time: datetime, trace: str) -> list[Row]:
    return order(time, trace, steps=("reserve", "save"))


def early_return(time: datetime, trace: str) -> list[Row]:
    return order(time, trace, steps=("reserve",))


def world_tables() -> dict[TableName, pa.Table]:
    rows = world(usual, early_return)
    logs = [
        line for r in rows if r["name"] == "GET /cart" for line in lines_of(r["time"], str(r["trace_id"]), ["found"])
    ]
    return {"spans": spans_table(rows), "logs": logs_table(logs)}


def look(sources: Sources, ledger: Ledger | None = None) -> tuple[pa.Table, list[Blamed]]:
    """The rows of what changed, and who is blamed for it."""
    book = ledger or Ledger(readings=READINGS)
    asked = ask_visits(sources, book.ask, [QUIET], INCIDENT, NOON)
    rows = book.rows(book.derive("What changed?", "inside visits", asked.of, asked.parameters, INCIDENT))
    return rows, blamed(rows)


def test_whoever_behaves_differently_is_blamed_first():
    with store_of(world_tables()) as store:
        rows, ranked = look(store)
    assert ranked[0].component == "cart"
    assert set(rows["component"].to_pylist()[:3]) == {"cart"}


def test_the_rows_can_be_computed_again_from_what_was_kept():
    ledger = Ledger(readings=READINGS)
    with store_of(world_tables()) as store:
        rows, _ = look(store, ledger)
        again = Recheck(ledger.evidence, store, READINGS)
        assert again.rows(ledger.evidence[-1].id).equals(rows)


def test_a_change_says_from_when_on_it_is_clearest():
    with store_of(world_tables()) as store:
        _, ranked = look(store)
    assert ranked[0].began is not None
    assert abs((ranked[0].began - NOON).total_seconds()) <= 60


def test_without_logs_the_spans_are_enough():
    tables = world_tables()
    with store_of({"spans": tables["spans"]}) as store:
        assert look(store)[1][0].component == "cart"


def test_without_any_telemetry_nobody_is_blamed():
    with store_of({}) as store:
        rows, ranked = look(store)
    assert (ranked, rows.num_rows) == ([], 0)


@pytest.mark.parametrize("kind", ["client", "internal", "producer"])
def test_requests_that_nobody_is_seen_to_answer_blame_nobody(kind: str):
    spans = world_tables()["spans"]
    alone = spans.set_column(spans.column_names.index("kind"), "kind", pa.array([kind] * spans.num_rows))
    orphans = alone.set_column(
        alone.column_names.index("parent_span_id"), "parent_span_id", pa.array(["f" * 16] * alone.num_rows)
    )
    with store_of({"spans": orphans}) as store:
        look(store)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_handful_of_spans_is_enough_to_come_to_an_end(rows: int):
    with store_of({name: table.slice(0, rows) for name, table in world_tables().items()}) as store:
        assert look(store)[1] == []


class Down:
    """A store whose traces do not answer."""

    def __init__(self, sources: Sources) -> None:
        self.records, self.metric_buckets = sources.records, sources.metric_buckets

    def spans(self, query: Query, cancel: Cancel | None = None) -> Answer:
        raise SourceUnavailable("the traces did not answer within 30 s")


def test_a_source_that_is_down_is_a_gap_and_nothing_is_raised():
    ledger = Ledger(readings=READINGS)
    with store_of(world_tables()) as store:
        _, ranked = look(Down(store), ledger)  # type: ignore[arg-type]
    assert ranked == []
    assert len(ledger.gaps) == 2


def test_a_change_has_a_short_name_that_says_what_it_is_about():
    with store_of(world_tables()) as store:
        rows = look(store)[0].to_pylist()
    names = {(row["component"], row["signal"], row["change"]) for row in rows}
    assert len(names) == len(rows)


def test_nothing_is_asked_beyond_the_incident_s_end_but_the_references():
    ledger = Ledger(readings=READINGS)
    with store_of(world_tables()) as store:
        look(store, ledger)
    assert {entry.window.end for entry in ledger.evidence} == {UNTIL, QUIET.end}
    assert min(entry.window.start for entry in ledger.evidence) >= NOON - timedelta(hours=2)
