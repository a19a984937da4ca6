import numpy as np
import pytest

from watchkeeper.analysis.flow import flow
from watchkeeper.analysis.gaps import flow_with_gaps, overlap

SLOW = np.array([0.0, 0.0, 20.0, 24.0, 0.0])
NOTHING = np.zeros(5)
CHAIN = {("a", "b"), ("b", "c")}


def first(excess, edges, costs=None):
    return flow_with_gaps("a", excess, edges, costs).ranked[0]


def test_a_call_that_is_missing_in_a_chain_is_bridged_by_likeness():
    assert first({"a": SLOW, "b": SLOW, "c": SLOW}, CHAIN - {("b", "c")}) == "c"


def test_a_callee_that_blame_reaches_another_way_may_still_be_called_undeclared():
    excess = {"a": SLOW, "b": 0.1 * SLOW, "c": SLOW}
    assert first(excess, CHAIN) == "c"


def test_without_any_calls_the_one_that_costs_least_of_those_alike_is_blamed():
    excess = {name: SLOW for name in ("a", "b", "c")}
    costs = {"a": (30.0, 0.3), "b": (20.0, 0.2), "c": (10.0, 0.1)}
    assert first(excess, set(), costs) == "c"


def test_a_caller_of_a_component_is_never_inferred_to_be_its_callee():
    found = flow_with_gaps("a", {"a": SLOW, "client": SLOW}, {("client", "a")})
    assert found.inferred == {}
    assert found.ranked == ["a"]


def test_blame_goes_on_by_as_much_as_two_series_overlap():
    found = flow_with_gaps("a", {"a": SLOW, "b": 0.6 * SLOW}, set())
    assert found.inferred[("a", "b")] == pytest.approx(0.6)
    assert found.shares["b"].own == pytest.approx(0.6)
    assert found.shares["a"].own == pytest.approx(0.4)


def test_two_undeclared_callees_share_what_stays():
    one, two = np.array([0, 10.0, 0]), np.array([0, 0, 8.0])
    found = flow_with_gaps("a", {"a": one + two, "b": one, "c": two}, set())
    assert set(found.inferred) == {("a", "b"), ("a", "c")}
    assert found.ranked[0] == "b"
    assert found.shares["a"].own < 0.15


def test_series_that_never_run_together_do_not_overlap():
    assert overlap(np.array([5.0, 0]), np.array([0, 5.0])) == 0
    assert overlap(NOTHING, SLOW) == 0
    assert overlap(SLOW, SLOW) == pytest.approx(1)


def test_an_excess_that_others_share_counts_less_but_counts():
    assert 0.3 < overlap(3 * SLOW, SLOW) < 1


def test_a_diamond_passes_on_both_halves():
    edges = {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")}
    assert flow("a", {"a": 10, "b": 5, "c": 5, "d": 10}, edges)["d"].own == pytest.approx(1)
    assert first({"a": 2 * SLOW, "b": SLOW, "c": SLOW, "d": 2 * SLOW}, edges - {("b", "d")}) == "d"


def test_circles_end():
    excess = {name: SLOW for name in "abc"}
    assert first(excess, {("a", "b"), ("b", "c"), ("c", "a"), ("c", "b")}) == "c"
