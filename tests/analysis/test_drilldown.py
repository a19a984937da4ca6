import random
from itertools import product

import numpy as np
import pytest

from watchkeeper.analysis.drilldown import Effect, Measure, drill_down
from watchkeeper.analysis.leaves import Leaves, make_leaves

REGIONS, VERSIONS, ENDPOINTS = ("eu", "us", "asia"), ("1.1", "1.2"), ("/buy", "/list")
ATTRIBUTES = ("cloud.region", "service.version", "operation")
LOG_SD = 0.3
Row = tuple[tuple[str | None, ...], bool, list[float]]


def sums(requests: int, errors: int = 0, ms: float = 50.0) -> list[float]:
    """Log-normal durations with that median."""
    log = float(np.log(ms))
    mean = ms * float(np.exp(LOG_SD**2 / 2))
    return [requests, errors, requests * mean, requests * log, requests * (log**2 + LOG_SD**2)]


def shop(
    hit: dict[int, str],
    *,
    errors: int = 0,
    ms: float = 50.0,
    requests: int = 100,
    everywhere: int = 0,
    times: float = 1.0,
) -> list[Row]:
    """A hundred requests of each of twelve combinations, usually and now; those with the values of `hit` are hit."""
    rows: list[Row] = []
    for values in product(REGIONS, VERSIONS, ENDPOINTS):
        is_hit = all(values[place] == value for place, value in hit.items())
        now = (requests, errors, ms * times) if is_hit else (100, everywhere, 50.0 * times)
        rows += [(values, False, sums(100, 1, 50.0 * times)), (values, True, sums(*now))]
    return rows


def leaves(rows: list[Row], attributes: tuple[str, ...] = ATTRIBUTES, scale: float = 1.0) -> Leaves:
    return make_leaves("pay", attributes, rows, scale)


def named(found: list[Effect]) -> list[dict[str, str]]:
    return [dict(zip(effect.attributes, effect.values, strict=True)) for effect in found]


@pytest.mark.parametrize(
    "hit", [{0: "eu"}, {0: "eu", 1: "1.2"}, {0: "eu", 1: "1.2", 2: "/buy"}], ids=["one", "two", "three"]
)
def test_the_combination_that_fails_is_told_with_no_more_attributes_than_it_takes(hit: dict[int, str]) -> None:
    (found,) = drill_down(leaves(shop(hit, errors=40)), "errors")
    assert dict(zip(found.attributes, found.values, strict=True)) == {ATTRIBUTES[p]: v for p, v in hit.items()}
    assert found.fit > 0.9


def test_the_size_of_the_effect_is_failures_beyond_the_usual_with_an_interval() -> None:
    (found,) = drill_down(leaves(shop({0: "eu", 1: "1.2"}, errors=40)), "errors")
    assert (found.sides.now.requests, found.sides.now.errors) == (200, 80)
    assert found.extra.amount == pytest.approx(78, abs=0.5)
    assert found.extra.low == pytest.approx(64, abs=3)
    assert found.extra.high == pytest.approx(92, abs=3)
    assert found.explained[0] > 0.95
    assert found.explained[1] <= found.explained[0] <= found.explained[2]


def test_the_size_of_a_slowdown_is_seconds() -> None:
    (found,) = drill_down(leaves(shop({0: "us", 2: "/buy"}, ms=250.0)), "latency")
    assert named([found]) == [{"operation": "/buy", "cloud.region": "us"}]
    assert found.extra.amount == pytest.approx(200 * 0.2 * np.exp(LOG_SD**2 / 2), rel=0.05)
    assert found.times_as_bad == pytest.approx(5, rel=0.05)


def test_a_region_that_sends_no_requests_any_more_is_told_with_what_is_missing() -> None:
    (found,) = drill_down(leaves(shop({0: "asia"}, requests=0)), "requests")
    assert named([found]) == [{"cloud.region": "asia"}]
    assert found.extra.amount == 400
    assert found.extra.low > 300
    assert found.explained[0] == pytest.approx(1.0)


def test_a_surge_of_one_feature_is_told_as_requests_too_many() -> None:
    (found,) = drill_down(leaves(shop({2: "/list", 0: "us"}, requests=900)), "requests")
    assert named([found]) == [{"operation": "/list", "cloud.region": "us"}]
    assert found.extra.amount == -1600


def test_requests_that_move_to_another_version_are_a_rollout_and_no_drop() -> None:
    rows: list[Row] = []
    for values in product(REGIONS, VERSIONS, ENDPOINTS):
        usual, now = (200, 0) if values[1] == "1.1" else (0, 200)
        rows += [(values, False, sums(usual)), (values, True, sums(now))]
    assert drill_down(leaves(rows), "requests") == []


def test_a_longer_incident_is_no_surge() -> None:
    rows: list[Row] = []
    for values in product(REGIONS, VERSIONS, ENDPOINTS):
        rows += [(values, False, sums(100)), (values, True, sums(300))]
    assert drill_down(leaves(rows, scale=3.0), "requests") == []


def test_two_portions_that_fail_for_themselves_are_both_told() -> None:
    rows = []
    for values, is_now, figures in shop({}):
        bad = is_now and (values[:2] == ("eu", "1.2") or values[::2] == ("asia", "/buy"))
        rows.append((values, is_now, sums(100, 50) if bad else figures))
    found = named(drill_down(leaves(rows), "errors"))
    assert len(found) == 2
    assert {"cloud.region": "eu", "service.version": "1.2"} in found
    assert {"operation": "/buy", "cloud.region": "asia"} in found


@pytest.mark.parametrize("measure", ["errors", "latency", "requests"])
def test_where_all_suffer_alike_no_portion_is_told(measure: Measure) -> None:
    rows: list[Row] = []
    for values in product(REGIONS, VERSIONS, ENDPOINTS):
        rows += [(values, False, sums(100, 1, 50)), (values, True, sums(60, 20, 250))]
    assert drill_down(leaves(rows), measure) == []


def test_what_only_failures_have_is_no_cause() -> None:
    rows = []
    for values, is_now, _ in shop({0: "eu"}, errors=0):
        good, bad = (100, 0) if not is_now or values[0] != "eu" else (60, 40)
        rows.append(((*values, "main", "ok"), is_now, sums(good)))
        if bad:
            rows.append(((*values, "fallback", "timeout"), is_now, sums(bad, bad)))
    found = drill_down(leaves(rows, (*ATTRIBUTES, "app.path", "error.type")), "errors")
    assert "error.type" not in {name for effect in found for name in effect.attributes}


def test_attributes_that_always_go_together_are_named_once() -> None:
    rows = [((*values, f"host-{values[0]}"), is_now, figures) for values, is_now, figures in shop({0: "eu"}, errors=30)]
    (found,) = drill_down(leaves(rows, (*ATTRIBUTES, "host.name")), "errors")
    assert named([found]) == [{"cloud.region": "eu"}]


def test_a_request_without_the_attribute_belongs_to_no_value() -> None:
    rows: list[Row] = [((region if region != "asia" else None,), now, sums(100, 40 if region == "asia" and now else 0))
                       for region in REGIONS for now in (False, True)]  # fmt: skip
    assert drill_down(leaves(rows, ("cloud.region",)), "errors") == []


@pytest.mark.parametrize("measure", ["errors", "latency", "requests"])
def test_the_order_of_rows_does_not_matter(measure: Measure) -> None:
    rows = shop({0: "eu", 2: "/buy"}, errors=40, ms=300.0, requests=45)
    mixed = rows[:]
    random.Random(7).shuffle(mixed)
    there, back = drill_down(leaves(rows), measure), drill_down(leaves(mixed), measure)
    assert named(there) == named(back) == [{"cloud.region": "eu", "operation": "/buy"}]
    assert [e.extra.amount for e in there] == pytest.approx([e.extra.amount for e in back])


def test_other_names_and_values_give_the_same_portion() -> None:
    rows = [
        (tuple(f"x{value}" for value in values), now, figures)
        for values, now, figures in shop({0: "eu", 1: "1.2"}, errors=40)
    ]
    (found,) = drill_down(leaves(rows, ("a", "b", "c")), "errors")
    assert named([found]) == [{"a": "xeu", "b": "x1.2"}]


def test_durations_ten_times_as_long_give_ten_times_the_seconds() -> None:
    once, tenfold = (drill_down(leaves(shop({1: "1.2"}, ms=300.0, times=times)), "latency")[0] for times in (1.0, 10.0))
    assert once.value == tenfold.value
    assert tenfold.extra.amount == pytest.approx(10 * once.extra.amount)


def test_chance_alone_is_no_portion() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        rows: list[Row] = []
        for values in product(REGIONS, VERSIONS, ENDPOINTS):
            rows += [
                (values, now, sums(int(n := rng.poisson(80)), int(rng.binomial(n, 0.05)))) for now in (False, True)
            ]
        assert drill_down(leaves(rows), "errors") == []
        assert drill_down(leaves(rows), "requests") == []
