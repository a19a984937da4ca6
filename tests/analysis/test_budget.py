import numpy as np
import pytest

from watchkeeper.analysis.budget import WEEK_SECONDS, chance_of, poisson_interval, threshold_of


def test_a_budget_is_shared_by_all_looks_and_series():
    assert chance_of(1.0, 1, WEEK_SECONDS) == 1.0
    assert chance_of(1.0, 10, WEEK_SECONDS / 100) == pytest.approx(1e-3)
    assert chance_of(2.0, 10, WEEK_SECONDS / 100) == pytest.approx(2e-3)


def test_a_threshold_learnt_from_quiet_looks_is_passed_as_often_as_is_wanted():
    looks, wanted = 100_000, 5.0
    scores = np.random.default_rng(1).exponential(1.0, looks)
    threshold = threshold_of(list(scores[:20_000]), looks, wanted)
    assert 0 < (scores > threshold).sum() <= 4 * wanted


def test_few_quiet_looks_teach_nothing():
    with pytest.raises(ValueError, match="quiet looks"):
        threshold_of([1.0] * 10, 1000, 1.0)


def test_the_interval_of_a_count_is_the_textbooks():
    assert poisson_interval(0) == pytest.approx((0.0, 3.689), abs=1e-3)
    assert poisson_interval(10) == pytest.approx((4.795, 18.390), abs=1e-3)
