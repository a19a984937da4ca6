"""Down to the commit: the diagnosis that names the commit which did it, or the cause that none has, or leaves it open.

It is made beside the diagnosis that telemetry alone gives, and put into it where it is sure enough.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.analysis.commits import Candidate
from watchkeeper.analysis.commits_outside import Outside, OutsideKind
from watchkeeper.diagnosis.commit_evidence import CommitsAsked, ask_commits, names_of
from watchkeeper.diagnosis.conclude import SURE
from watchkeeper.diagnosis.releases import describe
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.diagnosis.verify import Writer, grounding_of
from watchkeeper.domain import Change, Claim, Diagnosis, FaultKind, Figure, Hypothesis, ReleaseVerdict, Signal, Struck
from watchkeeper.evidence.answers import Readings
from watchkeeper.evidence.claims import Ground, Statement, check
from watchkeeper.evidence.details import changes_of
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.prose import given, number_of
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.selectors import select
from watchkeeper.telemetry.sources import Sources

TOLD, LEAST_TOLD, WORTH_TELLING = 10, 3, 0.01
MOVES_TOLD = 3
LEAST_STATED = max(0.5, SURE)
"""The least probability at which a commit is blamed, or the history cleared."""
KINDS: dict[OutsideKind, FaultKind] = {
    "surge": "surge",
    "bad data": "errors",
    "outage elsewhere": "slow-dependency",
    "limit reached": "errors",
    "certificate": "errors",
    "machine": "errors",
}
WHY: dict[OutsideKind, str] = {
    "surge": "more requests come in than before at {}",
    "bad data": "the same record fails again and again in {}",
    "outage elsewhere": "somebody outside does not answer {}",
    "limit reached": "{} has used up what it is allowed",
    "certificate": "a certificate that {} meets has expired",
    "machine": "a machine or disk under {} gave out",
}
FIXES: dict[OutsideKind, str] = {
    "surge": "Add capacity to {}, or turn some of the load away; no release needs to be undone.",
    "bad data": "Set the record aside that {} cannot process, and tell who sends it; no release needs to be undone.",
    "outage elsewhere": "Fail over or degrade what {} needs from outside; no release needs to be undone.",
    "limit reached": "Have the limit raised that {} runs into, or send less; no release needs to be undone.",
    "certificate": "Renew the certificate that {} meets; no release needs to be undone.",
    "machine": "Move {} off the machine, or free what is full; no release needs to be undone.",
}


@dataclass(frozen=True)
class CommitAnswer:
    """What the history gives: hypotheses, the verdict, and whether it is sure enough to be stated."""

    hypotheses: tuple[Hypothesis, ...]
    """Commits and outside causes, the most probable first."""
    release: ReleaseVerdict
    headline: str
    fix: str | None
    is_stated: bool
    near: frozenset[str]
    """Who calls, or is called by, where the first of them shows: a cause there is no other cause."""
    since: datetime
    give_seconds: float
    struck: tuple[Struck, ...]
    figures: tuple[Figure, ...]


def down_to_the_commit(
    found: Diagnosis, signal: Signal, sources: Sources, ledger: Ledger, now: datetime, readings: Readings
) -> Diagnosis:
    """The diagnosis with what the history of commits says; as it was where no commit is on record.

    `readings` are all that the ledger reads with, those of `commit_evidence` among them. Never raises for a source that
    is down.
    """
    asked = ask_commits(sources, ledger, signal, now)
    history = ledger.answer(asked.history) if asked is not None else None
    if asked is None or history is None:
        return found
    return with_commits(found, answer_of(asked, Recheck(ledger.evidence, sources, readings), changes_of(history)))


def answer_of(asked: CommitsAsked, recheck: Recheck, changes: Iterable[Change]) -> CommitAnswer:
    """Check what can be said of each commit, and state the first where it is probable and grounded."""
    ground = _ground(asked, recheck)
    by_id = {change.id: change for change in changes}
    tried = [_of_commit(asked, each, p, by_id, ground) for each, p in asked.verdict.candidates[:TOLD]]
    tried += [_of_outside(asked, each, p, ground) for each, p in asked.verdict.outside]
    ranked = sorted((h for h, _ in tried if h is not None), key=lambda h: -h.probability)[:TOLD]
    hypotheses = tuple(h for place, h in enumerate(ranked) if place < LEAST_TOLD or h.probability >= WORTH_TELLING)
    writer = Writer(recheck, ground.names)
    top = hypotheses[0] if hypotheses else None
    stated = top if top is not None and _may_be_stated(top) else None
    return CommitAnswer(
        hypotheses=hypotheses,
        release=_release(stated, asked),
        headline=_headline(stated, asked, writer),
        fix=_fix(stated, asked, writer),
        is_stated=stated is not None,
        near=_near(top, asked) if top is not None else frozenset(),
        since=asked.seen.onset,
        give_seconds=asked.seen.give_seconds,
        struck=tuple(dict.fromkeys(each for _, struck in tried for each in struck)),
        figures=tuple(dict.fromkeys((*writer.figures, *_reason_figures(stated)))),
    )


def _reason_figures(stated: Hypothesis | None) -> tuple[Figure, ...]:
    """The sources of what the verdict on releases repeats of the first claim."""
    return stated.claims[0].figures if stated is not None and stated.claims else ()


def with_commits(found: Diagnosis, answer: CommitAnswer) -> Diagnosis:
    """The diagnosis with what the history says, where that is sure; else with its commits behind what it found.

    Where telemetry alone has stated a cause that is more probable and elsewhere, that stays.
    """
    struck = tuple(dict.fromkeys((*found.struck, *answer.struck)))
    if answer.is_stated and not _is_overruled(found, answer):
        values = {
            **found.model_dump(),
            "status": "diagnosed",
            "headline": answer.headline,
            "hypotheses": answer.hypotheses,
            "inconclusive_because": None,
            "release": answer.release,
            "suggested_fix": answer.fix,
            "struck": struck,
            "figures": tuple(dict.fromkeys((*_of_evidence(found.figures), *answer.figures))),
        }
        if found.status != "diagnosed" or found.scope.since is None:
            since = {"since": answer.since, "onset_uncertainty_seconds": answer.give_seconds}
            values["scope"] = found.scope.model_copy(update=since)
        return Diagnosis.model_validate(values)
    if found.status != "inconclusive":
        return found
    others = [h for h in found.hypotheses if h.probability < 1.0]
    listed = sorted((*answer.hypotheses, *others), key=lambda h: (h.change is None, -h.probability))[:TOLD]
    ranked = tuple(sorted(listed, key=lambda h: -h.probability))
    return found.model_copy(update={"hypotheses": ranked, "struck": struck})


def _of_evidence(figures: Iterable[Figure]) -> Iterator[Figure]:
    """Without what a diagnosis says of itself: how sure it was went with its headline."""
    return (figure for figure in figures if figure.evidence is not None)


def _is_overruled(found: Diagnosis, answer: CommitAnswer) -> bool:
    if found.status != "diagnosed":
        return False
    own, top = found.hypotheses[0], answer.hypotheses[0]
    return own.component not in answer.near and own.probability > top.probability


def _near(top: Hypothesis, asked: CommitsAsked) -> frozenset[str]:
    places = {top.component, top.change.service if top.change is not None else top.component}
    return frozenset(places | {name for edge in asked.seen.edges if places & set(edge) for name in edge})


def _ground(asked: CommitsAsked, recheck: Recheck) -> Ground:
    seen = asked.seen
    return Ground(
        recheck=recheck,
        # Rows have their control beside them; the control window is only for rows with a time of their own.
        usual=recheck.entry(asked.moved).window,
        latest_onset=seen.latest,
        names=frozenset(names_of(asked)),
        edges=seen.edges,
        components=seen.services,
    )


def _may_be_stated(top: Hypothesis) -> bool:
    return top.probability >= LEAST_STATED and grounding_of(top.component, top.claims) is None


_Tried = tuple[Hypothesis | None, tuple[Struck, ...]]


def _of_commit(
    asked: CommitsAsked, each: Candidate, probability: float, by_id: dict[str, Change], ground: Ground
) -> _Tried:
    said = (_fit(asked, each, probability), *_moves(asked, each.component), _came_out(asked, each))
    claims, against, struck = _checked(said, each.component, ground)
    if not (claims or against):
        return None, struck
    hypothesis = Hypothesis(
        component=each.component,
        kind="bad-change",
        probability=round(probability, 3),
        claims=claims or against,
        against=against if claims else (),
        change=change_of_commit(each, by_id),
        onset=asked.seen.onset,
        settled_by="The same traffic without that commit.",
    )
    return hypothesis, struck


def change_of_commit(each: Candidate, by_id: dict[str, Change]) -> Change:
    """The change that brought the commit out, held to this one commit; the commit itself where none is on record."""
    known = by_id.get(each.release.id) if each.release is not None else None
    title = " ".join(each.commit.message.split())[:200] or None
    if known is not None:
        return known.model_copy(update={"commits": (each.commit.sha,), "title": title})
    return Change(
        id=each.commit.sha,
        kind="deploy",
        service=each.release.service if each.release is not None else each.component,
        commits=(each.commit.sha,),
        began_at=each.out_at,
        title=title,
    )


def _of_outside(asked: CommitsAsked, each: Outside, probability: float, ground: Ground) -> _Tried:
    said = (_outside(asked, each), *_moves(asked, each.service), _began(asked, each))
    claims, against, struck = _checked(said, each.service, ground)
    if not (claims or against):
        return None, struck
    hypothesis = Hypothesis(
        component=each.service,
        kind=KINDS[each.kind],
        probability=round(probability, 3),
        claims=claims or against,
        against=against if claims else (),
        onset=each.began,
    )
    return hypothesis, struck


def _checked(
    said: Iterable[Statement | None], component: str, ground: Ground
) -> tuple[tuple[Claim, ...], tuple[Claim, ...], tuple[Struck, ...]]:
    results = [(s, check(s, component, ground)) for s in said if s is not None]
    claims = [(s, r) for s, r in results if isinstance(r, Claim)]
    return (
        tuple(r for s, r in claims if s.operator != "after"),
        tuple(r for s, r in claims if s.operator == "after"),
        tuple(r for _, r in results if isinstance(r, Struck)),
    )


def _fit(asked: CommitsAsked, each: Candidate, probability: float) -> Statement:
    """How well a commit explains it, and by which of its lines and words."""
    number = asked.commits
    held = {"component": each.component, "id": each.commit.sha}

    def text(column: str, unit: str = "text") -> str:
        return number_of(number, select("first", column, **held), unit)

    why = [f"“{text('effect')}”"] if each.effects else []
    why += [f"its words {text('words')} are those of the trouble"] if each.words else []
    told = f": {'; '.join(why)}" if why else ""
    words = f"commit {text('short')} explains it with {text('share', '%0')}{told}"
    return Statement(words, number, select("first", "share", **held), "≥", _rounded(probability / 2), each.component)


def _moves(asked: CommitsAsked, service: str) -> list[Statement]:
    """That figures of the service are otherwise than they were."""
    said = []
    for move in [m for m in asked.seen.moves if m.service == service][:MOVES_TOLD]:
        selector = select("first", "value", service=service, metric=move.metric)
        name, now, before = (
            number_of(asked.moved, selector.over(column), unit)
            for column, unit in (("metric", "text"), ("value", ""), ("value_before", ""))
        )
        words = f"{name} of {quoted(service)}: {now}, usually {before}"
        middle, sign = _rounded((move.now + move.before) / 2), (">" if move.now > move.before else "<")
        said.append(Statement(words, asked.moved, selector, sign, middle, service, is_change=True))  # type: ignore[arg-type]
    return said


def _came_out(asked: CommitsAsked, each: Candidate) -> Statement:
    """That it was out before the trouble began, or after."""
    selector = select("first", "began", component=each.component, id=each.commit.sha)
    at = number_of(asked.commits, selector, "clock")
    verb = "came out" if each.release is not None else "was made (no release of it is on record)"
    latest = asked.seen.latest
    late = each.out_at > latest
    words = f"it {verb} at {at}, {'after' if late else 'not after'} the trouble began"
    limit = latest if late else latest + timedelta(seconds=1)
    return Statement(words, asked.commits, selector, "after" if late else "before", limit, each.component, "timing")


def _outside(asked: CommitsAsked, each: Outside) -> Statement:
    """That what tells of it is there now and was not before."""
    selector = select("first", "count", service=each.service, kind=each.kind)
    example = number_of(asked.outside, selector.over("example"), "text")
    now, before = (number_of(asked.outside, selector.over(column), "") for column in ("count", "count_before"))
    what = f"“{example}”" if each.kind != "surge" else example
    words = f"{what} in {quoted(each.service)}: {now}, before {before}"
    middle = _rounded((each.now + each.before) / 2)
    return Statement(words, asked.outside, selector, ">", middle, each.service, is_change=True)


def _began(asked: CommitsAsked, each: Outside) -> Statement:
    selector = select("first", "began", service=each.service, kind=each.kind)
    at, latest = number_of(asked.outside, selector, "clock"), asked.seen.latest
    late = each.began > latest
    words = f"it began at {at}, {'after' if late else 'not after'} the first figure left its level"
    limit = latest if late else latest + timedelta(seconds=1)
    return Statement(words, asked.outside, selector, "after" if late else "before", limit, each.service, "timing")


def _kind_of(stated: Hypothesis, asked: CommitsAsked) -> OutsideKind | None:
    """Which outside cause a hypothesis is; None for a commit."""
    if stated.change is not None:
        return None
    return max((o for o in asked.verdict.outside if o[0].service == stated.component), key=lambda o: o[1])[0].kind


def _release(stated: Hypothesis | None, asked: CommitsAsked) -> ReleaseVerdict:
    if stated is None:
        return ReleaseVerdict(status="undetermined", reason="no commit explains it clearly, and nothing else does")
    kind = _kind_of(stated, asked)
    if kind is not None:
        why = WHY[kind].format(quoted(stated.component))
        return ReleaseVerdict(status="not-release-related", reason=f"{why}, and no commit explains it as well")
    assert stated.change is not None
    name = quoted(describe(stated.change))
    return ReleaseVerdict(
        status="caused", change=stated.change, reason=next((c.text for c in stated.claims), f"{name} fits it best")
    )


def _headline(stated: Hypothesis | None, asked: CommitsAsked, writer: Writer) -> str:
    if stated is None:
        return "Inconclusive: no commit stands out."
    sure, fields = f"({given('probability', '%0')} sure)", {"probability": stated.probability}
    kind = _kind_of(stated, asked)
    if kind is not None:
        why = WHY[kind].format(quoted(stated.component))
        plain = f"{why[:1].upper()}{why[1:]}"
        return writer.write(f"{plain}; no commit did it {sure}.", fields, f"{plain}; no commit did it.")
    change = stated.change
    assert change is not None
    held = {"component": stated.component, "id": change.commits[0]}
    short, message = (
        number_of(asked.commits, select("first", column, **held), "text") for column in ("short", "message")
    )
    template = f"Commit {short} (“{message}”) of {quoted(change.service)} did it {sure}."
    return writer.write(template, fields, f"A commit of {quoted(change.service)} did it.")


def _fix(stated: Hypothesis | None, asked: CommitsAsked, writer: Writer) -> str | None:
    if stated is None:
        return None
    kind = _kind_of(stated, asked)
    if kind is not None:
        return FIXES[kind].format(quoted(stated.component))
    assert stated.change is not None
    held = {"component": stated.component, "id": stated.change.commits[0]}
    short = number_of(asked.commits, select("first", "short", **held), "text")
    where = quoted(stated.change.service)
    return writer.write(
        f"Roll {where} back to before commit {short}, or revert it.", None, f"Roll {where} back to before it."
    )


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
