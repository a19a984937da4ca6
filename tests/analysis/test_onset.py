import numpy as np
import pytest

from watchkeeper.analysis.onset import onset_of_growth, onset_of_level, onset_of_share


def test_a_step_is_found_where_it_is():
    noise = np.random.default_rng(1).normal(0, 0.1, 60)
    found = onset_of_level(np.r_[np.zeros(40), np.ones(20)] + noise)
    assert found is not None
    assert found.step == pytest.approx(40, abs=1)
    assert found.uncertainty <= 1
    assert found.after > found.before


def test_a_fall_is_an_onset_too():
    noise = np.random.default_rng(2).normal(0, 0.1, 60)
    found = onset_of_level(np.r_[np.ones(30), np.zeros(30)] + noise)
    assert found is not None
    assert found.after < found.before


def test_noise_alone_is_hardly_evidence_and_very_uncertain():
    found = onset_of_level(np.random.default_rng(3).normal(0, 1, 60))
    assert found is not None
    assert found.evidence < 8


def test_a_constant_series_and_a_short_one_have_no_onset():
    assert onset_of_level(np.full(50, 3.0)) is None
    assert onset_of_level(np.array([1.0, 2.0, 3.0])) is None


def test_missing_steps_do_not_move_the_onset():
    values = np.r_[np.zeros(40), np.ones(20)] + np.random.default_rng(4).normal(0, 0.05, 60)
    values[[3, 17, 45]] = np.nan
    found = onset_of_level(values)
    assert found is not None
    assert found.step == pytest.approx(40, abs=1)


def test_a_single_spike_is_no_change_of_level():
    values = np.random.default_rng(5).normal(0, 0.1, 60)
    values[30] = 50.0
    found = onset_of_level(values)
    assert found is not None
    assert found.evidence < 8


def test_the_onset_of_a_share_uses_the_counts():
    trials = np.full(50, 20.0)
    events = np.r_[np.zeros(35), np.full(15, 4.0)]
    found = onset_of_share(events, trials)
    assert found is not None
    assert found.step == 35
    assert found.after == pytest.approx(0.2)


def test_no_events_mean_no_onset():
    assert onset_of_share(np.zeros(50), np.full(50, 10.0)) is None


def test_units_do_not_matter():
    values = np.r_[np.zeros(40), np.ones(20)] + np.random.default_rng(6).normal(0, 0.1, 60)
    seconds, millis = onset_of_level(values), onset_of_level(values * 1000)
    assert seconds is not None
    assert millis is not None
    assert seconds.step == millis.step


def test_growth_begins_where_the_level_ends():
    rng = np.random.default_rng(7)
    values = 100 + rng.normal(0, 1, 60)
    values[40:] += 3.0 * np.arange(20)
    found = onset_of_growth(values)
    assert found is not None
    assert abs(found.step - 40) <= 2
    assert found.evidence > 8


def test_noise_around_a_level_seldom_looks_like_growth():
    found = [onset_of_growth(100 + np.random.default_rng(seed).normal(0, 1, 60)) for seed in range(20)]
    assert np.median([onset.evidence for onset in found if onset is not None]) < 4
