"""The one ranking: what speaks for whom becomes probabilities, and something unseen is never excluded."""

import pytest

from watchkeeper.diagnosis.fusion import (
    MOST,
    OF_CANDIDATES,
    OF_THE_UNSEEN,
    Bearing,
    Weights,
    fuse,
    shipped,
    squashed,
    stated_from,
)

ALWAYS = {"always": 1.0}
WEIGHTS = Weights({"left": 4.0, "lead": 1.0, "late": -2.0, "silence": 3.0}, {"always": 1.0, "no_logs": 0.5})


def test_candidates_and_the_unseen_share_all_of_the_probability() -> None:
    found = fuse(Bearing({"cart": {"left": 0.7}, "catalog": {"left": 0.3}}, ALWAYS), WEIGHTS)
    assert sum(found.probabilities.values()) + found.unseen == pytest.approx(1.0)
    assert list(found.probabilities) == ["cart", "catalog"]


def test_without_anything_that_speaks_the_unseen_comes_first() -> None:
    found = fuse(Bearing({"cart": {}}, ALWAYS), WEIGHTS)
    assert found.unseen > found.probabilities["cart"]


def test_nobody_to_blame_leaves_the_unseen_alone() -> None:
    found = fuse(Bearing({}, ALWAYS), WEIGHTS)
    assert (dict(found.probabilities), found.unseen) == ({}, pytest.approx(1.0))


def test_no_candidate_is_certain() -> None:
    found = fuse(Bearing({"cart": {"left": 1.0, "silence": 1.0}}, ALWAYS), Weights({"left": 50.0}, {}))
    assert found.probabilities["cart"] == pytest.approx(MOST)


def test_missing_telemetry_costs_every_candidate_probability() -> None:
    seen = fuse(Bearing({"cart": {"left": 0.7}}, ALWAYS), WEIGHTS)
    blind = fuse(Bearing({"cart": {"left": 0.7}}, {**ALWAYS, "no_logs": 1.0}), WEIGHTS)
    assert blind.probabilities["cart"] < seen.probabilities["cart"]


def test_who_began_late_is_less_probable() -> None:
    found = fuse(Bearing({"cart": {"left": 0.5, "late": 1.0}, "catalog": {"left": 0.5}}, ALWAYS), WEIGHTS)
    assert list(found.probabilities) == ["catalog", "cart"]


def test_only_the_first_leads_and_by_as_much_as_it_is_ahead() -> None:
    told = Bearing({"cart": {"left": 0.7}, "catalog": {"left": 0.3}}, ALWAYS).with_leads()
    assert told.candidates["cart"]["lead"] == pytest.approx(0.4)
    assert "lead" not in told.candidates["catalog"]


def test_the_order_in_which_candidates_come_changes_nothing() -> None:
    candidates = {"cart": {"left": 0.5}, "catalog": {"left": 0.5}, "gateway": {"silence": 1.0}}
    turned = dict(reversed(candidates.items()))
    one, other = fuse(Bearing(candidates, ALWAYS), WEIGHTS), fuse(Bearing(turned, ALWAYS), WEIGHTS)
    assert list(one.probabilities.items()) == list(other.probabilities.items())


def test_two_ways_of_looking_are_joined_and_what_one_of_them_sees_is_no_longer_missing() -> None:
    spans = Bearing({"cart": {"left": 0.7}}, {**ALWAYS, "no_logs": 1.0})
    visits = Bearing({"cart": {"changed": 0.4}, "payment": {"changed": 0.6}}, ALWAYS)
    both = spans.joined(visits)
    assert both.candidates == {"cart": {"left": 0.7, "changed": 0.4}, "payment": {"changed": 0.6}}
    assert both.unseen == {"always": 1.0, "no_logs": 0.0}


def test_what_weighs_most_is_told_first() -> None:
    found = fuse(Bearing({"cart": {"left": 0.4, "silence": 1.0, "late": 1.0}}, ALWAYS), WEIGHTS)
    assert found.reasons["cart"] == (OF_CANDIDATES["silence"].words, OF_CANDIDATES["left"].words)


def test_a_cause_is_stated_from_the_probability_at_which_that_pays() -> None:
    assert (stated_from(1.0), stated_from(3.0)) == (0.5, 0.75)


def test_an_amount_is_half_at_its_half_and_never_reaches_one() -> None:
    assert (squashed(0, 6), squashed(6, 6)) == (0.0, 0.5)
    assert squashed(1e6, 6) < 1


def test_the_shipped_weights_know_every_feature_and_keep_their_signs() -> None:
    weights = shipped()
    assert set(weights.candidates) == set(OF_CANDIDATES)
    assert set(weights.unseen) == set(OF_THE_UNSEEN)
    features = {**OF_CANDIDATES, **OF_THE_UNSEEN}
    read = {**weights.candidates, **weights.unseen}
    assert {name: value for name, value in read.items() if features[name].sign * value < 0} == {}
