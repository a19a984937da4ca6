from datetime import UTC, datetime

import numpy as np
import pytest

from watchkeeper.analysis.bases import drift_of, excess_steps, rise_steps
from watchkeeper.analysis.series import Grid, Red
from watchkeeper.analysis.steps import of_one_kind, steps_of_trouble

GRID = Grid(datetime(2026, 5, 4, 12, tzinfo=UTC), 300.0, 5)
REQUESTS = 100.0
CALM_MS = 50.0


def red(means, errors=0.0):
    size = len(means)
    return Red(
        np.full(size, REQUESTS), np.full(size, 1.0) * errors, np.array(means, dtype=float), np.full(size, np.nan)
    )


def usual(mean=CALM_MS, seed=1):
    return red(mean * np.random.default_rng(seed).lognormal(0, 0.03, 60))


def test_the_lowest_third_of_the_symptom_s_range_is_calm():
    steps = steps_of_trouble(red([50, 51, 200, 210, 52]), usual(), "s", GRID, 2.5, drift=0.05)
    assert steps.calm.tolist() == [True, True, False, False, True]
    assert steps.rise > 10


def test_where_even_the_best_step_is_far_worse_than_quiet_times_none_is_calm():
    steps = steps_of_trouble(red([200, 210, 205, 190, 200]), usual(), "s", GRID, 0.5, drift=0.05)
    assert not steps.calm.any()
    assert steps.weights[0] == 1
    excess, base = excess_steps(red([200] * 5), usual(), "s", steps.calm, drift=0.05)
    assert base == pytest.approx(CALM_MS / 1e3, rel=0.05)
    assert (excess > 0).all()


def test_quiet_times_of_another_level_do_not_make_everything_trouble():
    steps = steps_of_trouble(red([60, 60, 200, 60, 60]), usual(), "s", GRID, 2.5, drift=0.3)
    assert steps.calm.sum() == 4


def test_levels_that_moved_everywhere_are_drift():
    now, then = {f"n{i}": red([2 * CALM_MS] * 5) for i in range(6)}, {f"n{i}": usual(seed=i) for i in range(6)}
    assert drift_of(now, then, "s") == pytest.approx(np.log(2) * 1.4826, rel=0.1)
    assert drift_of({"n0": now["n0"]}, then, "s") == 1.0
    assert drift_of(now, then, "failures") == 0.0


def test_steps_that_hit_others_than_those_at_the_alarm_count_less():
    far = Grid(GRID.start, 300.0, 6)
    steps = steps_of_trouble(red([50, 50, 90, 90, 90, 90]), usual(), "s", far, 2.5, drift=0.05)
    one, other = np.array([0, 0, 4.0, 4, 0, 0]), np.array([0, 0, 0, 0, 4.0, 4])
    found = of_one_kind(steps, {"front": one + other, "db": one, "mail": other}, "front")
    assert found.weights[2] == steps.weights[2]
    assert found.weights[4] == 0
    assert found.weights[5] == 0


def test_one_failure_of_few_requests_is_noise():
    errors = np.array([0, 0, 1.0, 0, 0])
    few = Red(np.full(5, 20.0), errors, np.full(5, CALM_MS), np.full(5, np.nan))
    assert rise_steps(few, None, "failures", np.array([1, 1, 0, 1, 1], dtype=bool)).max() < 3


def test_a_rise_where_nothing_ever_scatters_is_plain():
    flat = red([50, 50, 60, 50, 50])
    assert rise_steps(flat, red([50] * 40), "s", np.array([1, 1, 0, 1, 1], dtype=bool))[2] > 10
