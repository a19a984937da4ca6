"""The rules' diagnosis and a model's judged findings as one: probabilities pooled, the same bar for stating a cause."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.diagnosis.conclude import SURE
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.diagnosis.findings import Mitigation, MitigationKind
from watchkeeper.diagnosis.judging import Bench, Judged
from watchkeeper.diagnosis.pooling import pooled
from watchkeeper.diagnosis.releases import describe
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.diagnosis.verify import grounding_of
from watchkeeper.diagnosis.wording import reason
from watchkeeper.domain import Claim, Cost, Diagnosis, Figure, Hypothesis, ReleaseVerdict
from watchkeeper.evidence.prose import Filled, say

HYPOTHESES = 10
ADVICE: dict[MitigationKind, str] = {
    "roll-back": "Undo {target}",
    "restart": "Restart {target}, after saving what it shows",
    "scale-out": "Add capacity to {target}",
    "fail-over": "Fail over from {target}",
    "raise-limit": "Raise the limit that {target} runs into",
    "disable-flag": "Switch off {target}",
    "follow-runbook": "Follow the runbook “{target}”",
    "observe": "Watch {target}",
}


def join(
    dossier: Dossier, judged: Judged | None, bench: Bench | None, *, notes: Sequence[str], cost: Cost, at: datetime
) -> Diagnosis:
    """One diagnosis of both; without findings, the rules' own. `notes` say what became of the model.

    Beside a cause that the rules state, and where they find nothing wrong, only a rival is taken in: a component with
    own work in time. A victim shows the rest as well. Without a symptom no onset is known, and nothing is in time.
    """
    rules = dossier.rules
    gaps = rules.gaps if bench is None else tuple(dict.fromkeys((*rules.gaps, *bench.ledger.gaps)))
    common = {"at": at, "occasion": "investigation", "cost": cost, "changed": (), "gaps": gaps}
    struck_too = () if judged is None else judged.struck
    judged = None if judged is None else admitted(rules, judged)
    if judged is None or bench is None or not judged.hypotheses:
        figures = tuple(dict.fromkeys((*rules.figures, *_of_the_run(notes))))
        update = {**common, "notes": (*rules.notes, *notes), "struck": (*rules.struck, *struck_too), "figures": figures}
        return rules.model_copy(update=update)
    joint = _joint(dossier, judged)
    told = _told(joint, judged, bench)
    values = {
        **rules.model_dump(),
        **common,
        **_concluded(rules, joint),
        "hypotheses": joint.hypotheses,
        "explanation": tuple(filled.text for filled in told),
        "struck": tuple(dict.fromkeys((*rules.struck, *judged.struck))),
        "notes": (*rules.notes, *notes, *_dissent(rules, judged)),
    }
    values["figures"] = tuple(dict.fromkeys((*_figures(rules, joint, told), *_of_the_run(notes))))
    return Diagnosis.model_validate(values)


def admitted(rules: Diagnosis, judged: Judged) -> Judged:
    """The findings with those hypotheses that may stand beside the rules'."""
    own = {h.component for h in rules.hypotheses}
    if rules.status == "inconclusive" and not own:
        return judged
    kept = tuple(h for h in judged.hypotheses if h.component in own or h.component in judged.rivals)
    return judged.model_copy(update={"hypotheses": kept})


@dataclass(frozen=True)
class _Joint:
    """Hypotheses of both sides with their pooled probabilities, and why none of them is stated, if so."""

    hypotheses: tuple[Hypothesis, ...]
    because: str | None
    figures: tuple[Figure, ...]
    """Of `because`."""
    fix: str | None
    """What a model would have done first."""

    @property
    def top(self) -> Hypothesis:
        """The most probable."""
        return self.hypotheses[0]


def _joint(dossier: Dossier, judged: Judged) -> _Joint:
    rules = dossier.rules
    sides = ({h.component: h.probability for h in each} for each in (rules.hypotheses, judged.hypotheses))
    of_rules, of_model = sides
    known = {h.component: h for h in rules.hypotheses} | {h.component: h for h in judged.hypotheses}
    if not set(judged.rivals) - {h.component for h in rules.hypotheses[:1]}:
        # Nobody else shows own work in time: that the model left out a cause says nothing against it.
        of_model = {**of_rules, **of_model}
    ranked = pooled(of_rules, of_model, is_stated=rules.status == "diagnosed")
    hypotheses = tuple(
        known[name].model_copy(update={"probability": probability})
        for name, probability in list(ranked.items())[:HYPOTHESES]
    )
    because, figures = _open_because(rules, hypotheses)
    return _Joint(hypotheses, because, figures, _advice(judged.mitigation, hypotheses[0]))


def _open_because(rules: Diagnosis, hypotheses: Sequence[Hypothesis]) -> tuple[str | None, tuple[Figure, ...]]:
    """Why no cause is stated, with its figures; None where the first may be."""
    top = hypotheses[0]
    if rules.status == "nothing-wrong":
        return f"no symptom stands out, and yet something sets {quoted(top.component)} apart", ()
    if rules.inconclusive_because is not None and not rules.hypotheses:
        return rules.inconclusive_because, rules.figures
    if top.probability >= SURE:
        return grounding_of(top.component, top.claims), ()
    places = [
        Figure(text=say(h.probability, "%0"), evidence=None, selector=f"place_{i}", unit="%0")
        for i, h in enumerate(hypotheses[:3])
    ]
    names = [f"{quoted(h.component)} ({place.text})" for h, place in zip(hypotheses, places, strict=False)]
    return f"no cause stands out: {' or '.join(names)}", tuple(places)


def _concluded(rules: Diagnosis, joint: _Joint) -> dict[str, object]:
    """Status, headline, release and fix: the rules' own where their first cause stays the first and is stated."""
    top = joint.top
    if joint.because is not None:
        open_release = ReleaseVerdict(status="undetermined", reason="no cause is established")
        return {
            "status": "inconclusive",
            "inconclusive_because": joint.because,
            "headline": f"Inconclusive: {joint.because}.",
            "release": rules.release if rules.status == "nothing-wrong" else open_release,
            "suggested_fix": None,
        }
    if rules.status == "diagnosed" and rules.hypotheses[0].component == top.component:
        same = rules.hypotheses[0].kind == top.kind
        return {"headline": _headline_again(rules, top) if same else _headline(top)}
    return {
        "status": "diagnosed",
        "inconclusive_because": None,
        "headline": _headline(top),
        "release": _release(rules, top),
        "suggested_fix": joint.fix,
    }


def _headline_again(rules: Diagnosis, top: Hypothesis) -> str:
    """The rules' headline with the probability that both sides give."""
    said = next((f.text for f in rules.figures if f.evidence is None and f.selector == "probability"), None)
    if said is None:
        return rules.headline
    return rules.headline.replace(f"({said} sure)", f"({say(top.probability, '%0')} sure)")


def _headline(top: Hypothesis) -> str:
    """One sentence: why, what shows it best, and how sure that is."""
    claim = _best(top)
    why = f"{quoted(describe(top.change))} did it" if top.change is not None and top.kind == "bad-change" else None
    text = why or reason(top.component, top.kind, top.dependency)
    return f"{text[:1].upper()}{text[1:]}: {claim.text} ({say(top.probability, '%0')} sure)."


def _best(top: Hypothesis) -> Claim:
    """The claim that is told first: one that sets the component apart."""
    apart = (c for c in top.claims if c.standing == "supports" and c.role != "timing")
    return next(apart, top.claims[0])


def _release(rules: Diagnosis, top: Hypothesis) -> ReleaseVerdict:
    """The verdict on releases for another cause than the rules' first one."""
    if top.change is not None and top.kind == "bad-change":
        trial = next((c.text for c in top.claims if c.role == "change"), "its time fits the onset")
        return ReleaseVerdict(status="caused", change=top.change, reason=trial)
    if rules.release.status == "not-release-related":
        return rules.release
    reason_why = f"no change of {quoted(top.component)} is established as the cause"
    return ReleaseVerdict(status="undetermined", reason=reason_why)


def _advice(mitigation: Mitigation | None, top: Hypothesis) -> str | None:
    """What to do first, in words of ours; about the first cause or its change only."""
    if mitigation is None:
        return None
    changes = {top.change.id: quoted(describe(top.change))} if top.change is not None else {}
    target = changes.get(mitigation.target, quoted(mitigation.target))
    is_theirs = mitigation.target in (top.component, *changes) or mitigation.kind == "follow-runbook"
    return f"{ADVICE[mitigation.kind].format(target=target)}." if is_theirs else None


def _told(joint: _Joint, judged: Judged, bench: Bench) -> tuple[Filled, ...]:
    """The model's sentences that may be said."""
    stated = joint.top if joint.because is None else None
    causes = {name for name in (stated.component, stated.dependency) if name} if stated is not None else set()
    results = (bench.explaining.accepted(sentence, causes) for sentence in judged.sentences)
    return tuple(result for result in results if isinstance(result, Filled))


def _dissent(rules: Diagnosis, judged: Judged) -> tuple[str, ...]:
    """Where the two sides have another first cause."""
    if not rules.hypotheses or rules.hypotheses[0].component == judged.hypotheses[0].component:
        return ()
    one, other = (quoted(each.hypotheses[0].component) for each in (rules, judged))
    return (f"the statistics rank {one} first, the model ranks {other} first",)


def _of_the_run(notes: Sequence[str]) -> tuple[Figure, ...]:
    """Numbers in notes about a model's run, such as after how many calls it stopped: the run itself is their source."""
    return tuple(
        Figure(text=word, evidence=None, selector="run of the model")
        for note in notes
        for word in note.split()
        if any(c.isdigit() for c in word)
    )


def _figures(rules: Diagnosis, joint: _Joint, told: Sequence[Filled]) -> tuple[Figure, ...]:
    """Where each number comes from: the rules' figures that are still said, the sentences', the new probability's."""
    kept = [f for f in rules.figures if not (f.evidence is None and f.selector == "probability")]
    probability = Figure(text=say(joint.top.probability, "%0"), evidence=None, selector="probability", unit="%0")
    stated = (probability,) if joint.because is None else ()
    claimed = _best(joint.top).figures if joint.because is None else ()
    release = tuple(f for c in joint.top.claims if c.role == "change" for f in c.figures)
    said = (figure for filled in told for figure in filled.figures)
    return tuple(dict.fromkeys((*kept, *stated, *claimed, *release, *joint.figures, *said)))
