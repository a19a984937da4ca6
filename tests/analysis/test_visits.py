import random
from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest

from made_visits import NOON, QUIET, UNTIL, Row, lines_of, logs_table, order, span, spans_table, world
from watchkeeper.analysis.spans import read_spans
from watchkeeper.analysis.visit_changes import Inputs, visit_changes
from watchkeeper.analysis.visit_durations import own_durations
from watchkeeper.analysis.visit_features import WORDS, features
from watchkeeper.analysis.visit_findings import FINDINGS, Blamed, blamed
from watchkeeper.analysis.visit_lines import outline
from watchkeeper.analysis.visit_patterns import changes, patterns_of, shares
from watchkeeper.analysis.visit_shares import Shares, likelihood_ratio
from watchkeeper.analysis.visits import Visits, in_order, read_visits
from watchkeeper.tables import table_of


def visits_of(spans: list[Row], logs: list[Row] | None = None) -> Visits:
    return read_visits(read_spans(in_order(spans_table(spans))), None if logs is None else logs_table(logs))


def said(spans: list[Row], logs: list[Row] | None = None) -> list[list[str]]:
    """What happened in each visit, in order of the visits' times."""
    visits = visits_of(spans, logs)
    events = [
        [f"{visits.events[e].kind} {visits.events[e].text}".strip() for e in visits.event[visits.visit == number]]
        for number in range(visits.start_us.size)
    ]
    return [events[i] for i in np.argsort(visits.start_us, kind="stable")]


def found(rows: list[Row], logs: list[Row] | None = None, at: datetime = NOON, **more: pa.Table) -> pa.Table:
    inputs = Inputs(spans_table(rows), None if logs is None else logs_table(logs), **more)
    return visit_changes(inputs, [QUIET], at, UNTIL)


def usual(time: datetime, trace: str) -> list[Row]:
    return order(time, trace, steps=("reserve", "save"))


def early_return(time: datetime, trace: str) -> list[Row]:
    return order(time, trace, steps=("reserve",))


def test_a_visit_is_what_a_service_does_while_it_answers():
    assert said(order(NOON, "t", steps=("save",))) == [
        ["begin", "call call cart → cart GET /cart", "call call mail → mail POST /mail", "end"],
        ["begin", "span look up", "span save", "end"],
        ["begin", "end"],
    ]


def test_lines_stand_where_they_were_written():
    visits = said(order(NOON, "t", steps=("save",)), lines_of(NOON, "t", ["found 3 items"]))
    assert visits[1] == ["begin", "span look up", "log found <*> items", "span save", "end"]


def test_lines_of_one_place_in_the_code_are_one_event_whatever_they_say():
    logs = lines_of(NOON, "t", ["bought apples and pears", "bought"])
    for row in logs:
        row["attributes"] = [("code.function.name", "Cart"), ("code.line.number", "7")]
    visits = said(order(NOON, "t"), logs)
    assert visits[1] == ["begin", "span look up", *["log bought (Cart:7)"] * 2, "end"]


def test_printed_objects_and_lists_are_one_word_however_much_they_hold():
    short, long = "kept: Order(id=7, lines=[a]) of [x]", "kept: Order(id=8, lines=[a, b, Line(n=1)]) of [x]"
    assert outline(short) == outline(long) == "kept: Order<object> of [x]"


def test_lists_of_any_length_are_one_value_and_bare_codes_too():
    visits = said(order(NOON, "t"), lines_of(NOON, "t", ["ids <3, 4> 5, 6, 7 of D1345", "ids <3, 4> 5, 6 of D17"]))
    assert visits[1][2] == visits[1][3]


def test_a_span_without_its_parent_is_no_visit():
    assert said([span(NOON, "t", "x", "gone", "cart", "look up", 4)]) == []


def test_spans_that_are_their_own_ancestors_do_no_harm():
    circle = [span(NOON, "t", a, b, "cart", "look up", 4) for a, b in (("x", "y"), ("y", "x"), ("z", "z"))]
    rows = world(usual, early_return)
    assert blamed(found(rows + circle)) == blamed(found(rows))


def test_rows_told_twice_count_once():
    rows, logs = order(NOON, "t"), lines_of(NOON, "t", ["found"])
    assert said(rows * 2, logs * 2) == said(rows, logs)


def test_the_likelihood_ratio_of_a_table_is_what_is_known_by_hand():
    always, never = (
        Shares(*(np.array([n]) for n in (10.0, 10.0, 10.0, 10.0))),
        Shares(*(np.array([n]) for n in (10.0, 10.0, 0.0, 10.0))),
    )
    assert likelihood_ratio(always) == pytest.approx([0.0])
    # 2 Σ O ln(O/E) of the cells 10.5, .5, .5 and 10.5, of which 5.5 each are expected.
    assert likelihood_ratio(never) == pytest.approx([2 * (21 * np.log(10.5 / 5.5) + np.log(0.5 / 5.5))])


def test_an_event_counts_in_visits_of_its_operation_and_an_order_where_the_first_was():
    rows = [row for i in range(4) for row in order(NOON, f"t{i}", steps=["save", "close"][: i // 2 + 1])]
    visits = visits_of(rows)
    patterns = patterns_of(visits)
    every = np.ones(visits.start_us.size, dtype=bool)
    counts = shares(visits, patterns, every, ~every)
    named = {
        (visits.events[e].text, visits.events[a].text if a >= 0 else None): (counts.before[p], counts.before_of[p])
        for p, (e, a) in enumerate(zip(patterns.event, patterns.after, strict=True))
    }
    assert (named["close", None], named["close", "save"]) == ((2, 4), (2, 4))
    assert named["", "save"] == (2, 4)


def test_a_method_that_returns_early_is_found_by_what_does_not_follow():
    table = found(world(usual, early_return))
    first = blamed(table)[0]
    assert (first.component, first.kind) == ("cart", "errors")
    ends = [row for row in table.to_pylist() if row["event"] == "end" and row["after"] == "span reserve"]
    assert [(row["value_before"], row["value"]) for row in ends] == [(0.0, 1.0)]


def test_nothing_is_found_where_nothing_changed():
    assert found(world(usual, usual)).num_rows == 0


def test_an_alert_two_minutes_late_blames_the_same():
    table = found(world(usual, early_return), at=NOON + timedelta(seconds=120))
    assert blamed(table)[0].component == "cart"


def test_a_new_warning_speaks_against_whoever_wrote_it():
    rows = world(usual, usual)
    times = {row["trace_id"]: row["time"] for row in rows if row["service_name"] == "web" and row["kind"] == "server"}
    logs = []
    for trace, time in sorted(times.items()):
        bad = time >= NOON
        logs += lines_of(time, trace, ["no stock" if bad else "stock found"], 17 if bad else 9)
    assert blamed(found(rows, logs))[0].component == "cart"


def test_logging_that_only_began_now_is_no_change_of_behaviour():
    rows = world(usual, usual)
    logs = [r for row in rows if row["name"] == "GET /cart" and row["time"] >= NOON for r in said_now(row)]
    assert found(rows, logs).num_rows == 0


def said_now(row: Row) -> list[Row]:
    return lines_of(row["time"], str(row["trace_id"]), ["looking"])


def test_what_drifted_since_the_quiet_minute_is_no_news():
    def drifted(time: datetime, trace: str) -> list[Row]:
        return early_return(time, trace) if time > QUIET.end else usual(time, trace)

    drift, fault = blamed(found(world(drifted, drifted))), blamed(found(world(usual, early_return)))
    assert all(b.score < 0.2 * fault[0].score for b in drift)


def test_a_callee_that_is_only_asked_for_other_things_is_not_to_blame():
    def called(time: datetime, trace: str, page: str) -> list[Row]:
        at = [time + timedelta(milliseconds=ms) for ms in (0, 1, 3, 4, 5)]
        return [
            span(at[0], trace, "a", None, "web", "GET /", 30, kind="server"),
            span(at[1], trace, "p", "a", "web", page, 1),
            span(at[2], trace, "b", "a", "web", "call ads", 10, kind="client"),
            span(at[3], trace, "c", "b", "ads", "GET /ads", 8, kind="server"),
            span(at[4], trace, "d", "c", "ads", "by category" if page == "product" else "at random", 2),
        ]

    def mixed(time: datetime, trace: str) -> list[Row]:
        return called(time, trace, "product" if int(time.timestamp()) % 4 else "index")

    def one_page(time: datetime, trace: str) -> list[Row]:
        return called(time, trace, "index")

    assert "ads" not in {b.component for b in blamed(found(world(mixed, one_page)))}


def test_a_busy_processor_is_told_by_sustained_use():
    def samples(cpu: list[float]) -> list[dict[str, object]]:
        end = UNTIL - timedelta(seconds=30)
        return [
            {
                "time": end - timedelta(minutes=len(cpu) - 1 - i),
                "service_name": "cart",
                "name": "k8s.pod.cpu.utilization",
                "unit": "1",
                "kind": "gauge",
                "value": value,
            }
            for i, value in enumerate(cpu)
        ]

    def buckets(cpu: list[float]) -> pa.Table:
        table = table_of("metrics", samples(cpu))
        return table.append_column("mean", table["value"])

    rows = world(usual, usual)
    (busy,) = blamed(found(rows, buckets=buckets([0.05] * 30 + [0.9, 0.95, 0.9])))
    assert (busy.component, busy.kind) == ("cart", "cpu")
    assert found(rows, buckets=buckets([0.05] * 30 + [0.05, 0.95, 0.05])).num_rows == 0


def test_own_work_that_takes_longer_is_found_where_it_is_done():
    def slow(time: datetime, trace: str) -> list[Row]:
        return order(time, trace, own_ms=200.0)

    first = blamed(found(world(lambda t, i: order(t, i), slow)))[0]
    assert (first.component, first.kind) == ("cart", "latency")


def test_order_of_rows_does_not_matter():
    rows = world(usual, early_return)
    shuffled = rows.copy()
    random.Random(5).shuffle(shuffled)
    assert found(shuffled).equals(found(rows))


def test_names_of_services_do_not_matter():
    rows = world(usual, early_return)
    other = {"web": "z", "cart": "a", "mail": "m"}
    renamed = [row | {"service_name": other[str(row["service_name"])]} for row in rows]
    before, after = blamed(found(rows)), blamed(found(renamed))
    assert [(other[b.component], b.score) for b in before] == [(b.component, pytest.approx(b.score)) for b in after]


def test_shares_of_the_blame_add_up_to_one():
    assert sum(b.share for b in blamed(found(world(usual, early_return)))) == pytest.approx(1.0)


def test_nobody_is_blamed_for_nothing():
    assert blamed(FINDINGS.empty_table()) == []
    assert visit_changes(Inputs(), [], NOON, UNTIL).num_rows == 0


def test_a_busy_processor_explains_the_rest():
    assert Blamed("cart", 9.0, 1.0, {"delay": 6.0, "cpu": 3.0}).kind == "cpu"
    assert Blamed("cart", 9.0, 1.0, {"delay": 8.0, "cpu": 1.0}).kind == "latency"


def test_the_past_that_is_most_like_the_present_says_how_much_a_change_matters():
    rows = [row for i in range(40) for row in order(NOON, f"t{i:02}", steps=["save"] * (i < 20))]
    visits = visits_of(rows)
    patterns = patterns_of(visits)
    number = {row["trace_id"]: i for i, row in enumerate(r for r in rows if r["parent_span_id"] is None)}
    assert len(number) == 40
    saved = np.unique(visits.visit[[visits.events[e].text == "save" for e in visits.event]])
    has = np.zeros(visits.start_us.size, dtype=bool)
    has[saved] = True
    cart = np.array([visits.events[b].service == "cart" for b in visits.begin])
    plain = np.flatnonzero(cart & ~has)
    near, now = np.zeros_like(has), np.zeros_like(has)
    near[plain[:10]], now[plain[10:]] = True, True
    alone = changes(visits, patterns, [has], now).score.max()
    assert changes(visits, patterns, [has, near], now).score.max() < 0.5 * alone


def with_store(time: datetime, trace: str, *, calls: int = 1, ms: float = 4.0) -> list[Row]:
    """`cart` asks a database that reports nothing itself, so many times for so long each."""
    rows = order(time, trace, own_ms=5.0 + calls * ms)
    for i in range(calls):
        at = time + timedelta(milliseconds=6.2 + i * ms)
        rows.append(span(at, trace, f"q{i}", "c", "cart", "SELECT", ms, kind="client"))
    return rows


def unanswered(time: datetime, trace: str, *, fails: bool = False) -> list[Row]:
    """`web` calls `cart`, of which nothing is seen."""
    rows = [row for row in order(time, trace) if row["service_name"] != "cart"]
    return [row | {"status_code": "error"} if fails and row["name"] == "call cart" else row for row in rows]


@pytest.mark.parametrize("fails", [True, False])
def test_whoever_answers_no_more_is_blamed_and_not_whoever_calls(fails: bool):
    ranked = blamed(found(world(lambda t, i: order(t, i), lambda t, i: unanswered(t, i, fails=fails))))
    assert [(each.component, set(each.parts)) for each in ranked] == [("cart", {"unanswered"})]


def test_an_error_speaks_against_where_it_began():
    def failing(time: datetime, trace: str) -> list[Row]:
        bad = {"GET /", "call cart", "GET /cart"}
        return [row | {"status_code": "error"} if row["name"] in bad else row for row in order(time, trace)]

    table = found(world(lambda t, i: order(t, i), failing))
    assert {each.component for each in blamed(table)} == {"cart"}
    assert any("error of its own" in row["event"] for row in table.to_pylist())


def test_what_a_caller_leaves_out_after_a_refused_call_is_not_held_against_it():
    def refused(time: datetime, trace: str) -> list[Row]:
        rows = [row for row in order(time, trace) if row["name"] not in ("call mail", "POST /mail")]
        return [row | {"status_code": "error"} if row["name"] == "call cart" else row for row in rows]

    table = found(world(lambda t, i: order(t, i), refused))
    assert ("web", "behaviour") not in zip(table["component"].to_pylist(), table["signal"].to_pylist(), strict=True)


def test_a_caller_that_waits_before_it_asks_again_has_not_become_slow():
    def refused(time: datetime, trace: str) -> list[Row]:
        rows = unanswered(time, trace, fails=True)
        return [row | {"duration_ns": int(900e6)} if row["name"] == "GET /" else row for row in rows]

    ranked = blamed(found(world(lambda t, i: order(t, i), refused)))
    assert [(each.component, set(each.parts)) for each in ranked] == [("cart", {"unanswered"})]


@pytest.mark.parametrize("slow", [{"ms": 80.0}, {"calls": 20}])
def test_slow_or_many_calls_to_what_reports_nothing_speak_against_whoever_makes_them(slow: dict[str, float]):
    table = found(world(lambda t, i: with_store(t, i), lambda t, i: with_store(t, i, **slow)))
    first = blamed(table)[0]
    assert (first.component, "outside" in first.parts) == ("cart", True)


def test_work_between_two_calls_is_work_and_beside_one_is_waiting():
    def spans_at(start_ms: float) -> list[Row]:
        at = [NOON + timedelta(milliseconds=ms) for ms in (0, 10, 60, start_ms)]
        return [
            span(at[0], "t", "a", None, "web", "GET /", 100, kind="server"),
            span(at[1], "t", "b", "a", "web", "one", 20, kind="client"),
            span(at[2], "t", "c", "a", "web", "two", 20, kind="client"),
            span(at[3], "t", "d", "a", "web", "acquire", 15),
        ]

    names = [own_durations(read_spans(spans_table(spans_at(ms))))[1] for ms in (35.0, 12.0)]
    assert [("web", "acquire") in own for own in names] == [True, False]


def test_whoever_waits_for_a_slow_callee_is_blamed_less_than_the_callee():
    def slow(time: datetime, trace: str) -> list[Row]:
        return [
            row | ({"duration_ns": int(900e6)} if row["name"] == "GET /" else {})
            for row in order(time, trace, own_ms=400.0)
        ]

    assert blamed(found(world(lambda t, i: order(t, i), slow)))[0].component == "cart"


def test_units_and_time_zone_do_not_matter():
    rows = world(usual, early_return)
    east = timezone(timedelta(hours=9))
    elsewhere = [row | {"time": row["time"].astimezone(east)} for row in rows]  # type: ignore[attr-defined]
    assert found(elsewhere, at=NOON.astimezone(east)).equals(found(rows))


def test_the_answer_survives_a_tenth_of_the_traces_and_clocks_that_differ():
    rows = world(usual, early_return)
    few = [row for row in rows if int(str(row["trace_id"]), 16) // 2000 % 5 == 0]
    skewed = [
        row | {"time": row["time"] + timedelta(milliseconds=40)} if row["service_name"] == "cart" else row
        for row in few
    ]
    assert blamed(found(skewed))[0].component == "cart"


def test_features_are_finite_and_the_first_one_leads():
    ranked = blamed(found(world(usual, early_return)))
    offered = features(ranked)
    assert set(offered[ranked[0].component]) == set(WORDS)
    assert all(np.isfinite(value) for each in offered.values() for value in each.values())
    assert offered[ranked[0].component]["visits.lead"] > 0
    assert offered[ranked[0].component]["visits.behaviour"] > 0


def test_what_a_signal_says_in_quiet_minutes_is_not_held_against_anybody():
    calm = Blamed("cart", 8.0, 1.0, {"own time": 8.0}, quiet={"own time": 8.0})
    sure = Blamed("cart", 8.0, 1.0, {"own time": 8.0}, quiet={"own time": 0.0})
    assert features([calm])["cart"]["visits.own_time"] == 0
    assert features([sure])["cart"]["visits.own_time"] == pytest.approx(np.log(9.0))


def test_spans_that_never_ended_do_no_harm():
    table = spans_table(world(usual, early_return))
    place = table.column_names.index("duration_ns")
    ended = [None if i % 7 == 0 else each for i, each in enumerate(table["duration_ns"].to_pylist())]
    broken = table.set_column(place, "duration_ns", pa.array(ended, table.schema.field("duration_ns").type))
    assert blamed(visit_changes(Inputs(broken), [QUIET], NOON, UNTIL))[0].component == "cart"


@pytest.mark.parametrize("seed", range(3))
def test_spans_that_were_lost_are_not_taken_for_silence(seed: int):
    rows = world(usual, early_return)
    kept = random.Random(seed).sample(rows, int(0.8 * len(rows)))
    assert blamed(found(kept))[0].component == "cart"


def test_traces_kept_only_because_they_were_slow_come_to_an_end():
    def kept(time: datetime, trace: str) -> list[Row]:
        return order(time, trace, own_ms=300.0) if int(time.timestamp()) % 10 == 0 else []

    assert all(np.isfinite(each.score) for each in blamed(found(world(kept, lambda t, i: order(t, i, own_ms=300.0)))))


def test_telling_everything_twice_changes_nothing():
    rows = world(usual, early_return)
    logs = [line for row in rows for line in lines_of(row["time"], str(row["trace_id"]), ["kept 3 items"])]  # type: ignore[arg-type]
    assert found(rows * 2, logs * 2).equals(found(rows, logs))


def test_a_sample_that_keeps_more_failures_than_requests_still_blames_where_they_begin():
    def failing(time: datetime, trace: str) -> list[Row]:
        bad = {"GET /", "call cart", "GET /cart"} if int(trace, 16) // 2000 % 2 else set()
        return [row | {"status_code": "error"} if row["name"] in bad else row for row in order(time, trace)]

    rows = world(lambda t, i: order(t, i), failing)
    failed = {row["trace_id"] for row in rows if row["status_code"] == "error"}
    kept = [row for row in rows if row["trace_id"] in failed or int(str(row["trace_id"]), 16) // 2000 % 5 == 0]
    assert blamed(found(kept))[0].component == "cart"


def test_traces_cut_off_above_blame_the_same():
    rows = world(usual, early_return)
    cut = [row for row in rows if row["service_name"] != "web" or int(str(row["trace_id"]), 16) // 2000 % 3]
    assert blamed(found(cut))[0].component == "cart"
