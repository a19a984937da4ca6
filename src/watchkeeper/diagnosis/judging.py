"""A model's findings judged: every claim asked again, changes held against their trial, what fails is told."""

from collections.abc import Iterable
from dataclasses import dataclass

from watchkeeper.diagnosis.claim_words import is_quotation, require_known_value, worded
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.diagnosis.explaining import Explaining, brought_in
from watchkeeper.diagnosis.findings import (
    MOST_CLAIMS,
    MOST_HYPOTHESES,
    MOST_SENTENCES,
    Findings,
    Mitigation,
    Proposal,
    ProposedClaim,
)
from watchkeeper.diagnosis.phrasing import Speech, foreign_words
from watchkeeper.diagnosis.readings import trials_in
from watchkeeper.diagnosis.releases import Trial, describe
from watchkeeper.diagnosis.standing import SURE_ENOUGH, most_probable
from watchkeeper.diagnosis.statements import Saying
from watchkeeper.diagnosis.verify import names_in
from watchkeeper.diagnosis.wording import settled
from watchkeeper.domain import Claim, Evidence, FaultKind, Hypothesis, Noun, Scalar, ServiceName, Struck
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import parameters_of, window_from
from watchkeeper.evidence.claims import Ground, Statement, check
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.selectors import Selector, parse
from watchkeeper.evidence.telling import is_plain_name
from watchkeeper.telemetry.sources import Sources

COLUMNS_OF: dict[FaultKind, frozenset[str]] = {
    "errors": frozenset({"error_ratio", "errors", "failed", "count"}),
    "latency": frozenset({"mean_ms", "p95_ms", "own_ms", "share"}),
    "slow-dependency": frozenset({"mean_ms", "p95_ms", "own_ms", "share"}),
}
"""Figures of which one must speak for a fault of that kind."""
READINGS_OF: dict[FaultKind, frozenset[str]] = {
    "crash": frozenset({"restarts"}),
    "silence": frozenset({"last seen"}),
    "cpu": frozenset({"resources before and now"}),
    "memory": frozenset({"resources before and now"}),
    "pool-exhaustion": frozenset({"resources before and now"}),
}
"""Analyses of which one must speak for a fault of that kind."""
TIMED = frozenset({"onsets", "restarts", "what speaks against whom"})
"""Analyses that tell when a component's own trouble began."""
GENERIC = frozenset({"errors", "latency", "unknown"})
"""Kinds that say no more than what the symptom is: a more specific one may take their place."""
RESOURCE_OF: dict[FaultKind, str] = {"cpu": "cpu", "memory": "memory", "pool-exhaustion": "pool"}


class Judged(Noun):
    """What is left of a model's findings."""

    hypotheses: tuple[Hypothesis, ...] = ()
    """Those of which at least one claim sets the component apart; with the rules' own claims of the same component."""
    held: tuple[Claim, ...] = ()
    """What was claimed and holds, whether or not it is told."""
    rivals: tuple[ServiceName, ...] = ()
    """Components among them that show own work in time: what a mere victim does not."""
    struck: tuple[Struck, ...] = ()
    failed: tuple[str, ...] = ()
    """One line for each thing that does not hold, with what is true, as the model is told it."""
    sentences: tuple[str, ...] = ()
    """As they were handed in, with placeholders."""
    made: int = 0
    """How many claims were made."""
    mitigation: Mitigation | None = None


def judge(findings: Findings, dossier: Dossier, ledger: Ledger, sources: Sources) -> Judged:
    """Ask again for everything that the findings claim. Never raises for what a model may hand in."""
    bench = bench_of(dossier, ledger, sources)
    trials = [_tried(bench, proposal) for proposal in _once_each(findings.hypotheses)[:MOST_HYPOTHESES]]
    mitigation = findings.mitigation if findings.mitigation and bench.is_known(findings.mitigation.target) else None
    return Judged(
        hypotheses=tuple(each.hypothesis for each in trials if each.hypothesis is not None),
        held=tuple(claim for each in trials for claim in each.held),
        rivals=tuple(each.hypothesis.component for each in trials if each.hypothesis is not None and each.is_rival),
        struck=tuple(dict.fromkeys(struck for each in trials for struck in each.struck)),
        failed=tuple(line for each in trials for line in each.failed),
        sentences=findings.sentences[:MOST_SENTENCES],
        made=sum(each.made for each in trials),
        mitigation=mitigation,
    )


def _once_each(proposals: Iterable[Proposal]) -> list[Proposal]:
    """The most probable proposal of each component, in their order."""
    ranked = sorted(proposals, key=lambda proposal: -proposal.probability)
    best = {proposal.component: proposal for proposal in reversed(ranked)}
    return sorted(best.values(), key=lambda proposal: -proposal.probability)


@dataclass(frozen=True)
class Bench:
    """What findings of one incident are held against."""

    dossier: Dossier
    ledger: Ledger
    ground: Ground
    explaining: Explaining

    @property
    def saying(self) -> Saying:
        """Makes the standing statements about onsets and restarts, from whichever evidence holds them."""
        short = {"onsets": "onsets", "first onset": "first onset", "restarts": "restarts"}
        return Saying(self.ledger, {short[name]: number for name, number in self._read() if name in short})

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every change on trial; empty where no onset is known."""
        number = dict(self._read()).get("changes on trial")
        reading = self.ledger.entry(number).reading if number is not None else None
        return tuple(trials_in(self.ledger, reading)) if reading is not None else ()

    def is_known(self, name: str) -> bool:
        """Whether it is the name of a component, of a change on trial, or of a runbook that was found."""
        changes = {trial.change.id for trial in self.trials}
        runbooks = {
            row[entry.rows.columns.index("runbook")]
            for entry in self.ledger.evidence
            if entry.source == "runbooks" and "runbook" in entry.rows.columns
            for row in entry.rows.values
        }
        return name in self.ground.components | changes or name in runbooks

    def may_accuse(self, component: str) -> bool:
        """Whether it may be proposed: a name that reads like a sentence says what its bearer wants said."""
        return is_plain_name(component) or any(h.component == component for h in self.dossier.rules.hypotheses)

    def _read(self) -> list[tuple[str, str]]:
        """The analyses in the ledger and their numbers; the latest of a name is last."""
        return [(entry.reading.name, entry.id) for entry in self.ledger.evidence if entry.reading is not None]


def bench_of(dossier: Dossier, ledger: Ledger, sources: Sources) -> Bench:
    """The bench before which findings come; it asks again only when something is checked."""
    recheck = Recheck(ledger.evidence, sources, ledger.readings)
    seen = [entry for entry in ledger.evidence if entry.status == "found"]
    names = names_in(ledger, (entry.id for entry in seen)) | frozenset(dossier.components)
    ground = dossier.ground(recheck, names)
    foreign = foreign_words(ledger, seen, ground.components, dossier.signal.text)
    speech = Speech(recheck, names, ground.components, foreign)
    return Bench(dossier, ledger, ground, Explaining(speech, brought_in(ledger, seen, dossier.signal.text)))


@dataclass(frozen=True)
class _Tried:
    hypothesis: Hypothesis | None
    held: tuple[Claim, ...]
    struck: tuple[Struck, ...]
    failed: tuple[str, ...]
    made: int
    is_rival: bool = False


def _tried(bench: Bench, proposal: Proposal) -> _Tried:
    component = proposal.component
    made = len(proposal.claims) + len(proposal.against)
    if component not in bench.ground.components or not bench.may_accuse(component):
        return _Tried(None, (), (), (f"{component[:80]!r} is no component that evidence names",), made)
    results = [(p, _checked(p, component, bench)) for p in proposal.claims[:MOST_CLAIMS]]
    contrary = [(p, _checked(p, component, bench)) for p in proposal.against[:MOST_CLAIMS]]
    struck = [result for _, result in (*results, *contrary) if isinstance(result, Struck)]
    failed = [_told(p, r) for p, r in (*results, *contrary) if not isinstance(r, Claim)]
    claims = _quoting_little([result for _, result in results if isinstance(result, Claim)])
    against = _quoting_little([result for _, result in contrary if isinstance(result, Claim)])
    is_set_apart = any(c.standing == "supports" and c.role != "timing" for c in claims)
    trial, doubt = _change(bench, proposal)
    failed += [doubt] if doubt else []
    if not is_set_apart:
        failed += [_sets_nothing_apart(claim) for claim in claims if claim.standing == "holds"]
        failed.append(f"nothing that holds sets {component} apart from its past or its peers: it is left out")
        return _Tried(None, (*claims, *against), tuple(struck), tuple(failed), made)
    hypothesis = _hypothesis(bench, proposal, claims, against, trial)
    most = _most(bench, component, hypothesis.claims)
    return _Tried(hypothesis, (*claims, *against), tuple(struck), tuple(failed), made, most >= SURE_ENOUGH)


def _quoting_little(claims: list[Claim]) -> list[Claim]:
    """The claims with one quotation of telemetry among them at most."""
    quotations = [claim for claim in claims if isinstance(claim.value, str) and "“" in claim.text]
    return [claim for claim in claims if claim not in quotations[1:]]


def _hypothesis(
    bench: Bench, proposal: Proposal, claims: list[Claim], against: list[Claim], trial: Trial | None
) -> Hypothesis:
    """The hypothesis with the claims that hold, the rules' of the same component among them, and one on its time."""
    component = proposal.component
    own = next((h for h in bench.dossier.rules.hypotheses if h.component == component), None)
    timing = () if own is not None else tuple(_timing(bench, component))
    for_it = [*(own.claims if own else ()), *claims, *(c for c, is_early in timing if is_early)]
    contrary = [*(own.against if own else ()), *against, *(c for c, is_early in timing if not is_early)]
    kind = _kind(bench, proposal, claims, trial) or "unknown"
    if own is not None and (kind == "unknown" or own.kind not in GENERIC):
        kind = own.kind
    change = trial.change if trial is not None else None
    if own is not None and own.change is not None and kind == own.kind:
        # Of two changes whose time fits, the one that the statistics chose.
        change = own.change
    dependency = own.dependency if own is not None and kind == own.kind else None
    kept, opposed = _once(for_it), _once(contrary)
    most = _most(bench, component, kept)
    return Hypothesis(
        component=component,
        kind=kind,
        probability=_believed(proposal, own, most),
        claims=kept,
        against=opposed,
        change=change,
        dependency=dependency,
        onset=own.onset if own is not None else None,
        settled_by=settled(component, kind, dependency),
        proposed_by="both" if own is not None else "model",
    )


def _most(bench: Bench, component: str, claims: tuple[Claim, ...]) -> float:
    """The most that may be believed of a component with these claims; that it came late is for code to say."""
    own = next((h for h in bench.dossier.rules.hypotheses if h.component == component), None)
    late = own.against if own is not None else tuple(c for c, is_early in _timing(bench, component) if not is_early)
    return most_probable(claims, late, component, bench.ledger)


def _believed(proposal: Proposal, own: Hypothesis | None, most: float) -> float:
    """The model's probability as far as evidence bears it out.

    Of a cause that the statistics hold an opinion lowers nothing: only a rival does. Symptoms alone raise nothing.
    """
    if own is None:
        return min(proposal.probability, most)
    return max(own.probability, min(proposal.probability, most) if most >= SURE_ENOUGH else 0.0)


def _once(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Each figure once, as it was first said."""
    return tuple({(c.evidence, c.selector): c for c in reversed(list(claims))}.values())[::-1]


def _timing(bench: Bench, component: str) -> Iterable[tuple[Claim, bool]]:
    """When the component's trouble began, by the rules' own analysis; and whether that was early enough."""
    latest = bench.dossier.latest_onset
    saying = bench.saying
    if latest is None or "onsets" not in saying.evidence or "first onset" not in saying.evidence:
        return
    statements = [saying.onset(component, latest)]
    if "restarts" in saying.evidence:
        statements.append(saying.started(component, latest))
    for statement in statements:
        found = check(statement, component, bench.ground) if statement is not None else None
        if statement is not None and isinstance(found, Claim):
            yield found, statement.operator != "after"


def _change(bench: Bench, proposal: Proposal) -> tuple[Trial | None, str | None]:
    """The change that the proposal blames, if its trial did not clear it; else why it is not blamed."""
    if proposal.change_id is None:
        return None, None
    trial = next((t for t in bench.trials if t.change.id == proposal.change_id), None)
    if trial is None:
        return None, f"{proposal.change_id[:80]!r} is no change that was tried"
    if trial.change.service != proposal.component:
        return None, f"{describe(trial.change)} is of another component than {proposal.component}"
    if not trial.is_guilty:
        return None, f"{describe(trial.change)} is cleared by its trial: {trial.outcome}"
    return trial, None


def _kind(bench: Bench, proposal: Proposal, claims: list[Claim], trial: Trial | None) -> FaultKind | None:
    """The kind of fault that was proposed, where a claim or a trial bears it out."""
    kind = proposal.kind
    if kind == "bad-change":
        return kind if trial is not None else None
    backing = [claim for claim in claims if claim.standing == "supports"]
    return kind if any(_bears_out(bench, kind, claim) for claim in backing) else None


def _bears_out(bench: Bench, kind: FaultKind, claim: Claim) -> bool:
    selector = parse(claim.selector)
    if kind in RESOURCE_OF and selector.held("kind") != RESOURCE_OF[kind]:
        return False
    reading = bench.ledger.entry(claim.evidence).reading
    return selector.column in COLUMNS_OF.get(kind, ()) or (
        reading is not None and reading.name in READINGS_OF.get(kind, ())
    )


def _checked(proposed: ProposedClaim, component: str, bench: Bench) -> Claim | Struck | str:
    """The claim with its standing, struck, or (where it cannot even be read) why."""
    try:
        selector = parse(proposed.selector)
        entry = bench.ledger.entry(proposed.evidence)
        if entry.asked is None and entry.reading is None:
            return f"{entry.id} ({entry.source}) is not telemetry: nothing can be claimed from it"
        if not _is_of_now(entry, bench.dossier):
            return f"{entry.id} is of another time than the incident: it says nothing of it"
        value = _value(proposed.value)
        if claim_is_empty(proposed, selector, value):
            return f"{proposed.selector} {proposed.operator} {value} is true of anything"
        require_known_value(value, selector, proposed.evidence, bench.ledger)
        template = worded(proposed, selector, bench.ledger, bench.explaining.speech)
        is_quoted = is_quotation(selector, proposed.evidence, bench.ledger)
    except (QueryRejected, SourceUnavailable) as error:
        return str(error)
    statement = Statement(
        template=template,
        evidence=proposed.evidence,
        selector=selector,
        operator=proposed.operator,
        value=value,
        about=proposed.about,
        role=proposed.role,
        unit=proposed.unit,
    )
    found = check(statement, component, bench.ground)
    if isinstance(found, Claim) and (is_quoted or not _may_time(found, entry)):
        return found.model_copy(update={"standing": "holds"})
    return found


def _may_time(claim: Claim, entry: Evidence) -> bool:
    """Whether a claim may be about when trouble began: a change began too, and was no trouble by that."""
    return claim.role != "timing" or (entry.reading is not None and entry.reading.name in TIMED)


def _is_of_now(entry: Evidence, dossier: Dossier) -> bool:
    """Whether its rows are of the incident, or of what came after: another stretch sets nothing apart in this one."""
    given = parameters_of(entry.reading) if entry.reading is not None else {}
    window = window_from(given, "incident") if "incident" in given else entry.window
    return window.start < max(dossier.incident.end, dossier.now) and dossier.incident.start < window.end


def claim_is_empty(proposed: ProposedClaim, selector: Selector, value: Scalar) -> bool:
    """Whether the predicate is true of anything that could be counted."""
    is_count = selector.aggregate in ("count", "sum")
    return is_count and isinstance(value, int | float) and proposed.operator in ("≥", ">") and (
        value < 0 or (value == 0 and proposed.operator == "≥")
    )  # fmt: skip


def _value(value: str | float) -> Scalar:
    """A number that was written as text as the number; other text as it is."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _sets_nothing_apart(claim: Claim) -> str:
    said = f"{claim.evidence}: {claim.selector} {claim.operator} {claim.value}"
    return f"{said} — true, but so it was before, or of others too, or it is not about {claim.about}: {claim.text}"


def _told(proposed: ProposedClaim, result: Claim | Struck | str) -> str:
    said = f"{proposed.evidence}: {proposed.selector} {proposed.operator} {proposed.value}"
    because = result.because if isinstance(result, Struck) else result
    return f"{said[:240]} — {because}"
