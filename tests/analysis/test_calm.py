from datetime import UTC, datetime

import numpy as np
import pytest

from watchkeeper.analysis.calm import calm_blame, entry_of, unit_of
from watchkeeper.analysis.flow import acyclic, bridged, flow
from watchkeeper.analysis.gaps import flow_with_gaps
from watchkeeper.analysis.series import Grid, Red

GRID = Grid(datetime(2026, 5, 4, 12, tzinfo=UTC), 300.0, 5)
CALLS = {("front", "shop"), ("front", "stock"), ("shop", "db"), ("probe", "shop")}
REQUESTS = {"front": 100, "shop": 80, "stock": 60, "db": 160, "probe": 10}
OWN_MS = {"front": 100.0, "shop": 60.0, "stock": 20.0, "db": 10.0, "probe": 65.0}


def reds(more_seconds=None, failures=None, steps=5):
    """Per component: extra seconds of work, or failures, by step."""
    found = {}
    for name, requests in REQUESTS.items():
        extra = np.array((more_seconds or {}).get(name, [0.0] * steps), dtype=float)
        errors = np.array((failures or {}).get(name, [0.0] * steps), dtype=float)
        counts = np.full(steps, float(requests))
        found[name] = Red(counts, errors, OWN_MS[name] + 1e3 * extra / counts, np.full(steps, np.nan))
    return found


def usual(steps=40):
    rng = np.random.default_rng(1)
    return {
        name: Red(red.requests, red.errors, red.mean_ms * rng.lognormal(0, 0.02, steps), red.p95_ms)
        for name, red in reds(steps=steps).items()
    }


def blamed(services, calls=CALLS, at=2.0, unit="s", past=None):
    return calm_blame(services, usual() if past is None else past, "front", calls, grid=GRID, at=at, unit=unit)


SLOW = [0, 0, 20, 24, 0]


def test_the_excess_of_a_caller_is_that_of_its_callee():
    found = blamed(reds({name: SLOW for name in ("front", "shop", "db", "probe")}))
    assert found.flow.ranked[0] == "db"
    assert found.flow.shares["db"].score > 0.9
    assert found.flow.shares["front"].own < 0.1


def test_what_no_callee_explains_stays_with_the_caller():
    found = blamed(reds({"front": SLOW, "shop": SLOW, "probe": SLOW}))
    assert found.flow.ranked[0] == "shop"


def test_failures_are_followed_as_failures():
    drop = [0, 0, 30, 25, 0]
    found = blamed(reds(failures={"front": drop, "shop": drop}), unit="failures")
    assert found.unit == "failures"
    assert found.flow.ranked[0] == "shop"


def test_a_callee_that_was_never_called_before_leaves_the_blame_with_its_caller():
    drop = [0, 0, 30, 25, 0]
    services = reds(failures={"front": drop, "shop": drop})
    counts = np.array([0, 0, 30.0, 25, 0])
    services["wrong"] = Red(counts, counts.copy(), np.where(counts > 0, 5.0, np.nan), np.full(5, np.nan))
    assert blamed(services, CALLS | {("shop", "wrong")}, unit="failures").flow.ranked[0] == "shop"


def test_the_base_is_the_window_s_own_and_not_that_of_months_ago():
    past = {name: Red(red.requests, red.errors, red.mean_ms / 5, red.p95_ms) for name, red in usual().items()}
    found = blamed(reds({name: SLOW for name in ("front", "stock")}), past=past)
    assert found.flow.ranked[0] == "stock"
    assert found.steps.calm.tolist() == [True, True, False, False, True]


def test_a_later_larger_trouble_is_not_taken_for_the_cause_of_this_alarm():
    first, later = np.array([0, 0, 10, 0, 0.0]), np.array([0, 0, 0, 0, 90.0])
    found = blamed(reds({"front": first + later, "stock": first, "db": later, "shop": later}))
    assert found.flow.ranked[0] == "stock"


def test_an_alarm_that_comes_late_finds_the_same():
    services = reds({name: SLOW for name in ("front", "stock")})
    assert {blamed(services, at=at).flow.ranked[0] for at in (1.9, 2.5, 4.0, 8.0)} == {"stock"}


def test_an_undeclared_call_is_inferred_from_shape_and_size():
    found = blamed(reds({name: SLOW for name in ("front", "stock")}), CALLS - {("front", "stock")})
    assert list(found.flow.inferred) == [("front", "stock")]
    assert found.flow.ranked[0] == "stock"


def test_a_caller_is_never_inferred_to_be_a_callee():
    found = blamed(reds({name: SLOW for name in ("front", "shop", "probe")}))
    assert found.flow.inferred == {}


def test_components_of_which_nothing_is_known_are_bridged():
    calls = {("front", "balancer"), ("balancer", "stock")}
    assert bridged(calls, ["balancer"]) == {("front", "stock")}
    assert blamed(reds({name: SLOW for name in ("front", "stock")}), calls).flow.ranked[0] == "stock"


def test_names_decide_nothing():
    services = reds({name: SLOW for name in ("front", "shop", "db", "probe")})
    new = {"front": "front", "shop": "z", "db": "a", "stock": "m", "probe": "b"}
    calls = {(new[a], new[b]) for a, b in CALLS}
    past = {new[name]: red for name, red in usual().items()}
    renamed = calm_blame(
        {new[n]: red for n, red in services.items()}, past, "front", calls, grid=GRID, at=2.0, unit="s"
    )
    plain = blamed(services)
    assert {new[name]: share for name, share in plain.flow.shares.items()} == renamed.flow.shares


def test_rows_carry_what_claims_cite():
    rows = blamed(reds({name: SLOW for name in ("front", "stock")})).rows.to_pylist()
    first = rows[0]
    assert (first["component"], first["unit"]) == ("stock", "s")
    assert first["per_request_before"] == pytest.approx(0.02)
    assert first["per_request"] > 0.3
    assert first["excess"] > 35
    assert first["excess_before"] == 0
    assert first["began"] == GRID.time_of(2)
    assert first["share"] == max(row["share"] for row in rows)


def test_nothing_but_noise_blames_nobody():
    assert blamed(reds(), unit=None) is None
    assert calm_blame(reds(), {}, "nobody", CALLS, grid=GRID, at=2.0) is None


def test_without_a_measure_failures_are_looked_at_before_latency():
    drop = [0, 0, 30, 25, 0]
    services = reds({"front": SLOW, "db": SLOW}, {"front": drop, "stock": drop})
    assert blamed(services, unit=None).unit == "failures"
    assert blamed(reds({"front": SLOW, "stock": SLOW}), unit=None).unit == "s"


def test_without_any_past_the_window_s_own_scatter_is_the_noise():
    assert blamed(reds({name: SLOW for name in ("front", "stock")}), past={}).flow.ranked[0] == "stock"


@pytest.mark.parametrize(
    ("measure", "unit"),
    [
        ("mean latency", "s"),
        ("p95 latency", "s"),
        ("availability", "failures"),
        ("error ratio", "failures"),
        ("response_time.p95", "s"),
        ("requests", None),
        (None, None),
    ],
)
def test_the_measure_tells_the_unit(measure, unit):
    assert unit_of(measure) == unit


def test_users_come_in_where_nobody_calls_and_most_requests_are():
    assert entry_of(reds(), CALLS) == "front"
    assert entry_of({}, CALLS) is None


def test_a_circle_of_calls_is_followed_away_from_the_target():
    assert acyclic("a", {("a", "b"), ("b", "c"), ("c", "a"), ("c", "b")}) == {"a": ["b"], "b": ["c"], "c": []}


def test_what_flows_adds_up_to_one():
    shares = flow("a", {"a": 10, "b": 4, "c": 4, "d": 8}, {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")})
    assert sum(share.own for share in shares.values()) == pytest.approx(1.0)
    assert shares["d"].own == pytest.approx(0.8)


def test_an_excess_of_another_shape_explains_nothing():
    excess = {"a": np.array([0, 5.0, 5, 0]), "b": np.array([5.0, 0, 0, 5])}
    assert flow_with_gaps("a", excess, set()).inferred == {}
