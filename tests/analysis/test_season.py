from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from watchkeeper.analysis.season import DAY, HOUR, deseasoned, season_of
from watchkeeper.analysis.series import Grid

MONDAY = datetime(2026, 5, 4, tzinfo=UTC)
STEP = 300.0
A_DAY = 288


def grid(days: float, start: datetime = MONDAY) -> Grid:
    return Grid(start, STEP, round(days * A_DAY))


def daily(days: float) -> np.ndarray:
    steps = np.arange(round(days * A_DAY))
    return np.sin(2 * np.pi * steps / A_DAY) + np.random.default_rng(1).normal(0, 0.05, steps.size)


def test_a_daily_course_is_learnt_and_taken_off():
    season = season_of(daily(5), grid(5))
    assert season is not None
    assert season.period_seconds == DAY
    assert np.std(deseasoned(daily(6), grid(6), 5 * A_DAY)) < 0.1


def test_noise_has_no_season():
    assert season_of(np.random.default_rng(2).normal(0, 1, 5 * A_DAY), grid(5)) is None


def test_two_days_are_too_few_for_one():
    found = season_of(daily(2), grid(2))
    assert found is None or found.period_seconds == HOUR


def test_a_job_at_every_full_hour_is_one():
    values = np.random.default_rng(3).normal(0, 0.1, A_DAY)
    values += np.where(np.arange(A_DAY) % 12 < 6, 1.0, 0.0)
    season = season_of(values, grid(1))
    assert season is not None
    assert season.period_seconds == HOUR


def test_constant_and_unknown_values_have_none():
    assert season_of(np.full(5 * A_DAY, 3.0), grid(5)) is None
    assert season_of(np.full(5 * A_DAY, np.nan), grid(5)) is None


def test_missing_steps_and_other_zones_change_nothing():
    values = daily(5)
    values[::17] = np.nan
    here = grid(5, MONDAY.astimezone(timezone(timedelta(hours=-5))))
    one, other = season_of(values, grid(5)), season_of(values, here)
    assert one is not None
    assert other is not None
    assert one.levels == pytest.approx(other.levels)


def test_a_series_of_few_known_steps_has_no_season():
    values = daily(5)
    values[np.random.default_rng(4).random(values.size) < 0.5] = np.nan
    assert season_of(values, grid(5)) is None


def test_history_begins_where_something_is_known():
    values = daily(21)
    values[: 19 * A_DAY] = np.nan
    found = season_of(values, grid(21))
    assert found is None or found.period_seconds == HOUR
