from pathlib import Path

import pytest
import yaml

from watchkeeper.catalogue import Catalogue
from watchkeeper.routing import routes
from watchkeeper.routing.routes import Root, Routing
from watchkeeper.routing.trials import doubts, try_routes

SHIPPED = routes.load(Path("/nowhere"))
KNOWN = Catalogue.model_validate(
    {"services": {"checkout": {"team": "payments", "tier": 1}, "stock": {"team": "goods", "tier": 3}, "mail": {}}}
)


def routing(text: str) -> Routing:
    given = {"name": "all", "team": "on-call", "actions": ["ticket"], "routes": yaml.safe_load(text)}
    return SHIPPED.model_copy(update={"route": Root.model_validate(given)})


def unreached(text: str, catalogue: Catalogue = KNOWN) -> dict[str, str]:
    return {t.route: t.because for t in try_routes(routing(text), catalogue) if not t.is_reached}


def test_every_shipped_route_can_be_reached() -> None:
    assert [t.route for t in try_routes(SHIPPED, Catalogue()) if not t.is_reached] == []
    assert doubts(SHIPPED, Catalogue()) == ()


def test_a_route_is_shown_with_a_case_that_it_decides() -> None:
    by_a_release = next(t for t in try_routes(SHIPPED, Catalogue()) if t.route == "P1 by a release")
    assert by_a_release.decides
    assert by_a_release.example is not None
    assert (by_a_release.example.severity, by_a_release.example.release) == ("P1", "caused")
    assert by_a_release.actions == ("page", "channel", "ticket", "propose-rollback")
    assert by_a_release.asks == ("severity", "release")


@pytest.mark.parametrize(
    ("text", "because"),
    [
        (
            "[{name: a, match: {severity: [P1, P2]}}, {name: z, match: {severity: P1, fault: cpu}}]",
            "`a` before it takes every such case",
        ),
        (
            "[{name: a, match: {severity: P1}}, {name: b, match: {severity: P2}},"
            " {name: z, match: {severity: [P1, P2]}}]",
            "`a` and `b` before it take every such case",
        ),
        ("[{name: a}, {name: z, match: {severity: P1}}]", "`a` before it takes every such case"),
        (
            "[{name: a, match: {severity: P1}, routes: [{name: z, match: {severity: P2}}]}]",
            "it asks for what `a` above it leaves out",
        ),
        ("[{name: z, match: {team: unheard}}]", "no case has such a team: see the service catalogue"),
        ("[{name: z, match: {tier: 2}}]", "no case has such a tier: see the service catalogue"),
        ("[{name: z, match: {service: checkout, team: goods}}]", "no case has all of this together: service, team"),
        ("[{name: z, match: {status: inconclusive, fault: cpu}}]", "no case has all of this together: status, fault"),
        (
            "[{name: a, match: {service: 'check*'}}, {name: z, match: {service: checkout, severity: P1}}]",
            "`a` before it takes every such case",
        ),
        (
            "[{name: a, match: {when: {weekdays: [sat, sun]}}}, {name: b, match: {when: {hours: '06:00-22:00'}}},"
            " {name: c, match: {when: {hours: '22:00-06:00'}}}, {name: z}]",
            "`a` and `b` and `c` before it take every such case",
        ),
    ],
)
def test_a_route_that_no_case_reaches_is_told_with_the_reason(text: str, because: str) -> None:
    found = unreached(text)
    assert set(found) == {"z"}
    assert found["z"] == because


@pytest.mark.parametrize(
    "text",
    [
        "[{name: a, match: {severity: P1}}, {name: z, match: {severity: [P1, P2]}}]",
        "[{name: a, match: {service: 'pay-*'}}, {name: z, match: {service: '*-eu'}}]",
        "[{name: a, match: {service: 'pay-*'}, routes: [{name: z, match: {service: '*-eu'}}]}]",
        "[{name: a, match: {when: {hours: '06:00-22:00', time_zone: Europe/Berlin}}},"
        " {name: z, match: {when: {hours: '06:00-22:00', time_zone: America/New_York}}}]",
        "[{name: a, match: {team: payments}}, {name: z, match: {tier: [1, 3]}}]",
        "[{name: z, match: {team: on-call, service: mail}}]",
    ],
)
def test_a_route_that_is_only_partly_shadowed_is_reached(text: str) -> None:
    assert unreached(text) == {}


def test_names_that_nobody_described_and_channels_that_are_missing_are_doubted() -> None:
    text = (
        "[{name: a, match: {service: chekout}, team: pay, actions: [channel]},"
        " {name: b, match: {service: 'st*'}, actions: []}]"
    )
    assert doubts(routing(text), KNOWN) == (
        "route `a`: no service of the service catalogue is called chekout",
        "route `a`: the service catalogue knows no team pay",
        "route `a`: it notifies a channel, but names none",
        "route `b`: nothing happens, nobody is told",
        "service mail: the catalogue names no team, so its cases go to on-call",
    )


def test_many_routes_and_services_are_tried_in_good_time() -> None:
    services = {f"service-{i}": {"team": f"team-{i % 20}", "tier": 1 + i % 4} for i in range(200)}
    rules = [
        {"name": f"{s} {i}", "match": {"severity": s, "team": f"team-{i}", "when": {"hours": f"{i:02}:00-23:30"}}}
        for s in ("P1", "P2", "P3")
        for i in range(8)
    ]
    assert unreached(yaml.safe_dump(rules), Catalogue.model_validate({"services": services})) == {}
