"""Faults drawn at random: what they may be, and when one matters."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from made_traces import ONSET, REQUESTS, at, quiet
from watchkeeper.injection.forest import Forest
from watchkeeper.injection.plan import Fault
from watchkeeper.injection.planning import Stretch, draw, kinds_for, unheard

STRETCH = Stretch(at(ONSET - 0.5), at(REQUESTS))
DRAWN = 120


@pytest.fixture(scope="module")
def faults() -> list[Fault]:
    forest = quiet().forest
    return [draw(forest, STRETCH, seed, "made") for seed in range(DRAWN)]


def test_a_component_can_have_only_the_faults_that_it_could_show():
    forest = quiet().forest
    assert set(kinds_for(forest, "pay")) == {"latency", "errors", "silence", "crash", "cpu", "network-delay"}
    assert {"slow-dependency", "gaps"} <= set(kinds_for(forest, "shop"))
    assert "surge" in kinds_for(forest, "front")
    assert "surge" not in kinds_for(forest, "shop")


def test_a_slow_network_is_of_one_whose_links_are_no_one_else_s():
    spans = quiet().spans
    pair = spans.filter(pc.is_in(spans["name"], pa.array(["front", "ask-pay", "pay"])))
    assert "network-delay" in kinds_for(Forest.of(spans), "pay")
    assert "network-delay" not in kinds_for(Forest.of(pair), "pay")


def test_a_surge_enters_where_users_do_not_where_telemetry_was_cut_off():
    spans = quiet().spans
    cut = spans.filter(pc.or_(pc.greater(spans["time"], at(2)), pc.not_equal(spans["service_name"], "front")))
    assert "surge" not in kinds_for(Forest.of(cut), "shop")
    assert "surge" in kinds_for(Forest.of(cut), "front")


def test_gaps_count_only_requests_that_have_something_to_leave_out():
    spans = quiet().spans
    half = spans.filter(pc.or_(pc.less(spans["time"], at(ONSET + (REQUESTS - ONSET) / 2)), calls_nobody(spans)))
    whole, partly = (draw(Forest.of(each), STRETCH, 3, kind="gaps") for each in (spans, half))
    assert (whole.component, partly.component) == ("shop", "shop")
    assert partly.strength.excess == pytest.approx(whole.strength.excess / 2, rel=0.05)


def calls_nobody(spans):
    return pc.is_in(spans["name"], pa.array(["front", "ask-shop", "shop", "ask-pay", "pay"]))


def test_every_kind_and_every_component_comes_up(faults):
    assert len(Counter(fault.kind for fault in faults)) == 9
    assert set(Counter(fault.component for fault in faults)) == {"front", "pay", "shop"}


def test_sizes_reach_from_faint_to_large(faults):
    material = [fault.strength.is_material for fault in faults]
    assert 0.2 < sum(material) / len(material) < 0.9


def test_a_delay_matters_by_its_size_beside_what_is_usual(faults):
    delays = [f.strength for f in faults if f.kind in ("latency", "network-delay", "slow-dependency")]
    assert all(s.is_material == (s.excess >= 0.5 * s.usual and s.excess >= 0.02) for s in delays if s.usual > 0.02)


def test_how_a_fault_spreads_differs_from_case_to_case(faults):
    assert len({fault.propagation.passed_on for fault in faults}) > DRAWN // 2
    assert {fault.drift is None for fault in faults} == {True, False}
    assert {fault.deploy is None for fault in faults} == {True, False}


def test_a_decoy_is_never_the_culprit(faults):
    decoys = [(f.component, d.component) for f in faults for d in (f.drift, f.deploy) if d is not None]
    assert all(culprit != decoy for culprit, decoy in decoys)


def test_the_same_seed_draws_the_same_fault():
    forest = quiet().forest
    assert draw(forest, STRETCH, 7) == draw(quiet().forest, STRETCH, 7)


def test_a_fault_that_no_component_can_have_is_refused():
    with pytest.raises(ValueError, match="can have surge"):
        draw(quiet(0).forest, STRETCH, 1, kind="surge")


def test_what_is_called_and_reports_nothing_is_known_by_its_address():
    assert unheard(quiet()) == ()


def test_a_surge_matters_only_where_requests_slow_down_with_it(faults):
    surges = [fault for fault in faults if fault.kind == "surge"]
    assert all(f.size >= 2 and f.strength.excess >= 0.02 for f in surges if f.strength.is_material)
    assert len({fault.propagation.queued for fault in surges}) == len(surges)
