from datetime import UTC, datetime

import pyarrow as pa

from watchkeeper.domain import Reading, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.evidence.answers import Answers
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


def doubled(answers: Answers, reading: Reading) -> pa.Table:
    values = answers.rows(reading.of[-1])["value"].to_pylist()
    return pa.table({"value": [2 * value for value in values], "factor": [2] * len(values)})


def test_an_analysis_makes_the_rows_of_what_was_asked():
    ledger = Ledger(readings={"first": lambda answers, reading: answers.answer(reading.of[0]).slice(3, 1)})
    number, _ = ledger.ask("Which?", "metrics", many, QUERY)
    ledger.read(number, "first", {})
    assert [row[1] for row in ledger.evidence[0].rows.values] == [3]
    assert ledger.evidence[0].query == "SELECT name, value"


def test_what_is_computed_from_evidence_is_evidence_of_its_own():
    ledger = Ledger(readings={"doubled": doubled})
    number, _ = ledger.ask("Which?", "metrics", many, QUERY)
    derived = ledger.derive("Twice?", "doubled", (number,), {"a": 1}, QUERY.window)
    entry = ledger.evidence[1]
    assert (derived, entry.source, entry.rows.total) == ("e2", "analysis", 50)
    assert entry.query == 'doubled of e1 {"a": 1}'


def test_evidence_that_failed_is_not_read():
    ledger = Ledger(readings={"doubled": doubled})
    number, _ = ledger.ask("Any errors?", "metrics", down, QUERY)
    ledger.read(number, "doubled", {})
    assert (ledger.evidence[0].status, ledger.evidence[0].reading) == ("failed", None)
