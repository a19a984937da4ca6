"""Intervals and exact tests, against values that are published or can be counted by hand."""

import pytest

from watchkeeper.casebook.figures import wilson
from watchkeeper.evaluation.intervals import differing, losing, of_chance, of_mean


def test_a_share_has_the_interval_of_the_textbook() -> None:
    # Agresti and Coull (1998): Wilson's interval of 0 of 10 and of 5 of 10.
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no interval"):
        wilson(0, 0)


def test_a_mean_has_the_same_interval_each_time() -> None:
    values = [0.0, 0.2, 0.4, 1.0, 1.0, 0.1]
    low, high = of_mean(values)
    assert (low, high) == of_mean(values)
    assert 0 < low < sum(values) / len(values) < high < 1


def test_a_mean_of_equal_values_is_sure() -> None:
    assert of_mean([0.5, 0.5]) == (0.5, 0.5)


def test_chance_on_one_coin_reaches_everything() -> None:
    assert of_chance([0.5]) == (0.0, 1.0)


def test_chance_on_many_coins_is_the_binomials_quantile() -> None:
    # Of 100 fair coins 40 to 60 are heads with 95 %.
    assert of_chance([0.5] * 100) == (0.4, 0.6)


def test_losing_four_pairs_of_four_is_one_chance_in_sixteen() -> None:
    assert losing(4, 0) == 1 / 16
    assert losing(5, 0) < 0.05 < losing(4, 0)


def test_losing_nothing_is_certain_enough() -> None:
    assert losing(0, 0) == losing(0, 3) == 1.0


def test_a_difference_is_tested_on_both_sides() -> None:
    assert differing(1, 9) == differing(9, 1) == pytest.approx(2 * 11 / 1024)
    assert differing(2, 2) == 1.0
