"""The release test's case, built from requests."""

from datetime import timedelta

import numpy as np

from made_releases import START, blamed, change_at, grid_of, judged
from watchkeeper.analysis.release_cases import Noticed, Requests, case_from
from watchkeeper.analysis.series import Red

STEPS, ONSET = 400, 300


def red(share_bad: float = 0.0, requests: float = 40.0, portion: float = 1.0, since: int = 0) -> Red:
    sent = np.where(np.arange(STEPS) >= since, np.round(requests * portion), 0.0)
    failed = np.where(np.arange(STEPS) >= ONSET, np.round(sent * share_bad), 0.0)
    return Red(sent, failed, np.where(sent > 0, 20.0, np.nan), np.full(STEPS, 30.0))


def requests_of(versions: dict[tuple[str, ...], Red]) -> Requests:
    services = {"cart": red(0.3), "gateway": red(0.15), "bank": red()}
    calls = {("gateway", "cart", "GET"): red(0.3), ("cart", "bank", "POST"): red()}
    return Requests(grid_of(STEPS), services, calls, versions)


AT = START + timedelta(seconds=5 * ONSET)


def test_a_bad_deploy_is_blamed_for_failures_of_its_service_as_its_callers_saw_them_too() -> None:
    changes = [change_at(100), change_at(ONSET - 1, name="bad", version="2")]
    for is_called in (False, True):
        case = case_from(requests_of({}), changes, [Noticed("cart", "share", AT, 2.0, is_called)])
        assert blamed(judged(case)) == ["bad"]


def test_symptoms_without_a_series_are_left_out() -> None:
    case = case_from(requests_of({}), [], [Noticed("mail", "share", AT, 2.0), Noticed("cart", "share", AT, 2.0)])
    assert [case.panel.names[row] for row in case.onsets.series] == ["error ratio of cart"]


def test_versions_side_by_side_become_arms() -> None:
    old, new = red(0.0, portion=0.5), red(0.6, portion=0.5, since=ONSET - 60)
    versions = {("cart", "1"): old, ("cart", "2"): new, ("bank", "1"): red()}
    changes = [change_at(ONSET - 60, name="canary", version="2"), change_at(20, "bank", "other", version="1")]
    case = case_from(requests_of(versions), changes, [Noticed("cart", "share", AT, 2.0)])
    assert [(arm.release, case.panel.names[arm.series]) for arm in case.arms] == [
        (0, "error ratio of cart"),
        (0, "mean latency of cart"),
    ]
    assert blamed(judged(case)) == ["canary"]


def test_the_record_of_changes_begins_with_the_first_request() -> None:
    late = {"cart": red(since=100)}
    case = case_from(Requests(grid_of(STEPS), late, {}, {}), [change_at(200)], [])
    assert case.record_seconds == 5.0 * (STEPS - 100)
    earlier = case_from(Requests(grid_of(STEPS), late, {}, {}), [change_at(-60)], [])
    assert earlier.record_seconds == 5.0 * (STEPS + 60)
