from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from routing.made_cases import NOON
from watchkeeper import library
from watchkeeper.domain import Severity
from watchkeeper.errors import ConfigError
from watchkeeper.routing import routes
from watchkeeper.routing.matching import Facts, When
from watchkeeper.routing.routes import Root, taken, tried

SHIPPED = (library.HOME / "config" / "routes.yaml").read_text()


def facts(severity: Severity = "P2", **others: object) -> Facts:
    known = {"status": "diagnosed", "release": "not-release-related", "fault": "cpu", "service": "payment-eu"}
    return Facts.model_validate({"severity": severity, "at": NOON, "team": "payments", "tier": 1, **known, **others})


def root(text: str) -> Root:
    given = {"name": "all", "team": "on-call", "actions": ["ticket"], "routes": yaml.safe_load(text)}
    return Root.model_validate(given)


def way(tree: Root, case: Facts) -> list[str]:
    return [node.name for node in taken(tree, case)]


@pytest.mark.parametrize(
    ("match", "is_taken"),
    [
        ("severity: P2", True),
        ("severity: [P1, P2]", True),
        ("severity: P1", False),
        ("status: diagnosed", True),
        ("status: [inconclusive, nothing-wrong]", False),
        ("release: not-release-related", True),
        ("release: caused", False),
        ("fault: [memory, cpu]", True),
        ("fault: errors", False),
        ("service: payment-eu", True),
        ("service: payment-*", True),
        ("service: 'payment-??'", True),
        ("service: Payment-*", False),
        ("service: '[p]ayment-eu'", False),
        ("team: payments", True),
        ("team: search", False),
        ("tier: 1", True),
        ("tier: [3, 4]", False),
        ("when: {hours: '11:00-13:00'}", True),
        ("when: {hours: '12:01-13:00'}", False),
        ("when: {weekdays: mon}", True),
        ("when: {weekdays: [sat, sun]}", False),
        # All of it must hold.
        ("severity: P2, fault: cpu, tier: 1", True),
        ("severity: P2, fault: cpu, tier: 2", False),
    ],
)
def test_a_route_takes_what_it_asks_for(match: str, is_taken: bool) -> None:
    assert (way(root(f"[{{name: a, match: {{{match}}}}}]"), facts()) == ["all", "a"]) == is_taken


def test_what_is_not_known_matches_nothing() -> None:
    tree = root("[{name: a, match: {tier: [1, 2, 3, 4]}}, {name: b, match: {fault: unknown}}]")
    assert way(tree, facts(tier=None, fault=None)) == ["all"]


def test_the_first_that_matches_wins() -> None:
    tree = root("[{name: a, match: {severity: P1}}, {name: b, match: {fault: cpu}}, {name: c, match: {severity: P2}}]")
    assert way(tree, facts()) == ["all", "b"]


def test_the_root_takes_what_nobody_else_does() -> None:
    assert way(root("[{name: a, match: {severity: P1}}]"), facts()) == ["all"]


def test_a_route_below_refines_only_what_its_parent_took() -> None:
    tree = root(
        "[{name: a, match: {severity: P1}, routes: [{name: a1, match: {fault: cpu}}]},"
        " {name: b, match: {severity: P2}, routes: [{name: b1, match: {fault: errors}}, {name: b2, match: {tier: 1}}]}]"
    )
    assert way(tree, facts()) == ["all", "b", "b2"]


def test_a_parent_without_a_child_that_matches_decides_and_later_routes_are_not_asked() -> None:
    tree = root(
        "[{name: a, match: {severity: P2}, routes: [{name: a1, match: {fault: errors}}]},"
        " {name: b, match: {fault: cpu}}]"
    )
    assert way(tree, facts()) == ["all", "a"]


def test_every_route_says_what_became_of_it() -> None:
    tree = root(
        "[{name: a, match: {severity: P1}, routes: [{name: a1, match: {fault: cpu}}]},"
        " {name: b, match: {severity: P2}, routes: [{name: b1, match: {service: 'payment-*'}}]},"
        " {name: c, match: {fault: cpu}}, {name: d, match: {fault: errors, tier: 2}}]"
    )
    assert [(t.route, t.depth, t.outcome, t.because) for t in tried(tree, facts())] == [
        ("all", 0, "refined", "it takes every case"),
        ("a", 1, "not-matched", "severity is P2, not P1"),
        ("a1", 2, "not-reached", "`a`, which it refines, did not take the case"),
        ("b", 1, "refined", "severity is P2"),
        ("b1", 2, "chosen", "service is payment-eu"),
        ("c", 1, "not-reached", "it matches too, but `b` comes first"),
        ("d", 1, "not-matched", "fault is cpu, not errors; tier is 1, not 2"),
    ]


@pytest.mark.parametrize(
    ("hour", "day", "holds"),
    [(22, 6, True), (5, 7, True), (6, 7, False), (21, 6, False), (23, 8, True), (23, 9, False)],
)
def test_hours_may_run_over_midnight_in_a_zone_of_their_own(hour: int, day: int, holds: bool) -> None:
    # 6 to 8 March 2026 are Friday to Sunday; Berlin is an hour ahead of UTC then.
    night = When(hours="22:00-06:00", weekdays=("fri", "sat", "sun"), time_zone="Europe/Berlin")
    assert night.holds(datetime(2026, 3, day, hour - 1, tzinfo=UTC)) == holds


def test_the_shipped_file_ends_with_a_route_for_every_severity(home: Path) -> None:
    tree = routes.load(home).route
    severities: tuple[Severity, ...] = ("P1", "P2", "P3", "P4")
    assert [way(tree, facts(severity))[-1] for severity in severities] == list(severities)


def test_a_file_of_ones_own_replaces_the_shipped_one(home: Path) -> None:
    path = home / "config" / "routes.yaml"
    path.parent.mkdir()
    path.write_text(SHIPPED.replace("team: on-call", "team: sre").replace("requests: 100", "requests: 50"))
    assert routes.load(home).route.team == "sre"
    assert routes.load(home).severity.requests == 50


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("match: {severity: P2}", "match: {severty: P2}", "severty: is not a setting that exists (did you mean `sev"),
        ("match: {severity: P2}", "match: {severity: P9}", "route.routes.2.match.severity.0: input should be 'P1'"),
        ("match: {severity: P2}", "match: {severity: []}", "severity: expected at least one item"),
        ("match: {severity: P2}", "match: {when: {}}", "when: expected `hours`, `weekdays` or both"),
        (
            "match: {severity: P2}",
            "match: {when: {hours: '9-5'}}",
            "hours: expected hours such as 22:00-06:00, not '9-5'",
        ),
        ("match: {severity: P2}", "match: {when: {hours: '09:00-09:00'}}", "expected hours such as 22:00-06:00"),
        ("match: {severity: P2}", "match: {tier: 9}", "route.routes.2.match.tier.0: input should be less than"),
        (
            "match: {severity: P2}",
            "match: {when: {weekdays: sat, time_zone: Berlin}}",
            "time_zone: expected the name of a time zone, such as Europe/Berlin, not 'Berlin'",
        ),
        ("actions: [ticket, email]", "actions: [ticket, ticket]", "actions: expected each action once"),
        ("actions: [ticket, email]", "actions: [tikcet]", "actions.0: input should be 'page', 'channel', 'ticket'"),
        ("name: P3", "name: P2", "route: expected a name of its own for each route, two are called `P2`"),
        ("  team: on-call\n", "", "route.team: is missing, expected a value"),
        ("name: everything", "name: everything\n  match: {tier: 1}", "route.match: is not a setting that exists"),
        ("requests: 100", "requests: many", "severity.requests: expected a whole number, not 'many'"),
        ("requests: 100\n", "\n", "severity.requests: is missing, expected a value"),
        ("{figure: blind}", "{figure: blind, above: 1}", "expected no number for blind"),
        ("{figure: cpu_percent, above: 80}", "{figure: cpu_percent}", "P2.3: expected either `above` or `at_least`"),
        ("figure: memory_percent", "figure: memory", "severity.P3.3.figure: input should be 'errors_percent'"),
        ("{figure: blind}", "{figure: blind, of: any-service}", "expected no `of` for blind"),
    ],
)
def test_a_mistake_is_told_with_file_and_key(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = tmp_path / "routes.yaml"
    assert before in SHIPPED
    path.write_text(SHIPPED.replace(before, after))
    with pytest.raises(ConfigError) as error:
        routes.read(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
