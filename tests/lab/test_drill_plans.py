import pytest

from watchkeeper.errors import QueryRejected
from watchkeeper.lab.drills import catalogue, plan
from watchkeeper.lab.faults import broken_release, dependency_of, prepared
from watchkeeper.lab.layout import SERVICES, Layout
from watchkeeper.lab.truth import KINDS

LAYOUT = Layout(seed=1, endpoint="http://127.0.0.1:1", headers={})


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_plans_the_same_drill(kind: str) -> None:
    assert [plan(kind, seed=seed) for seed in range(20)] == [plan(kind, seed=seed) for seed in range(20)]


def test_seeds_reach_every_target_of_a_kind() -> None:
    for description in catalogue():
        hit = {plan(description.kind, seed=seed).service for seed in range(60)}
        assert hit == (set(description.targets) or {None})


def test_the_catalogue_describes_every_kind_and_at_least_three_targets_each() -> None:
    descriptions = catalogue()
    assert [each.kind for each in descriptions] == list(KINDS)
    assert all(len(each.targets) >= 3 for each in descriptions if each.kind != "nothing")


@pytest.mark.parametrize(
    ("kind", "service", "size", "minutes", "reason"),
    [
        ("earthquake", None, 1.0, 6.0, "there is no drill 'earthquake'"),
        ("crash", "bank", 1.0, 6.0, "crash can hit one of catalog, cart"),
        ("nothing", "cart", 1.0, 6.0, "nothing can hit no service, not cart"),
        ("crash", "cart", 0.0, 6.0, "size lies between"),
        ("crash", "cart", 1.0, 0.0, "minutes"),
    ],
)
def test_an_impossible_drill_is_rejected_with_a_reason(
    kind: str, service: str | None, size: float, minutes: float, reason: str
) -> None:
    with pytest.raises(QueryRejected, match=reason):
        plan(kind, service, size=size, minutes=minutes)


def test_a_larger_error_deploy_fails_for_more_shoppers() -> None:
    few = broken_release("error-deploy", "payment", 0.4, "1.0.0")
    many = broken_release("error-deploy", "payment", 2.0, "1.0.0")
    assert few is not None
    assert many is not None
    assert (few.unsupported, many.unsupported) == (("SEK",), ("EUR",))


def test_a_slow_dependency_is_reached_by_a_detour() -> None:
    for service in SERVICES:
        edge = prepared("slow-dependency", service, LAYOUT).detour
        assert edge is not None
        assert (edge.service, edge.dependency) == (service, dependency_of(service))


def test_only_pool_exhaustion_needs_a_small_pool() -> None:
    assert prepared("pool-exhaustion", "cart", LAYOUT).pool_sizes == {"cart": 1}
    assert prepared("crash", "cart", LAYOUT) == LAYOUT


def test_a_quiet_run_may_have_as_many_innocent_deploys_as_are_asked_for() -> None:
    assert plan("nothing", seed=1, minutes=60, deploys=12).deploys == 12


@pytest.mark.parametrize(
    ("kind", "deploys", "reason"), [("crash", 2, "a quiet run"), ("nothing", 61, "0 to 60 deploys")]
)
def test_innocent_deploys_that_cannot_be_spread_are_rejected(kind: str, deploys: int, reason: str) -> None:
    with pytest.raises(QueryRejected, match=reason):
        plan(kind, minutes=60, deploys=deploys)
