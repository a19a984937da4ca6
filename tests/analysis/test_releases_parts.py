"""The parts of the release test: times, reach, roll-backs, placebos, maxima."""

from datetime import timedelta

import numpy as np
import pytest

from made_releases import START, STEP_SECONDS, case_of, change_at, failures, from_step, grid_of, latency, tried
from watchkeeper.analysis.placebo import LEAST, ErrorRate
from watchkeeper.analysis.release_candidates import HOP, PRESSED, UNCONNECTED, UNKNOWN, Undoing, reach_of, undoings_of
from watchkeeper.analysis.release_effects import Maxima
from watchkeeper.analysis.release_onsets import sharpened
from watchkeeper.analysis.release_series import Panel, Row, Sums, rows_of_red, without_shared
from watchkeeper.analysis.release_timing import Lags, densities, next_peak, next_ticks
from watchkeeper.analysis.series import Red

A = frozenset({"a"})


def test_harm_begins_at_some_time_after_a_release_with_probability_one() -> None:
    seconds = np.concatenate([np.linspace(-60, 300, 4001), np.geomspace(300.1, 90_000, 4000)])
    found = densities(np.zeros(1), np.array([20.0]), seconds, np.full(seconds.size, 2.0), Lags())[0]
    assert np.trapezoid(found, seconds) == pytest.approx(1.0, abs=0.02)


def test_before_a_release_begins_only_the_onsets_own_error_allows_for_its_harm() -> None:
    at = np.array([-30.0, -2.0, 5.0])
    found = densities(np.zeros(1), np.array([10.0]), at, np.full(3, 3.0), Lags())[0]
    assert found[0] < 1e-3 * found[2] < found[1] < found[2]


def test_a_release_of_no_length_harms_from_its_begin_on() -> None:
    zero, short = (densities(np.zeros(1), np.array([end]), np.array([4.0]), np.ones(1), Lags()) for end in (0.0, 0.1))
    assert zero[0, 0] == pytest.approx(short[0, 0], rel=0.05)


def test_the_next_peak_is_the_first_load_beyond_what_was_met() -> None:
    load = np.r_[np.full(20, 10.0), np.full(20, 10.5), np.full(20, 30.0)]
    assert next_peak(load, np.array([5, 50]), 4)[0] == pytest.approx(41, abs=3)
    assert np.isnan(next_peak(load, np.array([5, 50]), 4)[1])


def test_the_next_tick_is_the_next_whole_hour_or_day() -> None:
    assert next_ticks(np.array([3_700.0]), [3600.0, 86_400.0]).tolist() == [[7200.0, 86_400.0]]


def test_reach_falls_with_every_call_and_is_small_for_what_is_pressed() -> None:
    calls = [("web", "cart"), ("cart", "stock")]
    found = reach_of([A | {"stock"}, frozenset({"web"}), frozenset({"bank"})], ["stock", "cart", "web"], calls)
    assert found[0].tolist() == pytest.approx([1.0, HOP, HOP**2])
    assert found[1].tolist() == pytest.approx([PRESSED * HOP**2, PRESSED * HOP, 1.0])
    assert found[2].tolist() == [UNCONNECTED] * 3


def test_without_a_call_graph_nothing_is_known_to_be_apart() -> None:
    assert reach_of([A], ["a", "b"], []).tolist() == [[1.0, UNKNOWN]]


def test_a_rollback_undoes_all_that_came_since_the_version_it_names() -> None:
    changes = [change_at(step, name=str(step), version=str(step)) for step in (1, 2, 3)]
    changes.append(change_at(4, name="back", kind="rollback", version="1"))
    by_rollback = [each for each in undoings_of(changes) if each.how == "rollback"]
    assert by_rollback == [Undoing(1, 3, "rollback"), Undoing(2, 3, "rollback")]


def test_a_rollback_without_a_known_version_undoes_the_latest_release() -> None:
    changes = [change_at(1, name="a"), change_at(2, name="b"), change_at(4, name="back", kind="rollback")]
    assert [each.undone for each in undoings_of(changes) if each.how == "rollback"] == [1]


def test_what_was_rolled_back_is_not_fixed_forward_as_well() -> None:
    changes = [
        change_at(1, name="a", version="1"),
        change_at(2, name="b", version="2"),
        change_at(3, name="back", kind="rollback", version="1"),
        change_at(4, name="c", version="3"),
    ]
    assert Undoing(1, 3, "fix-forward") not in undoings_of(changes)


def test_other_environments_undo_nothing() -> None:
    staging = change_at(2, name="b").model_copy(update={"environment": "staging"})
    assert undoings_of([change_at(1, name="a"), staging]) == ()


def test_the_largest_of_a_stretch_is_that_of_its_values() -> None:
    chance = np.random.default_rng(0)
    values = chance.standard_normal((3, 50))
    low = chance.integers(-5, 55, (4, 3))
    high = low + chance.integers(0, 30, (4, 3))
    found, levels = Maxima.of(values).over(np.arange(3)[None, :], low, high)
    for c in range(4):
        for s in range(3):
            part = values[s, max(low[c, s], 0) : max(high[c, s], 0)]
            assert found[c, s] == (part.max() if part.size else -np.inf)
            assert 2 ** levels[c, s] >= part.size or levels[c, s] == 5


def test_the_rate_of_errors_has_an_interval() -> None:
    low, high = ErrorRate(2, 40).interval
    assert low == pytest.approx(0.0138, abs=1e-3)
    assert high == pytest.approx(0.165, abs=1e-3)
    assert ErrorRate(0, 0).interval == (0.0, 1.0)


def test_p_values_are_the_share_of_placebos_that_reach_a_score() -> None:
    found = tried(case_of([latency(720)], [change_at(step) for step in (100, 200)], [(0, 600.0, 0.5)])).placebos
    given = found.own[0][0]
    levels = np.zeros((3, 1), dtype=np.int64)
    scores = np.array([[given[-1] + 1.0], [float(np.median(given))], [-np.inf]])
    p, told = found.p_values(["level"], np.zeros(1, dtype=np.int64), levels, scores)
    assert p[:, 0] == pytest.approx([1 / (found.effective[0, 0] + 1), 0.5, 1.0], abs=0.03)
    assert told[:, 0].tolist() == [True, True, False]


def test_no_error_rate_can_be_told_from_a_handful_of_placebos() -> None:
    found = tried(case_of([latency(30)], [change_at(10)], [(0, 25.0, 0.5)]))
    assert found.placebos.largest.size < LEAST
    assert found.effect_threshold == float("inf")
    assert not found.has_effect.any()


def test_harmless_releases_that_jolt_a_service_raise_what_counts_as_an_effect() -> None:
    steps, times = 1400, [60 * k for k in range(1, 23)]
    jolts = np.zeros(steps)
    for at in times:
        jolts[at : at + 14] = 0.8
    row = latency(steps)
    row = Row(row.name, row.service, row.kind, row.values * np.exp(jolts), row.weights)
    changes = [change_at(at - 0.5, name=str(at), seconds=2.0) for at in times]
    innocent = [each.id for each in changes[:-1]]
    as_placebos = tried(case_of([row], changes, [], harmless=innocent))
    assert as_placebos.placebos.largest_at_releases.size >= LEAST
    assert not as_placebos.has_effect[-1, 0]
    assert as_placebos.effects_by_chance.share <= 0.1


def test_what_all_services_share_is_taken_from_each() -> None:
    rows = [latency(400, [(200, 2.0)], name, seed=i) for i, name in enumerate("abcde")]
    rows[0] = latency(400, [(200, 6.0)], "a")
    left = without_shared(Panel.of(grid_of(400), rows))
    rise = left.values[:, 200:].mean(axis=1) - left.values[:, :200].mean(axis=1)
    assert rise[0] == pytest.approx(np.log(3.0), abs=0.1)
    assert np.abs(rise[1:]).max() < 0.1


def test_a_rough_onset_is_sharpened_on_a_finer_grid() -> None:
    fine = Panel.of(grid_of(600), [failures(600, from_step(600, 303, 0.01, 0.3))])
    found = sharpened(fine, 0, 295.0, 10.0)
    assert found is not None
    assert found.step == pytest.approx(303, abs=1)


def test_no_onset_is_sharpened_where_it_got_better() -> None:
    assert sharpened(Panel.of(grid_of(600), [latency(600, [(300, 0.5)])]), 0, 300.0, 5.0) is None


def test_requests_make_a_row_of_failures_and_one_of_durations() -> None:
    requests = np.array([0.0, 10.0, 10.0])
    red = Red(requests, np.array([0.0, 1.0, 0.0]), np.array([np.nan, 5.0, 6.0]), np.full(3, np.nan))
    share, mean = rows_of_red("cart", red)
    assert (share.kind, mean.kind) == ("share", "level")
    sums = Sums.of(Panel.of(grid_of(3), [share, mean]))
    found = sums.over(np.array([0, 1]), np.zeros(2, dtype=np.int64), np.full(2, 3))
    assert found.mean == pytest.approx([1 / 20, np.log([5, 6]).mean()])
    assert found.steps.tolist() == [2.0, 2.0]


def test_a_row_of_another_length_is_rejected() -> None:
    with pytest.raises(ValueError, match="on a grid of 10 steps"):
        Panel.of(grid_of(10), [latency(11)])


def test_the_lag_of_a_release_is_told_in_seconds() -> None:
    assert change_at(12).began_at == START + timedelta(seconds=12 * STEP_SECONDS)
