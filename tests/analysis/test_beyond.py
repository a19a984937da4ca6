from datetime import UTC, datetime

import numpy as np
import pytest

from watchkeeper.analysis.beyond import Beyond, beyond_shared, beyond_the_others, movements, own_durations
from watchkeeper.analysis.series import Floats, Grid, Key, Red
from watchkeeper.analysis.symptoms import Sensitivity, Stretch

STEPS, FAULT = 60, 50
AT = Stretch.at_end(Grid(datetime(2026, 5, 4, tzinfo=UTC), 5.0, STEPS), Sensitivity())
assert AT is not None
OWN = {"front": 8.0, "cart": 30.0, "catalog": 20.0, "payment": 90.0, "search": 15.0}
CALM = np.ones(STEPS)
WOBBLE = 0.1
UNLIKELY = 1e-6


def busy(factor: float) -> Floats:
    """A host under foreign load from step `FAULT` on."""
    return np.where(np.arange(STEPS) < FAULT, 1.0, factor)


def restless() -> Floats:
    """A host whose load comes and goes."""
    return np.exp(0.5 * np.sin(np.arange(STEPS) / 3))


def shop(
    shared: Floats, slower: dict[str, float] | None = None, seed: int = 1
) -> tuple[dict[str, Red], dict[Key, Red]]:
    """front asks every other service once a request; `slower` multiplies a service's own time from `FAULT` on."""
    rng = np.random.default_rng(seed)
    requests = np.full(STEPS, 20.0)
    own = {
        name: ms * shared * busy((slower or {}).get(name, 1.0)) * rng.lognormal(0, 0.1, STEPS)
        for name, ms in OWN.items()
    }
    services = {name: red(requests, ms) for name, ms in own.items()}
    answered: dict[Key, Red] = {("front", name, "GET"): services[name] for name in own if name != "front"}
    services["front"] = red(requests, np.sum(list(own.values()), axis=0))
    return services, answered


def red(requests: Floats, mean: Floats) -> Red:
    return Red(requests, np.zeros(STEPS), mean, 2 * mean)


def compared(services: dict[str, Red], answered: dict[Key, Red]) -> dict[str, Beyond]:
    seen = movements(services, answered, AT)
    return {} if seen is None else beyond_the_others(seen, services, AT, WOBBLE)


def endpoint(values: Floats, services: dict[str, Red], answered: dict[Key, Red]) -> Beyond | None:
    seen = movements(services, answered, AT)
    assert seen is not None
    return beyond_shared("cart", values, seen, AT, WOBBLE)


def chances(shared: Floats, slower: dict[str, float] | None = None) -> dict[str, float]:
    found = compared(*shop(shared, slower))
    return {name: each.chance for name, each in found.items()}


def test_a_service_s_own_time_is_without_what_its_callees_say_they_took():
    services, answered = shop(CALM)
    own = own_durations(services, answered)
    assert float(np.median(own["front"])) == pytest.approx(OWN["front"], rel=0.1)
    assert float(np.median(own["payment"])) == pytest.approx(OWN["payment"], rel=0.1)


def test_a_gap_on_the_way_to_a_callee_stays_with_the_caller():
    services, answered = shop(CALM)
    slow = red(services["cart"].requests, services["cart"].mean_ms + 40 * (np.arange(STEPS) >= FAULT))
    own = own_durations(services | {"cart": slow}, {**answered, ("cart", "catalog", "GET"): services["catalog"]})
    assert float(np.median(own["cart"][FAULT:]) - np.median(own["cart"][:FAULT])) == pytest.approx(40, abs=5)


def test_a_host_that_grows_busy_is_nobody_s_fault():
    assert min(chances(busy(4.0)).values()) > UNLIKELY


def test_a_restless_host_is_nobody_s_fault():
    assert min(chances(restless()).values()) > UNLIKELY


@pytest.mark.parametrize(
    "shared",
    [CALM, restless(), restless() * busy(2.0), restless() * busy(0.75)],
    ids=["calm", "restless", "busy", "idle"],
)
def test_one_slow_service_stands_out_whatever_the_host_does(shared: Floats):
    found = chances(shared, {"payment": 2.5})
    assert found["payment"] < UNLIKELY
    assert min(chance for name, chance in found.items() if name != "payment") > UNLIKELY


def test_what_is_beyond_is_told_in_milliseconds_and_as_a_share_of_the_whole_request():
    found = compared(*shop(CALM, {"payment": 2.0}))["payment"]
    assert (found.ratio, found.share) == (pytest.approx(2.0, rel=0.15), pytest.approx(1.0, rel=0.3))
    assert found.excess_ms == pytest.approx(90, rel=0.3)


def test_the_caller_of_a_slow_service_is_not_beyond_the_others_itself():
    assert chances(CALM, {"payment": 3.0})["front"] > UNLIKELY


def test_the_unit_of_durations_does_not_matter():
    services, answered = shop(CALM, {"cart": 2.0})
    in_micros = [
        {key: red(each.requests, each.mean_ms * 1000) for key, each in part.items()} for part in (services, answered)
    ]
    one, other = compared(services, answered), compared(*in_micros)
    assert {n: x.chance for n, x in one.items()} == pytest.approx({n: x.chance for n, x in other.items()})


def test_three_services_are_too_few_to_tell_one_from_all():
    services, answered = shop(CALM, {"payment": 5.0})
    few = {name: services[name] for name in ("cart", "catalog", "payment")}
    assert compared(few, answered) == {}


def test_an_endpoint_is_held_against_the_others_only_where_they_are_plainly_slower():
    services, answered = shop(CALM)
    assert endpoint(services["cart"].mean_ms, services, answered) is None
    services, answered = shop(busy(3.0))
    alike = endpoint(services["cart"].p95_ms, services, answered)
    assert alike is not None
    assert alike.chance > UNLIKELY


def test_an_endpoint_of_no_duration_at_all_is_not_compared():
    services, answered = shop(busy(3.0))
    assert endpoint(np.zeros(STEPS), services, answered) is None


def test_the_others_median_is_that_of_all_but_oneself():
    table = {name: CALM * level for name, level in zip(OWN, (1.0, 2.0, 3.0, 4.0, 50.0), strict=True)}
    services = {name: red(CALM, np.exp(values * busy(2.0))) for name, values in table.items()}
    seen = movements(services, {}, AT)
    assert seen is not None
    assert [float(seen.shared[name][-1]) for name in OWN] == pytest.approx([3.5, 3.5, 3.0, 2.5, 2.5])
