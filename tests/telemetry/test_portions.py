from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from telemetry_rows import START, WINDOW, at, span, spans

from watchkeeper.analysis import portions as analysis
from watchkeeper.telemetry import sources
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import PortionQuery, SlowLimit, UserQuery

Row = dict[str, object]
SPLIT = at(300)


def portions(rows: list[Row], **fields: object) -> list[Row]:
    with store_of({"spans": spans(*rows)}) as store:
        found: list[Row] = store.portions(PortionQuery(window=WINDOW, **fields)).rows.to_pylist()  # type: ignore[arg-type]
    return found


def counts(rows: list[Row], attribute: str) -> dict[tuple[object, object], tuple[object, object]]:
    return {(r["value"], r["part"]): (r["requests"], r["errors"]) for r in rows if r["attribute"] == attribute}


def test_requests_are_counted_by_value_before_and_after_the_split() -> None:
    rows = [span(n, attributes=[("app.currency", "JPY" if n % 2 else "EUR")]) for n in range(10)]
    rows += [
        span(300 + n, status_code="error" if n % 2 else "ok", attributes=[("app.currency", "JPY" if n % 2 else "EUR")])
        for n in range(6)
    ]
    found = portions(rows, keys=("app.currency",), split=SPLIT)
    assert counts(found, "app.currency") == {
        ("EUR", "usual"): (5, 0),
        ("JPY", "usual"): (5, 0),
        ("EUR", "incident"): (3, 0),
        ("JPY", "incident"): (3, 3),
    }
    assert counts(found, "service.name") == {("checkout", "usual"): (10, 0), ("checkout", "incident"): (6, 3)}


def test_durations_are_told_by_mean_tail_and_logarithm() -> None:
    rows = [span(n, duration_ns=ms * 1_000_000) for n, ms in enumerate((1, 10, 100))]
    (row,) = portions(rows, keys=("service.name",))
    assert (row["part"], row["requests"], row["mean_ms"]) == ("incident", 3, 37.0)
    assert row["p95_ms"] == pytest.approx(91.0)
    assert row["mean_log_ms"] == pytest.approx(2.302585)
    assert row["sd_log_ms"] == pytest.approx(2.302585)


def test_requests_in_the_gap_count_as_neither() -> None:
    rows = [span(seconds) for seconds in (0, 280, 290, 299, 300)]
    found = portions(rows, keys=("operation",), split=SPLIT, usual_end=at(290))
    assert counts(found, "operation") == {("POST /orders", "usual"): (2, 0), ("POST /orders", "incident"): (1, 0)}


def test_a_spans_own_attribute_goes_before_its_resources() -> None:
    rows = [
        span(1, attributes=[("zone", "a")], resource=[("zone", "b")]),
        span(2, attributes=None, resource=[("zone", "b")]),
        span(3, attributes=[("other", "c")], resource=None),
        span(4, attributes=[("zone", None)], resource=[("zone", "b")]),
    ]
    assert counts(portions(rows, keys=("zone",)), "zone") == {("a", "incident"): (1, 0), ("b", "incident"): (1, 0)}


def test_only_requests_count_and_duplicates_once() -> None:
    rows = [span(1), span(1), span(2, kind="client"), span(3, kind="internal", parent_span_id="aa"), span(900)]
    assert counts(portions(rows, keys=("operation",)), "operation") == {("POST /orders", "incident"): (1, 0)}


def test_services_narrow_it_down() -> None:
    rows = [span(1), span(2, service_name="cart")]
    assert {row["service_name"] for row in portions(rows, services=("cart",))} == {"cart"}


def test_values_beyond_the_cap_are_one_portion_and_never_the_worst_ones() -> None:
    rows = [span(n + k / 100, attributes=[("tenant", f"t{n:02}")]) for n in range(30) for k in range(5)]
    rows.append(span(40, status_code="error", attributes=[("tenant", "failing")]))
    rows.append(span(41, duration_ns=10**10, attributes=[("tenant", "slow")]))
    found = portions(rows, keys=("tenant",), values=4)
    told = {row["value"]: row for row in found if row["attribute"] == "tenant"}
    assert len(told) == 5
    assert {"failing", "slow", "(other)"} <= set(told)
    assert (told["(other)"]["requests"], told["(other)"]["p95_ms"]) == (140, None)
    assert sum(row["requests"] for row in told.values()) == 152  # type: ignore[misc]


def test_what_there_is_to_tell_requests_apart_is_found_without_being_named() -> None:
    rows = [
        span(
            n,
            status_code="error" if n % 7 == 0 else "ok",
            service_version=f"1.{n % 2}",
            attributes=[
                ("app.currency", ("EUR", "JPY", "USD")[n % 3]),
                ("http.response.status_code", "500" if n % 7 == 0 else "200"),
                ("error.type", "Timeout" if n % 7 == 0 else None),
                ("user.id", f"u{n % 5}"),
                ("order.id", f"o{n}"),
                ("always", "same"),
                ("thread.id", f"{n % 4}"),
                ("operation", f"shadowed {n % 2}"),
            ],
            resource=[("host.name", f"node-{n % 2}"), ("process.pid", f"{n % 2}"), ("service.namespace", "shop")],
        )
        for n in range(60)
    ]
    found = {row["attribute"] for row in portions(rows)}
    assert found == {"service.name", "operation", "service.version", "app.currency", "host.name"}


def test_an_attribute_needs_its_variety_within_a_service() -> None:
    rows = [span(n, service_name=f"s{n % 3}", resource=[("host.name", f"node-{n % 3}")]) for n in range(30)]
    assert "host.name" not in {row["attribute"] for row in portions(rows)}


def test_no_more_than_forty_attributes_are_told_and_long_values_are_cut() -> None:
    rows = [
        span(n, attributes=[(f"k{k:02}", f"{n % 2}" + "x" * 1_000_000 * (k == 0)) for k in range(60)]) for n in range(4)
    ]
    found = portions(rows)
    names = {str(row["attribute"]) for row in found} - {"service.name"}
    assert len(names) <= 40
    assert "k00" in names
    assert max(len(str(row["value"])) for row in found) == 200


def test_hostile_keys_and_values_are_text_like_any_other() -> None:
    odd = ("it's", '"; DROP TABLE spans; --', "a?b {x}", "\u202e$(rm -rf)\n", "[1,2]")
    rows = [span(n, attributes=[(key, f"{key}{n % 2}") for key in odd]) for n in range(4)]
    with store_of({"spans": spans(*rows)}) as store:
        answer = store.portions(PortionQuery(window=WINDOW, keys=odd))
    assert {row["attribute"] for row in answer.rows.to_pylist()} == {*odd, "service.name"}
    assert "'it''s'" in answer.query


def test_no_spans_are_no_rows() -> None:
    assert portions([]) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"split": START, "usual_end": START + timedelta(seconds=1)},
        {"usual_end": START},
        {"keys": ("",)},
        {"keys": ("k" * 201,)},
        {"keys": tuple(f"k{n}" for n in range(41))},
        {"values": 0},
        {"values": 51},
    ],
)
def test_a_question_out_of_bounds_is_refused(fields: Row) -> None:
    with pytest.raises(ValidationError):
        PortionQuery(window=WINDOW, **fields)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 599), st.integers(0, 9), st.booleans()), unique_by=lambda t: t[0]))
def test_portions_add_up_to_the_whole(requests: list[tuple[int, int, bool]]) -> None:
    rows = [
        span(second, attributes=[("tenant", f"t{tenant}")], status_code="error" if failed else "ok")
        for second, tenant, failed in requests
    ]
    found = portions(rows, keys=("tenant", "operation"), split=SPLIT, values=3)
    for part in ("usual", "incident"):
        sums = [
            tuple(sum(c[i] for (_, p), c in counts(found, key).items() if p == part) for i in (0, 1))  # type: ignore[misc]
            for key in ("tenant", "operation", "service.name")
        ]
        inside = [failed for second, _, failed in requests if (second >= 300) == (part == "incident")]
        assert sums == [(len(inside), sum(inside))] * 3


def test_the_names_that_analyses_know_are_those_of_the_answers() -> None:
    assert (analysis.WHOLE, analysis.OTHER) == (sources.WHOLE, sources.OTHER)


def users(rows: list[Row], **fields: object) -> dict[object, tuple[object, object, object]]:
    with store_of({"spans": spans(*rows)}) as store:
        found = store.users(UserQuery(window=WINDOW, **fields)).rows.to_pylist()  # type: ignore[arg-type]
    return {row["attribute"]: (row["seen"], row["affected"], row["requests"]) for row in found}


def test_people_are_counted_once_and_those_who_met_trouble_apart() -> None:
    rows = [span(n, attributes=[("user.id", f"u{n % 4}")], resource=[("session.id", f"s{n}")]) for n in range(12)]
    rows.append(span(20, attributes=[("user.id", "u1")], status_code="error"))
    rows.append(span(21, attributes=[("user.id", "u2")], duration_ns=3 * 10**9))
    rows.append(span(21, attributes=[("user.id", "u2")], duration_ns=3 * 10**9))
    rows.append(span(22, attributes=[("user.id", "")]))
    assert users(rows) == {
        "enduser.id": (0, 0, 0),
        "user.id": (4, 1, 14),
        "enduser.pseudo.id": (0, 0, 0),
        "session.id": (12, 0, 12),
    }
    assert users(rows, keys=("user.id",), slow_ms=1000) == {"user.id": (4, 2, 14)}


def test_each_operation_can_have_its_own_limit_of_slowness() -> None:
    rows = [
        span(1, name="GET /", attributes=[("user.id", "a")], duration_ns=200 * 10**6),
        span(2, name="POST /pay", attributes=[("user.id", "b")], duration_ns=200 * 10**6),
        span(3, name="POST /pay", attributes=[("user.id", "c")], duration_ns=200 * 10**6, service_name="other"),
    ]
    limit = SlowLimit(service="checkout", operation="GET /", slow_ms=100)
    assert users(rows, keys=("user.id",), slow_limits=(limit,)) == {"user.id": (3, 1, 3)}
    assert users(rows, keys=("user.id",), slow_limits=(limit,), slow_ms=150) == {"user.id": (3, 3, 3)}
    assert users(rows, keys=("user.id",), slow_limits=(limit,), services=("other",)) == {"user.id": (1, 0, 1)}


def test_the_questions_can_be_read_back_from_their_json() -> None:
    for query in (
        PortionQuery(window=WINDOW, split=SPLIT, usual_end=at(290), keys=("operation",)),
        UserQuery(window=WINDOW, slow_limits=(SlowLimit(service="a", operation="b", slow_ms=1.5),)),
    ):
        assert type(query).model_validate_json(query.model_dump_json()) == query


def test_keys_that_are_joined_are_counted_together_where_a_request_has_all_of_them() -> None:
    rows = [
        span(
            n,
            name=("GET /", "POST /")[n % 2],
            attributes=[("cloud.region", ("eu", "us")[n // 2 % 2])] if n < 40 else [],
            resource=[("tier", "gold"), ("cloud.region", "resource")] if n < 48 else [],
        )
        for n in range(60)
    ]
    found = counts(portions(rows, keys=("operation, cloud.region, tier", "tier")), "operation, cloud.region, tier")
    assert {value: figures for (value, _), figures in found.items()} == {
        "GET /, eu, gold": (10, 0),
        "POST /, eu, gold": (10, 0),
        "GET /, us, gold": (10, 0),
        "POST /, us, gold": (10, 0),
        "GET /, resource, gold": (4, 0),
        "POST /, resource, gold": (4, 0),
    }
