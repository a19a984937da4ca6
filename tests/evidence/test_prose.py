from datetime import UTC, datetime

import pyarrow as pa
import pytest

from watchkeeper.domain import Window
from watchkeeper.errors import QueryRejected
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.prose import between, fill, given, number_of
from watchkeeper.evidence.selectors import select
from watchkeeper.telemetry.sources import Answer, Cancel, Query

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def many(query: Query, cancel: Cancel | None = None) -> Answer:
    rows = {"service": ["cart", "pay|}}"], "ms": [531.2, 20.0], "at": [NOON, NOON.replace(minute=1)]}
    return Answer(pa.table(rows), "SELECT many")


def one(query: Query, cancel: Cancel | None = None) -> Answer:
    return Answer(pa.table({"p95_ms": [12_500.0], "share": [0.123], "text": ["a 42\n  b"]}), "SELECT one")


def ledger() -> Ledger:
    book = Ledger()
    for method in (many, one):
        book.ask("?", "traces", method, Query(window=Window.before(NOON, 60)))
    return book


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("it takes {{e1: max(ms) | ms}}", "it takes 531 ms"),
        ('{{e1: first(ms) where service = "pay|}}" | ms}} here', "20 ms here"),
        ("p95 {{e2.p95_ms | ms}}", "p95 12.5 s"),
        ("{{e2.share | %}} of e2", "12.3% of e2"),
        ("{{e2.text | text}}", "a 42 b"),
        ("{{ratio(e1: max(ms), e1: min(ms)) | x}} ×", "26.6 ×"),
        ("{{between(e1: first(at), e1: last(at)) | s}}", "60 s"),
        ("{{e1: first(at) | clock}}", "12:00:00 UTC"),
        ("since {{e1: start() | date}}", "since 2026-05-04 11:59:00 UTC"),
        ("{{sure | %0}}", "76%"),
        ("m1 of v2.1 is a name", "m1 of v2.1 is a name"),
        ("P1 at p95", "P1 at p95"),
    ],
)
def test_placeholders_are_filled(template: str, expected: str):
    assert fill(template, ledger(), {"sure": 0.76}, names={"m1", "v2.1"}).text == expected


@pytest.mark.parametrize(
    "template",
    [
        "it takes 531 ms",
        "m1 is unknown",
        "{{e9: max(ms) | ms}}",
        "{{e1: max(nothing) | ms}}",
        "{{e1.ms | ms}}",
        '{{e1: max(ms) where service = "x" | ms}}',
        "{{unknown}}",
        "{{e1: max(ms) | parsecs}}",
        "{{ratio(e1: max(ms), e1: first(service)) | x}}",
        "{{between(e1: max(ms), e1: first(at)) | s}}",
        "{{__import__('os')}}",
    ],
)
def test_what_has_no_source_is_refused(template: str):
    with pytest.raises(QueryRejected):
        fill(template, ledger())


def test_each_number_says_where_it_comes_from():
    at = number_of("e1", select("first", "at"))
    text = f"{number_of('e1', select('max', 'ms'), 'ms')} {between(at, at)} {given('sure', '%0')}"
    figures = fill(text, ledger(), {"sure": 0.5}).figures
    assert [(f.text, f.evidence) for f in figures] == [("531 ms", "e1"), ("0 s", "e1"), ("50%", None)]
