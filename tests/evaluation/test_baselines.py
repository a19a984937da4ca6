from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from watchkeeper.datasets.cases import Case, Edge, Tables, Trigger
from watchkeeper.domain import Signal, Window
from watchkeeper.evaluation.baseline_scores import LARGEST, Moved, since_the_lead, z_score
from watchkeeper.evaluation.baselines import BASELINES
from watchkeeper.tables import METRICS, table_of

ALARM = datetime(2026, 5, 4, 12, tzinfo=UTC)
SCORING = ("max_z", "nsigma", "baro")
Rows = list[dict[str, object]]


def at(minutes: float) -> datetime:
    """So many minutes after the alarm."""
    return ALARM + timedelta(minutes=minutes)


def case(
    *,
    service: str | None = None,
    measure: str | None = None,
    calls: Sequence[Edge] = (),
    references: tuple[Window, ...] = (),
    until: float = 3,
) -> Case:
    signal = Signal(kind="alert", at=ALARM, service=service, measure=measure)
    return Case("made", Trigger(signal, at(until), references, frozenset(calls)), dict)


def points(service: str, minutes: Sequence[float], values: Sequence[float | None], **row: object) -> Rows:
    fixed = {"service_name": service, "name": "cpu", "kind": "gauge"} | row
    return [fixed | {"time": at(m), "value": v} for m, v in zip(minutes, values, strict=True)]


def gauge(service: str, before: Sequence[float | None], after: Sequence[float | None], **row: object) -> Rows:
    """One value a minute, the last of `before` two minutes ahead of the alarm, the first of `after` right at it."""
    minutes = [*range(-len(before) - 1, -1), *range(len(after))]
    return points(service, minutes, [*before, *after], **row)


def span(service: str, minutes: float, ms: float = 10, kind: str = "server", failed: bool = False) -> dict[str, object]:
    return {
        "service_name": service,
        "time": at(minutes),
        "duration_ns": int(ms * 1e6),
        "trace_id": "a",
        "span_id": "b",
        "name": "GET /",
        "kind": kind,
        "status_code": "error" if failed else "unset",
    }


def deploy(service: str, minutes: float, *commits: str, kind: str = "deploy") -> dict[str, object]:
    return {"id": f"{service}{minutes}", "kind": kind, "service_name": service, "time": at(minutes), "commits": commits}


def metrics(*rows: Rows) -> Tables:
    return {"metrics": table_of("metrics", [row for part in rows for row in part])}


def ranked(name: str, tables: Tables, of: Case | None = None) -> list[str]:
    return list(BASELINES[name](of or case(), tables))


def test_services_are_ranked_by_the_largest_z_of_any_metric():
    tables = metrics(
        gauge("small", [8, 12, 8, 12], [16]),
        gauge("large", [8, 12, 8, 12], [10]),
        gauge("large", [1, 3, 1, 3], [12], name="memory"),
    )
    assert ranked("max_z", tables) == ["large", "small"]


def test_a_z_is_the_distance_from_the_mean_in_standard_deviations():
    (moved,) = since_the_lead(case(), metrics(gauge("cart", [8, 12, 8, 12], [11, 16, 9])))
    assert z_score(moved) == 3.0


@pytest.mark.parametrize("name", SCORING)
def test_a_fall_counts_as_a_rise_does(name: str):
    tables = metrics(gauge("fell", [8, 12, 8, 12], [0]), gauge("rose", [8, 12, 8, 12], [13]))
    assert ranked(name, tables) == ["fell", "rose"]


def test_a_constant_that_moves_gets_a_large_and_finite_score():
    (moved,) = since_the_lead(case(), metrics(gauge("cart", [5, 5, 5], [6])))
    assert z_score(moved) == LARGEST


def test_a_past_of_two_minutes_is_split_at_the_signal_itself():
    rows = points("cart", [-1.5, -0.5, 0.5], [8, 12, 14])
    (moved,) = since_the_lead(case(), metrics(rows))
    assert z_score(moved) == 2.0


def test_what_rounding_leaves_of_a_constant_is_no_movement():
    assert ranked("max_z", metrics(gauge("cart", [0.3, 0.1 + 0.2, 0.3], [0.3]))) == []


@pytest.mark.parametrize("name", ["nsigma", "baro"])
def test_the_published_scores_drop_what_was_constant(name: str):
    assert ranked(name, metrics(gauge("flag", [0, 0, 0, 0], [9]), gauge("cart", [1, 2, 1, 2], [3]))) == ["cart"]


def test_one_wild_value_in_the_past_hides_a_fault_from_nsigma_and_not_from_baro():
    wild = [10.0, 11, 12, 11, 10, 11, 12, 500]
    tables = metrics(gauge("faulty", wild, [40]), gauge("other", [10, 12, 10, 12, 10, 12, 10, 12], [13]))
    assert ranked("nsigma", tables) == ["other", "faulty"]
    assert ranked("baro", tables) == ["faulty", "other"]


def test_baro_counts_a_range_of_zero_as_one():
    tables = metrics(gauge("rare", [0, 0, 0, 0, 0, 0, 0, 1], [3]), gauge("cart", [1, 3, 1, 3], [6]))
    # 3 / 1 against (6 - 2) / 2.
    assert ranked("baro", tables) == ["rare", "cart"]


def test_max_z_looks_a_minute_ahead_of_the_signal_and_nsigma_does_not():
    early = points("early", [-6, -5, -4, -3, -0.5, 1], [1, 2, 1, 2, 90, 1.5])
    assert ranked("max_z", metrics(early)) == ["early"]
    assert ranked("nsigma", metrics(early, gauge("cart", [1, 2, 1, 2], [9])))[0] == "cart"


@pytest.mark.parametrize("name", SCORING)
def test_nothing_after_the_end_is_read(name: str):
    later = points("later", [4, 5], [900, 900])
    tables = metrics(gauge("later", [1, 2, 1, 2], [1.6]), later, gauge("cart", [1, 2, 1, 2], [3]))
    assert ranked(name, tables) == ["cart", "later"]


@pytest.mark.parametrize("name", ["nsigma", "baro"])
def test_a_stretch_known_to_be_good_is_the_normal_period_where_it_is_long_enough(name: str):
    good = Window(start=at(-200), end=at(-100))
    quiet = points("cart", [-150 + m for m in range(12)], [1, 2] * 6)
    # The minutes before the alarm are full of another fault.
    noise = points("other", [-150 + m for m in range(12)], [1, 9] * 6)
    tables = metrics(quiet, noise, gauge("cart", [90, 10, 90, 10] * 9, [9]), gauge("other", [1, 9] * 18, [12]))
    assert ranked(name, tables, case(references=(good,))) == ["cart", "other"]
    assert ranked(name, tables) == ["other", "cart"]


@pytest.mark.parametrize("name", SCORING)
def test_a_figure_that_was_not_recorded_in_the_good_stretch_is_not_compared(name: str):
    good = Window(start=at(-200), end=at(-100))
    quiet = points("cart", [-150 + m for m in range(12)], [1, 2] * 6)
    tables = metrics(quiet, gauge("cart", [], [9]), gauge("new", [1, 2, 1, 2], [90]))
    assert ranked(name, tables, case(references=(good,))) == ["cart"]


@pytest.mark.parametrize("name", SCORING)
def test_a_good_stretch_recorded_later_may_be_read_and_is_no_incident(name: str):
    good = Window(start=at(1000), end=at(1100))
    quiet = points("cart", [1000 + m for m in range(12)], [1, 2] * 6)
    assert ranked(name, metrics(quiet, points("cart", [1], [9])), case(references=(good,))) == ["cart"]


@pytest.mark.parametrize("name", SCORING)
def test_values_that_are_not_finite_are_left_out(name: str):
    nan, inf = float("nan"), float("inf")
    tables = metrics(gauge("cart", [1, nan, 2, None, 1, 2], [nan, 9, inf]), gauge("dead", [nan] * 4, [nan]))
    assert ranked(name, tables) == ["cart"]


def test_where_the_largest_scores_are_equal_the_next_decide_and_not_the_name():
    def rows(worse: str, better: str) -> Tables:
        both = [gauge(who, [1, 3, 1, 3], [9]) for who in (worse, better)]
        return metrics(*both, gauge(worse, [1, 3, 1, 3], [5], name="io"), gauge(better, [1, 3, 1, 3], [4], name="io"))

    assert ranked("max_z", rows("a", "b")) == ["a", "b"]
    assert ranked("max_z", rows("b", "a")) == ["b", "a"]


def test_series_of_other_attributes_are_kept_apart():
    low = gauge("cart", [1, 2, 1, 2], [1], attributes=[("pool", "a")])
    high = gauge("cart", [101, 102, 101, 102], [104], attributes=[("pool", "b")])
    assert sorted(z_score(m) for m in since_the_lead(case(), metrics(low, high))) == [1.0, 5.0]


def test_a_counter_that_grows_evenly_has_not_moved():
    counter = {"kind": "sum", "temporality": "cumulative", "is_monotonic": True}
    steady = points("steady", [-5, -4, -3, -2, 0, 1], [0, 60, 120, 180, 300, 360], **counter)
    busy = points("busy", [-5, -4, -3, -2, 0, 1], [0, 60, 120, 180, 300, 900], **counter)
    assert ranked("max_z", metrics(steady, busy)) == ["busy"]


def test_a_counter_of_a_new_instance_is_no_fall():
    counter = {"kind": "sum", "temporality": "cumulative", "is_monotonic": True}
    old = points("cart", [-4, -3, -2], [600, 660, 720], service_instance_id="old", **counter)
    new = points("cart", [0, 1, 2], [0, 60, 120], service_instance_id="new", **counter)
    assert ranked("max_z", metrics(old, new)) == []


def test_a_histogram_tells_of_the_share_of_errors_over_all_its_attributes():
    minutes = [-5, -4, -3, -2, 0, 1]
    histogram = {"name": "http.server.request.duration", "kind": "histogram", "temporality": "delta"}
    went_well = [r | {"count": c} for r, c in zip(points("cart", minutes, [1.0] * 5 + [0.0], **histogram),
                                                   [10, 10, 10, 10, 10, 0], strict=True)]  # fmt: skip
    failed = [r | {"count": 10} for r in points("cart", [1], [1.0], attributes=[("error.type", "500")], **histogram)]
    moved = {m.aspect: m for m in since_the_lead(case(), metrics(went_well, failed))}
    assert moved["errors"].now.tolist() == [0.0, 1.0]
    assert moved["requests"].now.tolist() == [10.0, 10.0]
    assert moved["duration"].now.tolist() == pytest.approx([0.1, 0.1])


def every_ten_seconds(service: str, start: float, end: float, **row: object) -> Rows:
    count = round((end - start) * 6)
    return [span(service, start + n / 6 + 0.01, **row) for n in range(count)]  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", [{"failed": True}, {"ms": 400}])
def test_a_service_without_metrics_is_seen_through_its_spans(fault: dict[str, object]):
    spans = every_ten_seconds("steady", -10, 3) + every_ten_seconds("cart", -10, 0)
    tables = {"spans": table_of("spans", spans + every_ten_seconds("cart", 0, 3, **fault))}
    assert ranked("max_z", tables) == ["cart"]


def test_a_service_that_falls_silent_has_moved():
    spans = every_ten_seconds("steady", -10, 3) + every_ten_seconds("cart", -10, 0)
    assert ranked("max_z", {"spans": table_of("spans", spans)}) == ["cart"]


def test_a_time_that_was_not_recorded_is_no_silence():
    # Neither end of the stretch falls on a step.
    good = Window(start=at(-200.1), end=at(-199.1))
    spans = every_ten_seconds("cart", -200.1, -199.1) + every_ten_seconds("cart", -3, 3)
    assert ranked("max_z", {"spans": table_of("spans", spans)}, case(references=(good,))) == []


def test_a_request_that_had_not_ended_is_not_known_yet():
    spans = [*every_ten_seconds("cart", -10, 3), span("cart", 2.5, ms=60_000)]
    assert ranked("max_z", {"spans": table_of("spans", spans)}) == []


SHOP = (("web", "cart"), ("web", "search"), ("cart", "db"), ("search", "index"))


def test_traversal_puts_the_deepest_anomalous_service_without_anomalous_callees_first():
    tables = metrics(
        gauge("web", [1, 3, 1, 3], [9]), gauge("cart", [1, 3, 1, 3], [8]), gauge("db", [1, 3, 1, 3], [7]),
        gauge("search", [1, 3, 1, 3], [40]), gauge("index", [1, 3, 1, 3], [2]),
    )  # fmt: skip
    assert ranked("traversal", tables, case(service="web", calls=SHOP)) == ["db", "search", "cart", "web"]


def test_traversal_does_not_pass_a_service_that_is_well():
    tables = metrics(gauge("cart", [1, 3, 1, 3], [2]), gauge("db", [1, 3, 1, 3], [90]))
    assert ranked("traversal", tables, case(service="web", calls=SHOP)) == ["web"]


def test_traversal_ends_where_services_call_each_other_in_a_circle():
    calls = (("web", "cart"), ("cart", "web"))
    assert ranked("traversal", metrics(gauge("cart", [1, 3, 1, 3], [90])), case(service="web", calls=calls)) == [
        "cart",
        "web",
    ]


def test_traversal_goes_by_the_figures_that_the_alarm_is_about():
    spans = [s for who in ("web", "cart", "search") for s in every_ten_seconds(who, -10, 0)]
    spans += every_ten_seconds("web", 0, 3) + every_ten_seconds("cart", 0, 3, failed=True)
    tables = {"spans": table_of("spans", spans + every_ten_seconds("search", 0, 3, ms=900))}
    slow = case(service="web", measure="mean latency", calls=SHOP)
    assert ranked("traversal", tables, slow) == ["search", "web"]
    failing = case(service="web", measure="availability", calls=SHOP)
    assert ranked("traversal", tables, failing) == ["cart", "web"]


def test_traversal_orders_causes_of_one_depth_by_strength_and_not_by_name():
    def causes(weaker: str, stronger: str) -> list[str]:
        calls = (("web", weaker), ("web", stronger))
        tables = metrics(gauge(weaker, [1, 3, 1, 3], [8]), gauge(stronger, [1, 3, 1, 3], [9]))
        return ranked("traversal", tables, case(service="web", calls=calls))

    assert causes("a", "b") == ["b", "a", "web"]
    assert causes("b", "a") == ["a", "b", "web"]


@pytest.mark.parametrize("of", [case(calls=SHOP), case(service="web")])
def test_traversal_needs_an_alarming_service_and_declared_calls(of: Case):
    assert ranked("traversal", metrics(gauge("web", [1, 3, 1, 3], [9])), of) == []


def test_deploys_are_ranked_by_recency_and_later_ones_do_not_count():
    changes = [deploy("cart", -50, "aaa"), deploy("web", -5, "bbb", "ccc"), deploy("cart", 1, "ddd")]
    tables = {"changes": table_of("changes", [*changes, deploy("cart", -1, "eee", kind="config")])}
    assert ranked("latest_deploy", tables) == ["bbb", "ccc", "aaa"]
    assert ranked("service_deploy", tables, case(service="cart")) == ["aaa"]
    assert ranked("service_deploy", tables) == []


def test_a_commit_that_was_deployed_twice_is_named_once():
    tables = {"changes": table_of("changes", [deploy("cart", -50, "aaa", "bbb"), deploy("web", -5, "bbb")])}
    assert ranked("latest_deploy", tables) == ["bbb", "aaa"]


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"metrics": METRICS.empty_table()},
        {name: table_of(name, []) for name in ("metrics", "spans", "changes")},  # type: ignore[arg-type]
        {"metrics": pa.table({"value": [1.0, 2.0]}), "spans": pa.table({"name": ["a"]}), "changes": pa.table({})},
        {"metrics": table_of("metrics", gauge("web", [1], [2])), "spans": table_of("spans", [span("web", 1)])},
        {"metrics": table_of("metrics", points("web", [1, 2], [5, 6]))},
    ],
)
def test_little_or_no_telemetry_gives_no_answer_beyond_the_alarm_itself(name: str, tables: Tables):
    assert set(ranked(name, tables, case(service="web", calls=SHOP))) <= {"web"}


def test_columns_that_nothing_depends_on_may_be_missing():
    whole = table_of("metrics", gauge("cart", [1, 3, 1, 3], [9]))
    few = whole.select(["time", "service_name", "name", "value"])
    assert ranked("max_z", {"metrics": few}) == ["cart"]


def test_a_figure_is_scored_by_its_farthest_value():
    rows = gauge("cart", [1, 3, 1, 3], [2, 7, 2])
    (moved,) = since_the_lead(case(), metrics(rows))
    assert isinstance(moved, Moved)
    assert z_score(moved) == 5.0
