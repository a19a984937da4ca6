import numpy as np
import pytest

from watchkeeper.analysis.burn import burning

MINUTE = 60.0
HOUR = 60


def counts(*parts: tuple[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Minutes with 1000 requests each, of which a share is bad."""
    bad = np.concatenate([np.full(minutes, 1000.0 * share) for minutes, share in parts])
    return bad, np.full(bad.size, 1000.0)


def test_a_fifth_of_requests_failing_for_ten_minutes_pages():
    found = burning(*counts((HOUR, 0.0), (10, 0.2)), MINUTE, 0.999)
    assert found is not None
    assert (found.rule.urgency, found.rule.long_seconds) == ("page", 3600.0)
    assert found.rate == pytest.approx(200)
    assert found.bad_share == pytest.approx(0.2)


def test_a_burn_that_is_over_fires_no_more():
    assert burning(*counts((HOUR, 0.0), (10, 0.2), (40, 0.0)), MINUTE, 0.999) is None


def test_a_slower_burn_is_seen_over_six_hours():
    found = burning(*counts((6 * HOUR, 0.008)), MINUTE, 0.999)
    assert found is not None
    assert (found.rule.rate, found.rule.urgency) == (6.0, "page")


def test_a_budget_just_overspent_for_days_is_a_ticket():
    found = burning(*counts((72 * HOUR, 0.002)), MINUTE, 0.999)
    assert found is not None
    assert found.rule.urgency == "ticket"


def test_what_the_budget_allows_is_no_alarm():
    assert burning(*counts((72 * HOUR, 0.0009)), MINUTE, 0.999) is None


def test_a_handful_of_bad_requests_is_luck():
    bad, total = counts((HOUR, 0.0))
    bad[-3:], total[:] = 3.0, 10.0
    assert burning(bad, total, MINUTE, 0.999) is None


def test_a_history_of_less_than_the_shortest_window_is_not_judged():
    assert burning(*counts((3, 0.5)), MINUTE, 0.999) is None


@pytest.mark.parametrize("objective", [0.0, 1.0, 99.9])
def test_an_objective_is_a_share(objective: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        burning(*counts((HOUR, 0.0)), MINUTE, objective)
