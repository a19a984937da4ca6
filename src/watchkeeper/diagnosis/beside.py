"""What changed inside requests, beside what spans on a fine grid say: one more witness for the same suspects."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from watchkeeper.analysis.visit_findings import SHARPNESS, Blamed, Signal
from watchkeeper.diagnosis.fusion import Bearing, squashed
from watchkeeper.diagnosis.inside_visits import InsideVisits, statements_of
from watchkeeper.diagnosis.suspects import Suspect
from watchkeeper.diagnosis.timing import Timing
from watchkeeper.diagnosis.traits import HALF_CLEAR
from watchkeeper.evidence.vitals import Vitals

MOST_REQUESTS = 60_000
"""Requests, over all services, around an onset from which on nobody looks into each: it takes too long."""
AROUND = timedelta(minutes=6)
"""How much before the onset is looked into."""
NOTICED = timedelta(seconds=60)
"""So long after the onset it counts as noticed at the latest."""
SIGNALS: Mapping[str, tuple[Signal, ...]] = {
    "otherwise": ("behaviour", "unanswered"),
    "longer": ("delay", "own time", "outside"),
}
"""By feature, the signals that it is made of; processors are looked at on the fine grid."""
CLEAR = 0.4
"""How clear (0 to 1) a change must be before it speaks for a component of which nothing else is known."""


def are_few(vitals: Vitals, timing: Timing) -> bool:
    """Whether there are so few requests that each can be looked into."""
    grid = vitals.grid
    since = grid.index_of(timing.onset.at - AROUND)
    return sum(float(red.requests[since:].sum()) for red in vitals.services.values()) <= MOST_REQUESTS


def noticed_at(timing: Timing, at: datetime) -> datetime:
    """The moment before which it surely began: when it was noticed, if that was soon after the onset."""
    return min(at, timing.onset.latest + NOTICED)


def beside(bearing: Bearing, ranked: Sequence[Blamed]) -> Bearing:
    """What spans say of every component, together with what changed inside requests says of it.

    What requests do and how long it takes are told apart: on a busy host everything takes longer, and nothing is done
    otherwise. A component's part of either counts by how clear all of it is.
    """
    says: dict[str, dict[str, float]] = {each.component: {} for each in ranked}
    for feature, signals in SIGNALS.items():
        scores = {each.component: sum(each.parts.get(signal, 0.0) for signal in signals) for each in ranked}
        whole = sum(score**SHARPNESS for score in scores.values())
        for component, score in scores.items():
            if score > 0:
                says[component][feature] = squashed(score, HALF_CLEAR) * score**SHARPNESS / whole
    return bearing.joined(Bearing(says, bearing.unseen))


def with_visits(suspects: Sequence[Suspect], seen: InsideVisits) -> list[Suspect]:
    """The suspects with what changed inside their requests, and those that nothing else speaks for.

    Claims of it are made only where nothing else can be claimed: to look into every request again takes long.
    """
    known = {each.component: each for each in suspects}
    for blamed in seen.ranked:
        clearness = squashed(blamed.score, HALF_CLEAR)
        suspect = known.setdefault(blamed.component, Suspect(blamed.component, strengths={"untimed": 1.0}))
        if clearness >= CLEAR:
            suspect.inside = blamed.kind
            if all(each.role == "timing" for each in suspect.claims):
                suspect.claims += statements_of(seen, blamed.component)
    return sorted(known.values(), key=lambda each: each.component)
