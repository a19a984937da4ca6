"""What each way of looking says of every component, as features between 0 and 1 for the one ranking (`fusion`)."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import numpy as np

from watchkeeper.analysis.blame_traits import traits_of
from watchkeeper.analysis.calm import CalmBlame
from watchkeeper.analysis.symptoms import Symptom
from watchkeeper.analysis.visit_findings import Blamed
from watchkeeper.diagnosis.fusion import Bearing, Values, squashed
from watchkeeper.diagnosis.seen import Seen
from watchkeeper.diagnosis.suspects import Suspect
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.vitals import Vitals

FAINT = 0.2
"""What blame without a symptom of its unit counts."""
HALF_CLEAR = 10.0
"""Score of what changed inside requests (about chi-squared) that is half clear."""
HALF_HEAVY = 6.0
"""Weight of a symptom (−log10 p) that is half a clear one."""
CROWD = 100.0
"""So many components in sight count as a full crowd, on a logarithmic scale."""
LATENCY = frozenset({"mean latency", "p95 latency"})
FLAGS = ("silence", "restarts", "memory", "pool", "logs", "fanout", "change", "origin")
"""Traits of a suspect that are there or not."""


def of_spans(seen: Seen, suspects: Sequence[Suspect]) -> Bearing:
    """What spans on a fine grid, with resources, logs and changes beside them, say of every suspect."""
    measures = {s.measure for s in seen.symptoms}
    failing = 1.0 if "error ratio" in measures else FAINT
    slow = 1.0 if measures & LATENCY else FAINT
    showing = _shown(seen.symptoms)
    candidates = {
        s.component: {
            "left": max(failing * min(1.0, max(0.0, s.share.errors + s.moved)), slow * min(1.0, s.share.latency)),
            "symptom": squashed(showing.get(s.component, 0.0), HALF_HEAVY),
            "unanswered": s.unanswered,
            **s.strengths,
            **{flag: 1.0 for flag in FLAGS if flag in s.traits},
        }
        for s in suspects
    }
    heaviest = max((s.weight for s in seen.symptoms), default=0.0)
    unseen = {
        **of_what_is_missing(seen.saying.ledger, seen.vitals),
        "faint": 1.0 - squashed(heaviest, HALF_HEAVY),
        "crowd": crowd(seen.components),
    }
    return Bearing(candidates, unseen)


def of_metrics(trouble: CalmBlame, components: Collection[str], latest: datetime, missing: Values) -> Bearing:
    """What an alarm's excess, followed down the calls, says of every component that suffers too.

    Who began after `latest` did so after the alarm's own trouble; `missing` are features of the unseen.
    """
    began = zip(trouble.rows["component"].to_pylist(), trouble.rows["began"].to_pylist(), strict=True)
    after = {name for name, moment in began if moment is not None and moment > latest}
    candidates = {
        name: {
            "flow": min(1.0, told.share),
            "covers": min(1.0, told.coverage),
            "plain": told.clearness,
            "late": float(name in after),
        }
        for name, told in traits_of(trouble).items()
    }
    return Bearing(candidates, {**missing, "coarse": 1.0, "crowd": crowd(components)})


def of_visits(ranked: Sequence[Blamed], components: Collection[str], missing: Values) -> Bearing:
    """What changed inside requests says of every component; `missing` are features of the unseen."""
    candidates = {
        each.component: {"changed": min(1.0, each.share), "clear": squashed(each.score, HALF_CLEAR)} for each in ranked
    }
    top = max((each.score for each in ranked), default=0.0)
    faint = 1.0 - squashed(top, HALF_CLEAR)
    return Bearing(candidates, {**missing, "inside": 1.0, "faint": faint, "crowd": crowd(components)})


def of_what_is_missing(ledger: Ledger, vitals: Vitals) -> dict[str, float]:
    """Which kinds of telemetry there are none of, or none that answered: features of the unseen."""
    kinds = {"no_spans": "services", "no_logs": "logs", "no_metrics": "resources"}
    lacking = (f for f, name in kinds.items() if ledger.entry(vitals.evidence[name]).status != "found")
    return {"always": 1.0, **dict.fromkeys(lacking, 1.0)}


def crowd(components: Collection[str]) -> float:
    """How many components are in sight, from 0 (one) to 1 (a hundred and more)."""
    return float(min(1.0, np.log(max(1, len(components))) / np.log(CROWD)))


def _shown(symptoms: Iterable[Symptom]) -> dict[str, float]:
    """The weight of each service's heaviest symptom."""
    heaviest: dict[str, float] = {}
    for each in symptoms:
        heaviest[each.service] = max(heaviest.get(each.service, 0.0), each.weight)
    return heaviest
