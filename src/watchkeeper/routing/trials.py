"""Trying every route: which case would be taken by it, and which routes no case can ever reach."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import product
from typing import get_args

from watchkeeper.catalogue import Catalogue
from watchkeeper.domain import Action, FaultKind, Noun, ReleaseStatus, Severity
from watchkeeper.routing.matching import WEEK, Facts, Match, When, zone_of
from watchkeeper.routing.routes import Node, Root, Routing, taken, walk

A_MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
UNHEARD_OF = "a-service-nobody-described"
Fields = dict[str, object]
"""Some fields of Facts."""


class Trial(Noun):
    """One route that was tried."""

    route: str
    depth: int
    is_reached: bool
    decides: bool = False
    """Whether it decides such a case itself; else a route under it always does."""
    asks: tuple[str, ...] = ()
    """What it and the routes above it ask."""
    actions: tuple[Action, ...] = ()
    """What happens then, said or inherited."""
    example: Facts | None = None
    """A case that it takes."""
    because: str = ""
    """Why no case can reach it."""


def try_routes(routing: Routing, catalogue: Catalogue) -> tuple[Trial, ...]:
    """Every route in the order of the file, each with a case that it takes, or why there can be none."""
    cases = list(_cases(routing.route, catalogue))
    above = _ancestors(routing.route)
    return tuple(_try(node, above[node.name], routing.route, cases) for node, _, _ in walk(routing.route))


def doubts(routing: Routing, catalogue: Catalogue) -> tuple[str, ...]:
    """What works, but perhaps not as it was meant: services nobody described, teams and channels that are missing."""
    found: list[str] = []
    above = _ancestors(routing.route)
    teams = {service.team for service in catalogue.services.values()} | {routing.route.team}
    for node, _, _ in walk(routing.route):
        found += [f"route `{node.name}`: {doubt}" for doubt in _doubted_services(node, catalogue)]
        if node.team is not None and node.team not in teams:
            found.append(f"route `{node.name}`: the service catalogue knows no team {node.team}")
        if doubt := _doubted_actions(node, above[node.name]):
            found.append(f"route `{node.name}`: {doubt}")
    found += [
        f"service {name}: the catalogue names no team, so its cases go to {routing.route.team}"
        for name, service in catalogue.services.items()
        if service.team is None
    ]
    return tuple(found)


def _doubted_services(node: Node, catalogue: Catalogue) -> Iterator[str]:
    for pattern in node.match.service or ():
        wanted = Match(service=(pattern,))
        if not any(wanted.takes(_BLANK.model_copy(update={"service": name})) for name in catalogue.services):
            yield f"no service of the service catalogue is called {pattern}"


def _doubted_actions(node: Node, above: Sequence[Node]) -> str | None:
    path = (*above, node)
    channels = next((n.channels for n in reversed(path) if n.channels is not None), ())
    if node.actions == ():
        return "nothing happens, nobody is told"
    if "channel" in _actions(path) and not channels:
        return "it notifies a channel, but names none"
    return None


def _actions(path: Sequence[Node]) -> tuple[Action, ...]:
    return next(node.actions for node in reversed(path) if node.actions is not None)


def _try(node: Node, above: Sequence[Node], root: Root, cases: Sequence[Facts]) -> Trial:
    path = (*above, node)
    paths = [(facts, taken(root, facts)) for facts in cases if all(n.match.takes(facts) for n in path)]
    reached = [(facts, way) for facts, way in paths if any(node is n for n in way)]
    if not reached:
        because = _shadows(path, root, [way for _, way in paths]) or _contradiction(node, above, cases)
        return Trial(route=node.name, depth=len(above), is_reached=False, because=because)
    decided = next((facts for facts, way in reached if way[-1] is node), None)
    asked = {name for n in path for name in n.match.asks()}
    return Trial(
        route=node.name,
        depth=len(above),
        is_reached=True,
        decides=decided is not None,
        asks=tuple(name for name in Match.model_fields if name in asked),
        actions=_actions(path),
        example=decided or reached[0][0],
    )


def _shadows(path: Sequence[Node], root: Root, ways: Sequence[Sequence[Node]]) -> str:
    """Which routes take its cases away: on each way the first one that does not lead to it."""
    takers = {next(n.name for n in way if all(n is not mine for mine in path)) for way in ways}
    names = " and ".join(f"`{node.name}`" for node, _, _ in walk(root) if node.name in takers)
    return f"{names} before it take{'' if len(takers) > 1 else 's'} every such case" if takers else ""


def _contradiction(node: Node, above: Sequence[Node], cases: Sequence[Facts]) -> str:
    for name in node.match.asks():
        if not any(node.match.has(name, facts) for facts in cases):
            return f"no case has such a {name}: see the service catalogue"
    if not any(node.match.takes(facts) for facts in cases):
        return f"no case has all of this together: {', '.join(node.match.asks())}"
    return f"it asks for what {' and '.join(f'`{n.name}`' for n in above[1:])} above it leaves out"


def _ancestors(root: Root) -> dict[str, tuple[Node, ...]]:
    above: dict[str, tuple[Node, ...]] = {root.name: ()}
    for node, _, parent in walk(root):
        if parent is not None:
            above[node.name] = (*above[parent.name], parent)
    return above


_BLANK = Facts(severity="P4", status="nothing-wrong", release="undetermined", at=A_MONDAY)


def _cases(root: Root, catalogue: Catalogue) -> Iterator[Facts]:
    """One case of each sort that the routes can tell apart."""
    matches = [node.match for node, _, _ in walk(root)]
    sorts = (
        _told_apart(matches, ("severity",), ({"severity": s} for s in get_args(Severity))),
        _told_apart(matches, ("status", "fault", "release"), _states()),
        _told_apart(matches, ("service", "team", "tier"), _parties(matches, root, catalogue)),
        _told_apart(matches, ("when",), _moments([m.when for m in matches if m.when])),
    )
    for parts in product(*sorts):
        yield _BLANK.model_copy(update={key: value for part in parts for key, value in part.items()})


def _told_apart(matches: Sequence[Match], names: Sequence[str], changes: Iterable[Fields]) -> list[Fields]:
    """The first of all that get the same answers to every question of that name."""
    asking = [(match, name) for match in matches for name in names if name in match.asks()]
    sorts: dict[tuple[bool, ...], Fields] = {}
    for change in changes:
        facts = _BLANK.model_copy(update=change)
        sorts.setdefault(tuple(match.has(name, facts) for match, name in asking), change)
    return list(sorts.values())


def _states() -> Iterator[Fields]:
    """What was concluded: a kind of fault only where a cause is, no release to blame where nothing is wrong."""
    for fault, release in product(get_args(FaultKind), get_args(ReleaseStatus)):
        yield {"status": "diagnosed", "fault": fault, "release": release}
    for release in get_args(ReleaseStatus):
        yield {"status": "inconclusive", "fault": None, "release": release}
    yield {"status": "nothing-wrong", "fault": None, "release": "not-release-related"}


def _parties(matches: Sequence[Match], root: Root, catalogue: Catalogue) -> Iterator[Fields]:
    """Services as the catalogue has them, and of each name or pattern one that nobody described."""
    for name, service in catalogue.services.items():
        yield {"service": name, "team": service.team or root.team, "tier": service.tier}
    patterns = [pattern for match in matches for pattern in match.service or ()]
    bare = ["x", *(re.sub(r"[*?]", "", pattern) for pattern in patterns)]
    named = [pattern.replace("?", "x").replace("*", inner) for pattern in patterns for inner in bare]
    for name in dict.fromkeys([*named, UNHEARD_OF]):
        if name not in catalogue.services:
            yield {"service": name, "team": root.team, "tier": None}


def _moments(whens: Sequence[When]) -> Iterator[Fields]:
    """Every time of a week at which something begins or ends, in every zone; nothing changes in between."""
    yield {"at": A_MONDAY}
    for when in whens:
        for day, clock in product(range(len(WEEK)), (time(0), *(when.borders() or ()))):
            local = datetime.combine(A_MONDAY + timedelta(days=day), clock, zone_of(when.time_zone))
            yield {"at": local.astimezone(UTC)}
