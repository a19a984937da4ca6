import numpy as np
import pytest

from watchkeeper.analysis.onset import Alert, onset_of_growth, onset_of_level, onset_of_rate, onset_of_share


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


def test_traffic_that_falls_to_nothing_has_an_onset_and_what_is_missing_is_not_nothing():
    counts = np.r_[np.full(30, 20.0), np.zeros(10)] + np.r_[np.random.default_rng(6).integers(-3, 4, 30), np.zeros(10)]
    found = onset_of_rate(counts)
    assert found is not None
    assert (found.step, found.direction, found.after) == (30, "down", 0.0)
    counts[30:] = np.nan
    unknown = onset_of_rate(counts)
    assert unknown is None or unknown.chance() > 0.01


def test_rare_events_that_become_frequent_have_one():
    counts = np.r_[np.zeros(40), np.ones(10)]
    counts[7] = 1
    found = onset_of_rate(counts)
    assert found is not None
    assert found.step == pytest.approx(40, abs=1)
    assert found.chance(series=10) < 0.01


def test_a_clear_change_survives_the_correction_for_many_series_and_noise_does_not():
    rng = np.random.default_rng(7)
    step = onset_of_level(np.r_[np.zeros(40), np.ones(20)] + rng.normal(0, 0.1, 60))
    assert step is not None
    assert step.chance(series=1000) < 1e-3
    quiet = [onset_of_level(rng.normal(0, 1, 60)) for _ in range(100)]
    assert sum(each is not None and each.chance(series=100) < 0.05 for each in quiet) <= 1


def test_a_ramp_begins_where_it_begins():
    ramp = np.r_[np.zeros(30), np.arange(30) / 10] + np.random.default_rng(8).normal(0, 0.1, 60)
    found = onset_of_growth(ramp)
    assert found is not None
    assert found.step == pytest.approx(30, abs=3)
    assert found.direction == "up"


@pytest.mark.parametrize("alert", [20.0, 40.0, 52.0])
def test_an_alert_minutes_early_or_late_moves_no_clear_onset(alert: float):
    values = np.r_[np.zeros(40), np.ones(20)] + np.random.default_rng(9).normal(0, 0.1, 60)
    found = onset_of_level(values, alert=Alert(step=alert, slack=12.0))
    assert found is not None
    assert found.step == pytest.approx(40, abs=1)


def test_of_two_changes_the_one_at_the_alert_is_meant():
    values = np.r_[np.zeros(20), np.full(20, 1.2), np.zeros(10), np.ones(10)]
    values += np.random.default_rng(10).normal(0, 0.3, 60)
    found = onset_of_level(values, alert=Alert(step=50, slack=0.5))
    assert found is not None
    assert found.step == pytest.approx(50, abs=2)


def test_units_change_no_onset():
    values = np.r_[np.zeros(40), np.ones(20)] + np.random.default_rng(11).normal(0, 0.1, 60)
    small, large = onset_of_level(values), onset_of_level(values * 1e6 + 5)
    assert small is not None
    assert large is not None
    assert (small.step, small.uncertainty) == (large.step, large.uncertainty)
