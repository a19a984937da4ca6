from datetime import UTC, datetime

import pyarrow as pa
import pytest

from watchkeeper.domain import Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.evidence.ledger import EXCERPT, Ledger
from watchkeeper.telemetry.sources import Answer, Cancel, Query

QUERY = Query(window=Window.before(datetime(2026, 5, 4, 12, tzinfo=UTC), 60))


def many(query: Query, cancel: Cancel | None) -> Answer:
    return Answer(pa.table({"name": ["x" * 1000] * 50, "value": list(range(50))}), "SELECT name, value")


def none(query: Query, cancel: Cancel | None) -> Answer:
    return Answer(pa.table({"name": pa.array([], pa.string())}), "SELECT name")


def down(query: Query, cancel: Cancel | None) -> Answer:
    raise SourceUnavailable("Prometheus did not answer within 30 s")


def test_evidence_keeps_the_exact_query_and_a_bounded_excerpt():
    ledger = Ledger()
    number, table = ledger.ask("Which?", "metrics", many, QUERY)
    (entry,) = ledger.evidence
    assert (number, entry.query, entry.status) == ("e1", "SELECT name, value", "found")
    assert table is not None
    assert (len(entry.rows.values), entry.rows.total) == (EXCERPT, 50)
    assert len(str(entry.rows.values[0][0])) <= 400


def test_an_empty_query_is_evidence_of_absence():
    ledger = Ledger()
    ledger.ask("Any?", "logs", none, QUERY)
    assert ledger.evidence[0].status == "empty"
    assert ledger.gaps == ()


def test_a_source_that_is_down_is_a_gap_and_not_an_exception():
    ledger = Ledger()
    _, table = ledger.ask("Any errors?", "metrics", down, QUERY)
    assert table is None
    assert ledger.evidence[0].status == "failed"
    assert ledger.gaps == ("Any errors? Not known: Prometheus did not answer within 30 s",)


def test_what_an_analysis_kept_replaces_the_excerpt():
    ledger = Ledger()
    number, _ = ledger.ask("Which?", "metrics", many, QUERY)
    ledger.keep(number, ("service", "p95_ms"), [("cart", 12.0)])
    assert ledger.evidence[0].rows.values == (("cart", 12.0),)


@pytest.mark.parametrize("kept", [[], [("cart", 1.0)]])
def test_nothing_is_kept_for_evidence_that_failed(kept):
    ledger = Ledger()
    number, _ = ledger.ask("Any errors?", "metrics", down, QUERY)
    ledger.keep(number, ("service", "p95_ms"), kept)
    assert ledger.evidence[0].rows.total == 0
