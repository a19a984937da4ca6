"""The tree of routes in `config/routes.yaml`: read strictly, walked from the root, first match first."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator

from watchkeeper import library
from watchkeeper.catalogue import Name
from watchkeeper.domain import Action, Noun
from watchkeeper.routing.matching import Facts, Match
from watchkeeper.routing.thresholds import SeverityRules
from watchkeeper.settings import Section


def _once(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    if len(set(actions)) != len(actions):
        raise ValueError("expected each action once")
    return actions


Actions = Annotated[tuple[Action, ...], AfterValidator(_once)]


class Route(Section):
    """One rule: what it asks of a case, what it says, and the routes that refine it."""

    name: Name
    match: Match = Match()
    team: Name | None = None
    owner: Name | None = None
    channels: tuple[Name, ...] | None = None
    actions: Actions | None = None
    routes: "tuple[Route, ...]" = ()


class Root(Section):
    """The route that takes every case: whatever nobody else says, it does."""

    match: ClassVar[Match] = Match()
    name: Name
    team: Name
    owner: Name | None = None
    channels: tuple[Name, ...] = ()
    actions: Actions
    routes: tuple[Route, ...] = ()


Node = Root | Route


def walk(node: Node, depth: int = 0, parent: Node | None = None) -> Iterator[tuple[Node, int, Node | None]]:
    """Every route in the order of the file, with how deep it lies and the route it refines."""
    yield node, depth, parent
    for child in node.routes:
        yield from walk(child, depth + 1, node)


def _with_names_of_their_own(root: Root) -> Root:
    names = [node.name for node, _, _ in walk(root)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"expected a name of its own for each route, two are called `{twice}`")
    return root


class Routing(Section):
    """The whole file."""

    severity: SeverityRules
    route: Annotated[Root, AfterValidator(_with_names_of_their_own)]


def read(path: Path) -> Routing:
    """One file of routes; raises ConfigError naming file, key and what was expected."""
    return library.read_model(path, Routing)


def load(home: Path) -> Routing:
    """`config/routes.yaml` of the home, which replaces the shipped one; raises ConfigError naming file and key."""
    own = home / "config" / "routes.yaml"
    return read(own if own.exists() else library.HOME / "config" / "routes.yaml")


def taken(root: Root, facts: Facts) -> tuple[Node, ...]:
    """The routes that take a case, from the root down; the last one decides."""
    path: list[Node] = [root]
    while True:
        following = next((child for child in path[-1].routes if child.match.takes(facts)), None)
        if following is None:
            return tuple(path)
        path.append(following)


class Tried(Noun):
    """One route on the way of a case: what became of it, and why."""

    route: str
    depth: int
    outcome: Literal["chosen", "refined", "not-matched", "not-reached"]
    """`refined`: it took the case, and one under it decided."""
    because: str


def tried(root: Root, facts: Facts) -> tuple[Tried, ...]:
    """Every route in the order of the file, with whether it took the case and why not."""
    path = taken(root, facts)
    return tuple(
        Tried(route=node.name, depth=depth, outcome=outcome, because=because)
        for node, depth, parent in walk(root)
        for outcome, because in (_outcome(node, parent, path, facts),)
    )


def _outcome(
    node: Node, parent: Node | None, path: tuple[Node, ...], facts: Facts
) -> tuple[Literal["chosen", "refined", "not-matched", "not-reached"], str]:
    if _is_in(node, path):
        agreed = "; ".join(node.match.agreements(facts)) or "it takes every case"
        return ("chosen" if node is path[-1] else "refined"), agreed
    objections = "; ".join(node.match.objections(facts))
    if objections:
        return "not-matched", objections
    if parent is None or not _is_in(parent, path):
        return "not-reached", f"`{parent.name if parent else ''}`, which it refines, did not take the case"
    first = next(child for child in parent.routes if _is_in(child, path))
    return "not-reached", f"it matches too, but `{first.name}` comes first"


def _is_in(node: Node, path: tuple[Node, ...]) -> bool:
    return any(node is other for other in path)
