from datetime import UTC, datetime

import pyarrow as pa
import pytest

from watchkeeper.errors import QueryRejected
from watchkeeper.evidence.selectors import Selector, evaluate, holds, parse, select

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ROWS = pa.table(
    {
        "service": ["cart", "cart", "pay", None],
        "ms": [10.0, float("nan"), 30.0, 50.0],
        "n": [1, 2, 3, 4],
        "at": pa.array([NOON, NOON, NOON, None], pa.timestamp("us", tz="UTC")),
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count()", 4),
        ('count() where service = "cart"', 2),
        ('count() where service = "nobody"', 0),
        ("max(ms)", 50.0),
        ('mean(ms) where service = "cart"', 10.0),
        ("sum(n) where ms >= 30", 7),
        ('sum(n) where service = "nobody"', 0),
        ('first(n) where service ≠ "cart"', 3),
        ('last(n) where service = "cart" and n < 2', 1),
        ("quantile_0.5(n)", 2.5),
        ('max(ms) where service = "nobody"', None),
        ('first(at) where at < "2026-05-04T12:00:01+00:00"', NOON),
    ],
)
def test_a_selector_finds_one_figure(text: str, expected: object):
    assert evaluate(parse(text), ROWS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "count",
        "count(ms)",
        "max()",
        "drop(ms)",
        "max(ms) where",
        "max(ms) where ms",
        "max(ms) where ms = cart",
        "max(ms) and ms > 3",
        "max(ms) where ms > 3 or ms < 2",
        "max(ms); count()",
        "quantile_7(ms)",
    ],
)
def test_what_is_no_selector_is_refused_with_what_was_expected(text: str):
    with pytest.raises(QueryRejected, match="expected"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["max(missing)", 'count() where missing = "x"', 'count() where ms = "x"', "sum(service)"]
)
def test_a_selector_that_does_not_fit_the_rows_is_refused(text: str):
    with pytest.raises(QueryRejected):
        evaluate(parse(text), ROWS)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a and n = 1", "é\n", "count()", '" or "1"="1'])
def test_names_with_quotes_survive_being_written_and_read(name: str):
    selector = select("first", "n", service=name)
    assert parse(str(selector)) == selector
    assert evaluate(selector, pa.table({"service": [name, "other"], "n": [7, 8]})) == 7


@pytest.mark.parametrize(
    ("found", "sign", "value", "expected"),
    [
        (100, "≈", 104.9, True),
        (100, "≈", 106, False),
        (0, "≈", 0, True),
        (None, "=", None, False),
        (None, "<", 3, False),
        ("fits", "=", "fits", True),
        ("3", "<", 4, False),
        (NOON, "before", datetime(2026, 5, 4, 13, tzinfo=UTC), True),
        (NOON, "after", datetime(2026, 5, 4, 13, tzinfo=UTC), False),
        (3, "before", 4, False),
        (NOON, "before", "2026-05-04T13:00:00Z", True),
        (NOON, "before", "2026-05-04T13:00:00", False),
        (NOON, "before", "tomorrow", False),
    ],
)
def test_a_predicate_holds_only_of_what_can_be_compared(found: object, sign: str, value: object, expected: bool):
    assert holds(found, sign, value) is expected  # type: ignore[arg-type]


def test_the_same_selector_can_be_asked_of_a_peer_and_of_the_past():
    selector = select("first", "ms", service="cart")
    assert str(selector.about("service", "pay")) == 'first(ms) where service = "pay"'
    assert selector.over("ms_before") == Selector("first", "ms_before", selector.conditions)
    assert selector.held("service") == "cart"
