from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from watchkeeper.analysis.resources import Usage
from watchkeeper.analysis.series import Floats, Grid, Key, Red
from watchkeeper.analysis.symptoms import Sensitivity, Symptom
from watchkeeper.evidence.vitals import Vitals
from watchkeeper.watch.beyond import symptoms_beyond_others, with_beyond
from watchkeeper.watch.standing import standing_alone

STEPS, FAULT = 60, 50
GRID = Grid(datetime(2026, 5, 4, tzinfo=UTC), 5.0, STEPS)
HOW = Sensitivity(chance=1e-6, lasting_seconds=15, silence_seconds=35)
NAMES = ("front", "cart", "catalog", "payment", "search")
LATE = np.arange(STEPS) >= FAULT
STRICT = 1e-12


def vitals(
    slower: dict[str, float] | None = None, host: Floats | None = None, cpu: dict[str, float] | None = None
) -> Vitals:
    """Five services of 50 ms of their own; from `FAULT` on some are slower, by factors."""
    rng = np.random.default_rng(3)
    requests, shared = np.full(STEPS, 20.0), np.ones(STEPS) if host is None else host
    services = {}
    for name in NAMES:
        mean = 50 * shared * np.where(LATE, (slower or {}).get(name, 1.0), 1.0) * rng.lognormal(0, 0.12, STEPS)
        services[name] = Red(requests, np.zeros(STEPS), mean, 2 * mean)
    used = {name: np.where(LATE, level, 0.05) for name, level in (cpu or {}).items()}
    return Vitals(
        grid=GRID,
        services=services,
        operations={},
        calls={},
        answered={},
        uninstrumented=frozenset(),
        resources={(name, "cpu"): Usage("process.cpu.utilization", "1", values) for name, values in used.items()},
        presence={name: np.full(STEPS, 20.0) for name in NAMES},
        instances={},
    )


def stands_alone(symptom: Symptom, seen: Vitals, how: Sensitivity) -> bool:
    return standing_alone([symptom], seen, how) == [symptom]


def slow_ones(seen: Vitals, how: Sensitivity = HOW) -> list[str]:
    return [symptom.service for symptom in symptoms_beyond_others(seen, how)]


def test_one_service_slower_than_the_others_is_a_symptom_with_what_would_be_usual_now():
    (found,) = symptoms_beyond_others(vitals({"cart": 2.5}, host=np.where(LATE, 1.2, 1.0)), HOW)
    assert (found.service, found.measure, found.direction) == ("cart", "mean latency", "up")
    assert 50 < found.expected < 75
    assert found.observed > 125


def test_what_all_share_and_what_is_small_are_none():
    assert slow_ones(vitals(host=np.where(LATE, 4.0, 1.0))) == []
    assert slow_ones(vitals({"cart": 1.3})) == []


def test_slowness_that_is_over_is_none():
    seen = vitals({"cart": 3.0})
    seen.services["cart"].mean_ms[-2:] = 50
    assert slow_ones(seen) == []


def test_cpu_far_above_usual_makes_slowness_of_the_same_service_believed_sooner():
    strict = replace(HOW, chance=STRICT)
    assert slow_ones(vitals({"cart": 1.7}), strict) == []
    assert slow_ones(vitals({"cart": 1.7}, cpu={"cart": 0.5}), strict) == ["cart"]
    assert slow_ones(vitals({"cart": 1.7}, cpu={"search": 0.5}), strict) == []


def test_what_was_before_a_service_began_is_no_past_of_its_requests():
    seen = vitals({"cart": 2.0}, cpu={"cart": 0.5})
    began = np.arange(STEPS) >= STEPS // 2
    for name, one in seen.services.items():
        mean = np.where(began, one.mean_ms, np.nan)
        seen.services[name] = Red(one.requests * began, one.errors, mean, 2 * mean)
    assert slow_ones(seen, replace(HOW, chance=STRICT)) == ["cart"]


def test_cpu_alone_is_no_symptom():
    assert slow_ones(vitals(cpu={"cart": 0.5})) == []


def test_cpu_that_more_requests_explain_speaks_for_nothing():
    seen = vitals({"cart": 1.7}, cpu={"cart": 0.5})
    seen.services["cart"] = replace(seen.services["cart"], requests=np.where(LATE, 200.0, 20.0))
    assert slow_ones(seen, replace(HOW, chance=STRICT)) == []


def test_the_figures_seen_before_stand():
    known = Symptom("cart", "mean latency", "up", 90.0, 30.0, 9.0)
    same, other = replace(known, weight=20.0), replace(known, service="search", weight=12.0)
    assert with_beyond([known], [same, other]) == [other, known]


def test_a_fall_of_traffic_during_a_pause_of_everybody_is_none():
    seen = vitals()
    paused = np.where(np.arange(STEPS) >= STEPS - 5, 0.0, 1.0)
    services = {name: replace(red, requests=red.requests * paused) for name, red in seen.services.items()}
    fall = Symptom("front", "traffic", "down", 1.0, 4.0, 9.0)
    still = replace(seen, services=services)
    assert stands_alone(fall, still, HOW)
    assert not stands_alone(fall, replace(still, presence={n: rows * paused for n, rows in seen.presence.items()}), HOW)


def test_a_fall_of_traffic_that_slower_answers_explain_is_none():
    fall = Symptom("front", "traffic", "down", 1.0, 4.0, 9.0)
    fallen = {"front": np.where(LATE, 4.0, 20.0)}
    for slower, stands in (({}, True), ({"front": 3.0}, False)):
        seen = vitals(slower)
        seen.services["front"] = replace(seen.services["front"], requests=fallen["front"])
        assert stands_alone(fall, seen, HOW) is stands


def test_who_reported_a_moment_less_before_a_pause_of_everybody_is_not_silent():
    silence = Symptom("cart", "silence", "down", 0.0, 20.0, 9.0)
    seen = vitals()
    seen.presence["cart"][-8:] = 0
    assert stands_alone(silence, seen, HOW)
    for name in NAMES:
        seen.presence[name][-7:] = 0
    assert not stands_alone(silence, seen, HOW)


def test_an_endpoint_as_slow_as_all_others_are_is_no_symptom_and_one_slower_than_they_are_is():
    key: Key = ("cart", "GET /carts")
    for factor, stands in ((1.2, False), (12.0, True)):
        seen = vitals(host=np.where(LATE, 3.0, 1.0))
        mean = 50 * np.where(LATE, 3.0 * factor, 1.0) * np.random.default_rng(5).lognormal(0, 0.12, STEPS)
        seen.operations[key] = Red(np.full(STEPS, 20.0), np.zeros(STEPS), mean, 2 * mean)
        slow = Symptom("cart", "mean latency", "up", 50 * 3.0 * factor, 50.0, 9.0, operation="GET /carts")
        assert stands_alone(slow, seen, HOW) is stands
