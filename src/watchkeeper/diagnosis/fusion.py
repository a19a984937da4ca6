"""One ranking of all that may be the cause, with probabilities that mean the same whatever telemetry there is.

A conditional logit (McFadden, 1974): what speaks for a candidate adds up to its utility, and beside the candidates
stands *something that was not looked at*, whose utility is made of what is missing and of how faint the trouble is. The
probability of each is its part of the sum of all exponentials. Features lie between 0 and 1, so that they mean the same
on any system; their weights are fitted (`evaluation/fitting.py`) and lie beside this module.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

WEIGHTS_FILE = Path(__file__).with_name("weights.json")
WRONG_COSTS = 1.0
"""What a wrong answer costs, where a right one earns 1 and none costs nothing."""


@dataclass(frozen=True)
class Feature:
    """One thing that tells candidates apart, or says how much remains unseen."""

    words: str
    """What it says of a component, as `most for cart: …` goes on; of the unseen, what makes it likely."""
    sign: int = 1
    """1 where it can only speak for it, −1 where it can only speak against it, 0 where that is open."""


OF_CANDIDATES: Mapping[str, Feature] = {
    "left": Feature("failures or extra time that nothing it calls explains"),
    "lead": Feature("far more of the trouble stays at it than at anybody else"),
    "flow": Feature("the alarm's excess, followed down the calls, ends at it"),
    "flow_lead": Feature("far more of the alarm's excess ends at it than at anybody else"),
    "covers": Feature("its own excess makes up the alarm's"),
    "plain": Feature("its own figures rose far beyond noise"),
    "changed": Feature("what its requests do, wait for or use changed most"),
    "changed_lead": Feature("its requests changed far more than anybody else's"),
    "clear": Feature("how clearly its requests changed"),
    "otherwise": Feature("its requests do other things than they did"),
    "otherwise_lead": Feature("nobody else's requests changed so much in what they do"),
    "longer": Feature("what its requests do takes longer"),
    "longer_lead": Feature("nobody else's requests take so much longer"),
    "symptom": Feature("a symptom of its own"),
    "silence": Feature("it stopped reporting"),
    "restarts": Feature("it was restarted, and nobody deployed it"),
    "unanswered": Feature("calls to it fail of which it knows nothing itself"),
    "cpu": Feature("its processor is busy"),
    "memory": Feature("its memory grows"),
    "pool": Feature("requests wait for its connections"),
    "logs": Feature("it writes error lines that it never wrote"),
    "fanout": Feature("it makes more calls a request than it did"),
    "origin": Feature("failures begin in it"),
    "own_time": Feature("its own code takes longer"),
    "way": Feature("calls to it and by it lose time on the way"),
    "surge": Feature("more requests than usual enter at it"),
    "missing": Feature("its requests leave out calls that usually follow"),
    "change": Feature("a change of it fits the onset"),
    "late": Feature("its trouble began after the first symptom", sign=-1),
    "untimed": Feature("nothing tells when its trouble began", sign=-1),
}
"""By name: what is said of each candidate."""

OF_THE_UNSEEN: Mapping[str, Feature] = {
    "always": Feature("something that was not looked at is never excluded", sign=0),
    "no_spans": Feature("there are no traces"),
    "no_logs": Feature("there are no logs"),
    "no_metrics": Feature("there are no metrics"),
    "faint": Feature("the trouble is faint"),
    "crowd": Feature("many components are in sight", sign=0),
    "inside": Feature("it is told by what changed inside requests alone", sign=0),
    "coarse": Feature("it is told by coarse metrics alone", sign=0),
}
"""By name: what makes *something that was not looked at* likely."""

LEADS: Mapping[str, tuple[str, ...]] = {
    "lead": ("left",),
    "flow_lead": ("flow",),
    "changed_lead": ("changed",),
    "otherwise_lead": ("otherwise",),
    "longer_lead": ("longer",),
}
"""By name, the features whose lead over the next candidate it is; of several the larger one."""
MOST = 0.98
"""No candidate is held for more probable than this: so many cases as would bear out more were never seen."""
TELLING = 0.5
"""A part of the utility from which a feature is told."""

Values = Mapping[str, float]


@dataclass(frozen=True)
class Weights:
    """What each feature adds to a utility where it is 1."""

    candidates: Values
    unseen: Values

    @classmethod
    def read(cls, path: Path = WEIGHTS_FILE) -> "Weights":
        """The weights in a file; a feature that is not in it counts nothing."""
        read = json.loads(path.read_text(encoding="utf-8"))
        return cls(read["candidates"], read["unseen"])


@cache
def shipped() -> Weights:
    """The weights that came with this version."""
    return Weights.read()


@dataclass(frozen=True)
class Bearing:
    """Everything that bears on who is to blame: by component its features, and those of the unseen."""

    candidates: Mapping[str, Values]
    unseen: Values = field(default_factory=dict)

    def joined(self, other: "Bearing") -> "Bearing":
        """Both ways of looking together: of each feature the larger value, and what both leave unseen."""
        names = [*self.candidates, *(n for n in other.candidates if n not in self.candidates)]
        return Bearing(
            {n: _larger(self.candidates.get(n, {}), other.candidates.get(n, {})) for n in names},
            {k: min(v, other.unseen.get(k, 0.0)) for k, v in self.unseen.items()},
        )

    def with_leads(self) -> "Bearing":
        """The same with every candidate's lead over the next one."""
        found = {name: dict(values) for name, values in self.candidates.items()}
        for lead, of in LEADS.items():
            for feature in of:
                for name, ahead in _ahead(self.candidates, feature):
                    found[name][lead] = max(found[name].get(lead, 0.0), ahead)
        return Bearing(found, self.unseen)


@dataclass(frozen=True)
class Fused:
    """Who is how probably to blame, and why."""

    probabilities: Mapping[str, float]
    """By component, the most probable first; with `unseen` they add up to 1."""
    unseen: float
    """That it is something that was not looked at."""
    reasons: Mapping[str, tuple[str, ...]]
    """By component, in words: what speaks for it most, the weightiest first."""
    doubts: tuple[str, ...] = ()
    """In words: what makes the unseen likely, the weightiest first."""


def stated_from(wrong_costs: float = WRONG_COSTS) -> float:
    """The least probability that makes an answer worth giving: right earns 1, wrong costs that much, none nothing."""
    return wrong_costs / (1.0 + wrong_costs)


def fuse(bearing: Bearing, weights: Weights | None = None) -> Fused:
    """The probability of every candidate, and of something that was not looked at."""
    weights = weights or shipped()
    told = bearing.with_leads()
    utilities = {name: utility(values, weights.candidates) for name, values in told.candidates.items()}
    beyond = utility(told.unseen, weights.unseen)
    top = max([beyond, *utilities.values()])
    masses = {name: math.exp(u - top) for name, u in utilities.items()}
    whole = (sum(masses.values()) + math.exp(beyond - top)) / MOST
    ranked = sorted(utilities, key=lambda name: (-utilities[name], name))
    return Fused(
        probabilities={name: masses[name] / whole for name in ranked},
        unseen=math.exp(beyond - top) / whole + 1 - MOST,
        reasons={name: _reasons(told.candidates[name], weights.candidates, OF_CANDIDATES) for name in ranked},
        doubts=_reasons({k: v for k, v in told.unseen.items() if k != "always"}, weights.unseen, OF_THE_UNSEEN),
    )


def utility(values: Values, weights: Values) -> float:
    """What all features together say."""
    return sum(weights.get(name, 0.0) * value for name, value in values.items())


def squashed(amount: float, half: float) -> float:
    """An amount without a bound as a figure from 0 to 1; `half` becomes .5."""
    return amount / (amount + half) if amount > 0 else 0.0


def _reasons(values: Values, weights: Values, words: Mapping[str, Feature]) -> tuple[str, ...]:
    says = {name: weights.get(name, 0.0) * value for name, value in values.items()}
    named = sorted((n for n in says if says[n] >= TELLING), key=lambda n: (-says[n], n))
    return tuple(words[name].words for name in named)


def _larger(one: Values, other: Values) -> dict[str, float]:
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in {**one, **other}}


def _ahead(candidates: Mapping[str, Values], feature: str) -> Iterable[tuple[str, float]]:
    """Who has more of a feature than anybody else, with how much more."""
    amounts = sorted(((values.get(feature, 0.0), name) for name, values in candidates.items()), reverse=True)
    if amounts and amounts[0][0] > 0:
        yield amounts[0][1], amounts[0][0] - (amounts[1][0] if len(amounts) > 1 else 0.0)
