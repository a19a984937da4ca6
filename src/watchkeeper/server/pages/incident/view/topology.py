"""Who calls whom, laid out from the entry down, with the component that is blamed."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from watchkeeper.domain import CaseFile, Evidence, Scalar
from watchkeeper.server.pages.incident.view import phrases

NODES, A_ROW = 32, 4
"""Components that are drawn at most; how many stand beside each other, so that a phone shows them."""
WIDTH, HEIGHT, GAP, RISE = 106, 44, 10, 38
"""Of a box, and between boxes."""
TIP = 6
"""Length of an arrow's head."""
NAME = 16
"""Characters of a name that a box has room for."""
_PAIRS = (("caller", "callee"), ("service_name", "callee"))


@dataclass(frozen=True)
class Node:
    """A component's box; x and y are its upper left corner."""

    name: str
    label: str
    note: str
    x: int
    y: int
    is_blamed: bool
    is_affected: bool


@dataclass(frozen=True)
class Edge:
    """A call from the lower side of one box to the upper side of another."""

    caller: str
    callee: str
    path: str
    """As SVG draws it; numbers only."""
    tip: str
    """The arrow's head, the same way."""
    is_worse: bool
    says: str


@dataclass(frozen=True)
class Topology:
    """The whole drawing; empty where no evidence holds calls."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    width: int = 0
    height: int = 0
    evidence: str = ""
    note: str = ""
    says: str = ""
    """The drawing in one sentence, for those who do not see it."""


@dataclass
class _Call:
    requests: float = 0.0
    errors: float = 0.0
    errors_before: float = 0.0
    mean_ms: list[float] = field(default_factory=list)
    before_ms: list[float] = field(default_factory=list)

    @property
    def is_slower(self) -> bool:
        return bool(self.mean_ms and self.before_ms) and max(self.mean_ms) > 1.2 * max(self.before_ms)

    @property
    def is_failing(self) -> bool:
        return self.errors > 0.01 * max(1.0, self.requests) and self.errors > 1.5 * self.errors_before


def topology_of(case: CaseFile) -> Topology:
    """The calls that the case's evidence holds, the latest that does."""
    item = next((e for e in reversed(case.evidence) if _pair(e) and e.status == "found"), None)
    if item is None:
        return Topology()
    calls = _calls(item)
    layers = _layers(calls)
    places = _places(layers)
    blamed, notes = _blamed(case), _notes(case)
    affected = {row.service for row in case.latest.scope.affected} if case.latest else set()
    nodes = tuple(_node(name, at, name == blamed, name in affected, notes) for name, at in places.items())
    edges = tuple(_edge(pair, call, places) for pair, call in calls.items() if set(pair) <= places.keys())
    width = A_ROW * WIDTH + (A_ROW - 1) * GAP + 4
    height = max((y for _, y in places.values()), default=0) + HEIGHT + 4
    return Topology(nodes, edges, width, height, item.id, _left_out(item, calls, places), _spoken(edges, blamed))


def _pair(item: Evidence) -> tuple[str, str] | None:
    return next((pair for pair in _PAIRS if set(pair) <= set(item.rows.columns)), None)


def _calls(item: Evidence) -> dict[tuple[str, str], _Call]:
    pair = _pair(item)
    assert pair is not None, "only evidence with calls is read"
    found: dict[tuple[str, str], _Call] = {}
    for row in item.rows.values:
        told = dict(zip(item.rows.columns, row, strict=True))
        names = str(told[pair[0]] or ""), str(told[pair[1]] or "")
        if all(names) and names[0] != names[1]:
            _add(found.setdefault(names, _Call()), told)
    return found


def _add(call: _Call, told: dict[str, Scalar]) -> None:
    call.requests += _figure(told, "requests")
    call.errors += _figure(told, "errors")
    call.errors_before += _figure(told, "errors_before")
    if "mean_ms_before" in told and told.get("mean_ms") is not None and told["mean_ms_before"] is not None:
        call.mean_ms.append(_figure(told, "mean_ms"))
        call.before_ms.append(_figure(told, "mean_ms_before"))


def _figure(told: dict[str, Scalar], name: str) -> float:
    value = told.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _layers(calls: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How many calls away from an entry each component is at most; a call that closes a circle does not count."""
    pairs = list(calls)
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    waiting = {name: {caller for caller, callee in pairs if callee == name} for name in names}
    depth: dict[str, int] = {}
    while waiting:
        free = [name for name, callers in waiting.items() if not callers & waiting.keys()]
        for name in free or [min(waiting, key=lambda name: len(waiting[name] & waiting.keys()))]:
            callers = waiting.pop(name)
            depth[name] = max((depth[each] + 1 for each in callers if each in depth), default=0)
    return depth


def _places(layers: dict[str, int]) -> dict[str, tuple[int, int]]:
    """The corner of each box: a layer under the other, each centred, broken where it is too wide."""
    whole = A_ROW * WIDTH + (A_ROW - 1) * GAP
    places: dict[str, tuple[int, int]] = {}
    y = 2
    for layer in range(max(layers.values(), default=-1) + 1):
        names = [name for name, depth in layers.items() if depth == layer]
        for begin in range(0, len(names), A_ROW):
            row = names[begin : begin + A_ROW]
            if len(places) + len(row) > NODES:
                return places
            x = 2 + (whole - len(row) * WIDTH - (len(row) - 1) * GAP) // 2
            for place, name in enumerate(row):
                places[name] = (x + place * (WIDTH + GAP), y)
            y += HEIGHT + RISE
    return places


def _node(name: str, at: tuple[int, int], is_blamed: bool, is_affected: bool, notes: dict[str, str]) -> Node:
    whole = phrases.line(name, phrases.NAME)
    kind, _, of = whole.partition("/")
    label, belongs = (kind, f"of {of}") if kind and of else (whole, "")
    note = "cause" if is_blamed else "affected" if is_affected else belongs
    return Node(whole, _short(label), _short(notes.get(name) or note, 20), at[0], at[1], is_blamed, is_affected)


def _short(text: str, limit: int = NAME) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _edge(pair: tuple[str, str], call: _Call, places: dict[str, tuple[int, int]]) -> Edge:
    caller, callee = (phrases.line(name, phrases.NAME) for name in pair)
    says = f"{caller} calls {callee}: {phrases.counted(round(call.requests), 'request')}"
    if call.errors:
        says += f", {round(call.errors):,} failed"
    if call.is_slower:
        says += f", {phrases.milliseconds(max(call.mean_ms))}, usually {phrases.milliseconds(max(call.before_ms))}"
    path, tip = _drawn(places[pair[0]], places[pair[1]])
    return Edge(caller, callee, path, tip, call.is_slower or call.is_failing, says)


def _drawn(caller: tuple[int, int], callee: tuple[int, int]) -> tuple[str, str]:
    """From the caller's lower edge down to the callee's upper edge; upwards or sideways it enters from below."""
    half = WIDTH // 2
    x1, x2, is_down = caller[0] + half, callee[0] + half, callee[1] > caller[1]
    y1 = caller[1] + HEIGHT
    y2 = callee[1] - TIP if is_down else callee[1] + HEIGHT + TIP
    bend = max(16, (y2 - y1) // 2) if is_down else 22
    path = f"M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend if is_down else y2 + bend} {x2} {y2}"
    point = y2 + TIP if is_down else y2 - TIP
    return path, f"M{x2 - 4} {y2}L{x2 + 4} {y2}L{x2} {point}Z"


def _blamed(case: CaseFile) -> str | None:
    latest = case.latest
    return latest.hypotheses[0].component if latest and latest.status == "diagnosed" else None


def _notes(case: CaseFile) -> dict[str, str]:
    """How much of the trouble arises in each component, by the latest evidence that blames."""
    item = next((e for e in reversed(case.evidence) if e.reading and e.reading.name == "blame"), None)
    if item is None or not {"component", "unit", "share"} <= set(item.rows.columns):
        return {}
    at = {name: item.rows.columns.index(name) for name in ("component", "unit", "share")}
    notes: dict[str, str] = {}
    for row in item.rows.values:
        share, name = row[at["share"]], str(row[at["component"]])
        if isinstance(share, float | int) and share >= 0.05:
            notes.setdefault(name, f"{share:.0%} of {phrases.line(str(row[at['unit']]), 20)}")
    return notes


def _left_out(item: Evidence, calls: dict[tuple[str, str], _Call], places: dict[str, tuple[int, int]]) -> str:
    names = {name for pair in calls for name in pair}
    if item.rows.total > len(item.rows.values):
        return f"drawn from {len(item.rows.values):,} of {item.rows.total:,} rows: calls may be missing"
    return f"{len(names) - len(places):,} more components are not drawn" if len(names) > len(places) else ""


def _spoken(edges: tuple[Edge, ...], blamed: str | None) -> str:
    calls: dict[str, list[str]] = {}
    for edge in edges:
        calls.setdefault(edge.caller, []).append(edge.callee)
    told = "; ".join(f"{caller} calls {', '.join(callees)}" for caller, callees in calls.items())
    return phrases.line(f"{told}. Blamed: {blamed}" if blamed else told, 1000)
