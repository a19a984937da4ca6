from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.errors import PayloadRejected
from watchkeeper.telemetry.posted import Posted, decode_posted

CHANGE = {"kind": "deploy", "service": "checkout", "began_at": "2026-03-01T13:00:00+01:00"}
FEEDBACK = {"time": "2026-03-01T12:00:00Z", "channel": "nps", "text": "slow", "score": 3}
EVENT = {"time": "2026-03-01T12:00:00Z", "name": "order.placed", "user_id": "u1"}


def rows(what: Posted, document: object) -> list[dict[str, object]]:
    told: list[dict[str, object]] = decode_posted(what, orjson.dumps(document)).to_pylist()
    return told


def reason(what: Posted, document: object) -> str:
    with pytest.raises(PayloadRejected) as rejected:
        rows(what, document)
    return str(rejected.value)


def test_a_change_keeps_what_it_says() -> None:
    told = {"id": "d1", "version": "2.0", "commits": ["abc"], "author": "ann", "environment": "production"}
    (row,) = rows("changes", {**CHANGE, **told, "attributes": {"run": 17, "tags": ["a"]}})
    assert {key: row[key] for key in told} == told
    assert (row["kind"], row["service_name"]) == ("deploy", "checkout")
    assert row["time"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert row["attributes"] == [("run", "17"), ("tags", '["a"]')]
    assert row["ended_at"] is row["title"] is row["expected_impact"] is None


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: [c], lambda c: {"changes": [c]}, lambda c: {"changes": c}])
def test_one_change_may_come_alone_in_a_list_or_under_its_name(wrap: object) -> None:
    assert len(rows("changes", wrap(CHANGE))) == 1  # type: ignore[operator]


def test_a_change_without_an_id_always_gets_the_same_one() -> None:
    ((first,), (same,), (other,)) = (
        rows("changes", CHANGE),
        rows("changes", {**CHANGE, "began_at": "2026-03-01T12:00:00Z"}),
        rows("changes", {**CHANGE, "version": "2"}),
    )
    assert first["id"] == same["id"] != other["id"]


def test_the_last_of_two_with_one_id_is_kept() -> None:
    twice = [{**CHANGE, "id": "d1", "version": version} for version in ("1", "2")]
    assert [row["version"] for row in rows("changes", twice)] == ["2"]


def test_feedback_and_events_keep_what_they_say() -> None:
    (given_feedback,) = rows("feedback", FEEDBACK)
    (event,) = rows("events", {**EVENT, "session_id": "s", "feature": "cart"})
    assert (given_feedback["channel"], given_feedback["text"], given_feedback["score"]) == ("nps", "slow", 3.0)
    assert (event["name"], event["user_id"], event["session_id"], event["feature"]) == (
        "order.placed",
        "u1",
        "s",
        "cart",
    )


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"kind": "deploi"}, "changes[0].kind: Input should be 'deploy'"),
        ({"service": ""}, "changes[0].service"),
        ({"service": None}, "changes[0].service: Input should be a valid string, got null"),
        ({"began_at": "2026-03-01T12:00:00"}, "changes[0].began_at: Input should have timezone info"),
        ({"began_at": "0026-03-01T12:00:00Z"}, "between the years 1990 and 2100"),
        ({"ended_at": "2026-03-01T11:00:00Z"}, "ended_at lies before began_at"),
        ({"servise": "x"}, "changes[0].servise: is no known field"),
        ({"version": 3}, "changes[0].version: Input should be a valid string, got 3"),
        ({"commits": "abc"}, "changes[0].commits"),
        ({"title": "t" * 2_000}, "changes[0].title"),
    ],
)
def test_what_is_wrong_with_a_change_is_said(wrong: dict[str, object], expected: str) -> None:
    said = reason("changes", {**CHANGE, **wrong})
    assert expected in said
    assert len(said) < 400


def test_a_missing_field_is_named_with_its_place_in_the_list() -> None:
    assert reason("changes", [CHANGE, {"kind": "deploy"}]).startswith("changes[1].service: is missing")


@pytest.mark.parametrize("document", [3, None, "x", [3], [[CHANGE]], {"events": []}])
def test_a_change_that_is_no_object_is_rejected(document: object) -> None:
    assert "changes[0]" in reason("changes", document)


def test_text_loses_its_null_characters_and_what_is_empty_is_null() -> None:
    (row,) = rows("changes", {**CHANGE, "title": "a\0b", "author": ""})
    assert (row["title"], row["author"]) == ("ab", None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(CHANGE)), inner, max_size=4),
)


@settings(deadline=None)
@given(st.sampled_from(["changes", "feedback", "events"]), st.binary(max_size=40) | json_values.map(orjson.dumps))
def test_anything_posted_is_read_or_rejected(what: Posted, body: bytes) -> None:
    try:
        table = decode_posted(what, body)
    except PayloadRejected:
        return
    table.validate(full=True)
