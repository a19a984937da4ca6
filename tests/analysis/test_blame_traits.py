from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from watchkeeper.analysis.blame_traits import traits_of
from watchkeeper.analysis.calm import calm_blame
from watchkeeper.analysis.series import Grid, Red

GRID = Grid(datetime(2026, 5, 4, 12, tzinfo=UTC), 300.0, 5)
CALLS = {("front", "shop"), ("shop", "db"), ("front", "stock")}
REQUESTS = {"front": 100, "shop": 80, "stock": 60, "db": 160}
OWN_MS = {"front": 100.0, "shop": 60.0, "stock": 20.0, "db": 10.0}
SLOW = [0, 0, 20, 24, 0]


def reds(extra, more_requests=None):
    found = {}
    for name, requests in REQUESTS.items():
        counts = np.full(5, float(requests)) * np.array((more_requests or {}).get(name, [1.0] * 5))
        means = OWN_MS[name] + 1e3 * np.array(extra.get(name, [0.0] * 5)) / counts
        found[name] = Red(counts, np.zeros(5), means, np.full(5, np.nan))
    return found


def usual():
    rng = np.random.default_rng(1)
    return {
        name: Red(
            np.full(40, float(REQUESTS[name])), np.zeros(40), ms * rng.lognormal(0, 0.02, 40), np.full(40, np.nan)
        )
        for name, ms in OWN_MS.items()
    }


def blamed(services, calls=CALLS, grid=GRID):
    return calm_blame(services, usual(), "front", calls, grid=grid, at=2.5, unit="s")


CHAIN = {name: SLOW for name in ("front", "shop", "db")}


def test_the_cause_has_the_blame_the_shape_and_the_size():
    first = traits_of(blamed(reds(CHAIN)))["db"]
    assert first.share > 0.9
    assert first.margin > 0.8
    assert first.share_at_alarm > 0.9
    assert first.likeness > 0.99
    assert first.coverage > 0.9
    assert (first.surely_called, first.lead_steps, first.has_calm) == (1.0, 0.0, 1.0)
    assert first.plainness == 1.0
    assert first.clearness > 0.5
    assert first.rise > 2


def test_an_undeclared_call_makes_what_lies_behind_it_less_sure():
    found = traits_of(blamed(reds(CHAIN), CALLS - {("front", "shop")}))
    assert next(iter(found)) == "db"
    assert 0.3 < found["db"].surely_called < 1


def test_who_suffers_less_covers_less_and_the_target_only_what_its_callees_leave():
    found = traits_of(blamed(reds({**CHAIN, "stock": [0, 0, 5, 6, 0]})))
    assert found["db"].coverage > 0.9
    assert found["stock"].coverage == pytest.approx(0.25, abs=0.05)
    assert found["front"].coverage < 0.2


def test_who_suffers_and_is_called_by_nobody_in_sight_is_told_without_any_blame():
    found = traits_of(blamed(reds({"front": SLOW, "shop": SLOW, "db": [0, 0, 0, 6, 0]}), {("front", "shop")}))
    assert (found["db"].share, found["db"].flow, found["db"].surely_called) == (0.0, 0.0, 0.0)


def test_a_rise_that_is_hardly_more_than_noise_is_not_clear():
    faint = traits_of(blamed(reds({**CHAIN, "stock": [0, 0, 0.05, 0.05, 0]})))["stock"]
    assert 0 < faint.clearness < 0.3


def test_noise_before_the_trouble_does_not_begin_it():
    found = blamed(reds({**CHAIN, "front": [0, 3, 20, 24, 0]}))
    began = dict(zip(found.rows["component"].to_pylist(), found.rows["began"].to_pylist(), strict=True))
    assert began["front"] == began["db"] == GRID.time_of(2)


def test_who_began_before_the_target_leads():
    found = traits_of(blamed(reds({**CHAIN, "db": [0, 12, 20, 24, 0]})))
    assert (found["db"].lead_steps, found["shop"].lead_steps) == (1, 0)


def test_requests_that_rose_with_the_trouble_are_a_surge():
    surge = [1, 1, 4, 4, 1]
    found = traits_of(blamed(reds(CHAIN, {"db": surge})))
    assert found["db"].surge == pytest.approx(np.log(4), rel=0.05)
    assert found["shop"].surge == pytest.approx(0.0, abs=0.01)


def test_what_explains_only_a_later_step_has_no_share_at_the_alarm():
    first, later = np.array([0, 0, 10.0, 0, 0]), np.array([0, 0, 0, 0, 8.0])
    services = reds({"front": first + later, "stock": first, "shop": later, "db": later})
    found = traits_of(calm_blame(services, usual(), "front", CALLS, grid=GRID, at=2.1, unit="s"))
    assert found["stock"].share_at_alarm > 0.8
    assert found.get("db") is None or found["db"].share_at_alarm < 0.2


def test_neither_time_zone_nor_units_nor_the_order_of_anything_matter():
    plain = {name: asdict(each) for name, each in traits_of(blamed(reds(CHAIN))).items()}
    far = Grid(GRID.start.astimezone(timezone(timedelta(hours=8))), GRID.step_seconds, GRID.size)
    backwards = dict(reversed(reds(CHAIN).items()))
    again = traits_of(blamed(backwards, sorted(CALLS, reverse=True), far))
    assert {name: asdict(each) for name, each in again.items()} == plain


@pytest.mark.parametrize("factor", [1e-2, 1e2])
def test_a_system_that_is_slower_or_faster_as_a_whole_is_blamed_alike(factor):
    def scaled(services):
        return {name: replace(red, mean_ms=red.mean_ms * factor) for name, red in services.items()}

    plain = blamed(reds(CHAIN))
    found = calm_blame(scaled(reds(CHAIN)), scaled(usual()), "front", CALLS, grid=GRID, at=2.5, unit="s")
    for name, share in plain.flow.shares.items():
        assert found.flow.shares[name].score == pytest.approx(share.score)
