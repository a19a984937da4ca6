"""What changed in the order of log lines: what used to follow and no longer does, and where flows break off."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from scipy import stats

from watchkeeper.analysis.log_flows import Flow, begun_in, flows_of, places_of, templates_by_service, us_of
from watchkeeper.domain import Window

USUALLY = 0.8
"""The share of flows in which a template follows another, to say that it usually does."""
LEAST = 3
"""Fewer flows than this on either side say nothing."""
MOST_PAIRS = 50_000
"""Pairs of templates that are looked at; the commonest."""
MOST_TEMPLATES = 50
"""Templates of one flow that are looked at."""
LONGEST_GAP = 0.99
"""The quantile of the gaps between lines of a flow after which it is taken to be over."""
EXAMPLES = 3

Statement = tuple[str, str]
"""Service, and the id of a template."""
Pair = tuple[str, str, str]
"""Service, and the ids of two templates."""


@dataclass(frozen=True)
class OrderChange:
    """Two templates of which the second used to follow the first in a flow, and now does so much less often."""

    service: str
    first: str
    then: str
    share_before: float
    """Of the flows with the first, those in which the second came later."""
    share: float
    flows_before: int
    flows: int
    turned: int
    """Flows in which the second now comes before the first, and not after it."""
    p: float


@dataclass(frozen=True)
class BreakOff:
    """The region of code between two statements in which flows break off."""

    service: str
    last: str
    """The template after which nothing more comes."""
    missing: str
    """The template that usually comes next."""
    instead: str | None
    """A template that was never seen before and now comes there."""
    last_place: str | None
    """Where in the code it stands, if the records say so."""
    missing_place: str | None
    ended_before: int
    """Flows that ended there, of `flows_before` that came there."""
    flows_before: int
    ended: int
    flows: int
    p: float
    examples: tuple[str, ...]
    """Traces (or threads) that broke off, at most three."""


def order_changes(records: pa.Table, usual: Window, incident: Window, significance: float = 1e-3) -> list[OrderChange]:
    """Pairs that no longer follow, the most significant first; p-values are held against the number of pairs.

    `records` is a `LogQuery` answer over both windows. A flow belongs to the window in which it begins; flows that may
    go on after their window are left out.
    """
    learnt = templates_by_service(records)
    flows = flows_of(records, learnt)
    text = {(service, t.id): t.text for service, known in learnt.items() for t in known.known}
    before, after = _followed(_settled(flows, usual)), _followed(_settled(flows, incident))
    often = sorted((pair for pair, n in before.pairs.items() if n >= LEAST), key=lambda p: (-before.pairs[p], p))
    asked = [p for p in often[:MOST_PAIRS] if before.share(p) >= USUALLY and after.having[p[:2]] >= LEAST]
    found = []
    for pair in asked:
        p = _fewer(after.pairs[pair], after.having[pair[:2]], before.pairs[pair], before.having[pair[:2]])
        if p <= significance / len(asked) and after.share(pair) < before.share(pair) / 2:
            service, first, then = pair
            turned = sum(_turned(flow, first, then) for flow in after.flows[service, first])
            names = text[service, first], text[service, then]
            counts = before.having[service, first], after.having[service, first]
            found.append(OrderChange(service, *names, before.share(pair), after.share(pair), *counts, turned, p))
    return sorted(found, key=lambda c: (c.p, c.service, c.first, c.then))


def break_offs(records: pa.Table, usual: Window, incident: Window, significance: float = 1e-3) -> list[BreakOff]:
    """Where flows now end though they usually went on, the most significant first; as `order_changes`.

    Lines that were never written in the usual window (the error's own, say) do not count as going on.
    """
    learnt = templates_by_service(records)
    flows = flows_of(records, learnt)
    text = {(service, t.id): t.text for service, known in learnt.items() for t in known.known}
    before = _ends(_settled(flows, usual))
    after = _ends(_settled(flows, incident), frozenset(before.came))
    asked = [at for at in sorted(before.next) if before.came[at] >= LEAST and after.came[at] >= LEAST]
    places = places_of(records, learnt)
    found = []
    for at in asked:
        went_on, goes_on = before.next[at].total(), after.next[at].total()
        p = _fewer(goes_on, after.came[at], went_on, before.came[at])
        if p > significance / len(asked) or went_on < USUALLY * before.came[at] or 2 * goes_on > after.came[at]:
            continue
        service = at[0]
        missing = _commonest(before.next[at])
        instead = _commonest(after.instead[at]) if after.instead[at] else None
        found.append(
            BreakOff(
                service=service,
                last=text[at],
                missing=text[service, missing],
                instead=None if instead is None else text[service, instead],
                last_place=places.get(at),
                missing_place=places.get((service, missing)),
                ended_before=before.came[at] - went_on,
                flows_before=before.came[at],
                ended=after.came[at] - goes_on,
                flows=after.came[at],
                p=p,
                examples=tuple(sorted(after.ended[at])[:EXAMPLES]),
            )
        )
    return sorted(found, key=lambda b: (b.p, b.service, b.last))


@dataclass(frozen=True)
class _Followed:
    having: Counter[Statement]
    pairs: Counter[Pair]
    flows: dict[Statement, list[Flow]]

    def share(self, pair: Pair) -> float:
        return self.pairs[pair] / self.having[pair[:2]]


def _followed(flows: list[Flow]) -> _Followed:
    """In how many flows each template came, and in how many another came after its first time."""
    having: Counter[Statement] = Counter()
    pairs: Counter[Pair] = Counter()
    by_first: dict[Statement, list[Flow]] = defaultdict(list)
    for flow in flows:
        ids = [line.template.id for line in flow.lines]
        for first in list(dict.fromkeys(ids))[:MOST_TEMPLATES]:
            having[flow.service, first] += 1
            by_first[flow.service, first].append(flow)
            later = list(dict.fromkeys(ids[ids.index(first) + 1 :]))[:MOST_TEMPLATES]
            pairs.update((flow.service, first, then) for then in later if then != first)
    return _Followed(having, pairs, by_first)


def _turned(flow: Flow, first: str, then: str) -> bool:
    ids = [line.template.id for line in flow.lines]
    return then in ids[: ids.index(first)] and then not in ids[ids.index(first) :]


@dataclass(frozen=True)
class _Ends:
    """By template: the flows that came there, what came next, and the flows in which nothing known did."""

    came: Counter[Statement]
    next: dict[Statement, Counter[str]]
    ended: dict[Statement, list[str]]
    instead: dict[Statement, Counter[str]]
    """What was written right there, and is no known template."""


def _ends(flows: list[Flow], known: frozenset[Statement] | None = None) -> _Ends:
    found = _Ends(Counter(), defaultdict(Counter), defaultdict(list), defaultdict(Counter))
    for flow in flows:
        ids = [line.template.id for line in flow.lines]
        kept = [i for i, name in enumerate(ids) if known is None or (flow.service, name) in known]
        last = {ids[i]: order for order, i in enumerate(kept)}
        for name, order in last.items():
            at = flow.service, name
            found.came[at] += 1
            if order + 1 < len(kept):
                found.next[at][ids[kept[order + 1]]] += 1
                continue
            found.ended[at].append(flow.key)
            found.instead[at].update(ids[kept[order] + 1 : kept[order] + 2])
    return found


def _settled(flows: list[Flow], window: Window) -> list[Flow]:
    """Flows that began in the window and are over at its end: nothing came for longer than gaps in flows last."""
    gaps: dict[str, list[int]] = defaultdict(list)
    for flow in flows:
        gaps[flow.service] += [b.at_us - a.at_us for a, b in pairwise(flow.lines)]
    longest = {service: float(np.quantile(found, LONGEST_GAP)) for service, found in gaps.items() if found}
    end = us_of(window)[1]
    return [f for f in begun_in(flows, window) if f.lines[-1].at_us + longest.get(f.service, 0.0) <= end]


def _fewer(count: int, trials: int, reference: int, reference_trials: int) -> float:
    """One-sided p-value that a share fell (Fisher's exact test)."""
    return float(stats.hypergeom.cdf(count, trials + reference_trials, count + reference, trials))


def _commonest(counts: Counter[str]) -> str:
    return min(counts, key=lambda name: (-counts[name], name))
