"""The sentence as one plain function: a signal comes in, evidence is gathered, a diagnosis is made."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from watchkeeper.analysis.symptoms import Sensitivity, Symptom
from watchkeeper.analysis.visit_findings import blamed
from watchkeeper.diagnosis.again import OPEN_STATES, differences
from watchkeeper.diagnosis.conclude import cannot_tell, conclude, nothing_wrong
from watchkeeper.diagnosis.dossier import Bearings, Dossier, Investigator, open_dossier
from watchkeeper.diagnosis.doubts import aside, too_little, yet_bad
from watchkeeper.diagnosis.inside_visits import LEAST, InsideVisits, conclude_visits, ground_of_visits
from watchkeeper.diagnosis.measured import entries, measure
from watchkeeper.diagnosis.measured_only import Measured, conclude_measured, ground_of_measured
from watchkeeper.diagnosis.readings import READINGS as COMPUTED
from watchkeeper.diagnosis.readings import gather
from watchkeeper.diagnosis.replay import replay_of
from watchkeeper.diagnosis.suspects import suspects_of
from watchkeeper.diagnosis.timing import Timing, timing_of
from watchkeeper.diagnosis.verify import Writer, ground_of, names_in
from watchkeeper.domain import CaseFile, Cost, Diagnosis, IncidentState, Scalar, Scope, Signal, Window
from watchkeeper.evidence.anew import began_anew
from watchkeeper.evidence.answers import Readings
from watchkeeper.evidence.claims import Ground
from watchkeeper.evidence.closer import READINGS as CLOSER
from watchkeeper.evidence.details import take_details
from watchkeeper.evidence.golden import READINGS as MEASURED
from watchkeeper.evidence.golden import derive_excess, take_golden, trouble_in
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.readings import READINGS as READ
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.scope import READINGS as SCOPED
from watchkeeper.evidence.scope import take_scope
from watchkeeper.evidence.symptoms import all_silent_since, symptoms_of
from watchkeeper.evidence.visits import READINGS as INSIDE
from watchkeeper.evidence.visits import ask_visits
from watchkeeper.evidence.vitals import Vitals, take_vitals
from watchkeeper.intake.incidents import open_incident
from watchkeeper.telemetry.sources import Sources

READINGS: Readings = {**READ, **SCOPED, **COMPUTED, **MEASURED, **INSIDE, **CLOSER}
"""Every analysis whose rows a claim may cite."""

Say = Callable[[str], None]
METRICS_SECONDS = 1800.0
"""How much of coarse metrics is looked at, at least."""
REPLAYED = ("sending the reproduction may change data; the original request's body and headers are not recorded",)
LONGER_SECONDS = (80.0, 160.0, 320.0, 640.0)
"""A diagnosis is often asked for when the trouble has lasted: stretches that may be all trouble."""
NO_MORE = "no symptom stands out any more: it seems to be over"
NOBODY_REPORTS = "no service reports any more: look at the collector, the network and this store before any service"


@dataclass(frozen=True)
class Scan:
    """Which stretch of telemetry a diagnosis looks at, in seconds."""

    lookback_seconds: float = 1800.0
    """What counts as the recent past."""
    follow_seconds: float = 60.0
    """How much of what came after the signal is used, where it is there."""
    lag_seconds: float = 5.0
    """How long telemetry may be under way."""
    sensitivity: Sensitivity = field(default_factory=Sensitivity)
    references: tuple[Window, ...] = ()
    """Stretches that are known to be good, where the minutes before the signal are not."""
    topology: frozenset[tuple[str, str]] = frozenset()
    """Who calls whom (caller, callee), where that is declared and not to be seen in traces."""


def diagnose(
    signal: Signal,
    sources: Sources,
    *,
    now: datetime,
    say: Say = lambda _: None,
    number: int = 1,
    scan: Scan | None = None,
    investigator: Investigator | None = None,
    keep: Callable[[CaseFile], object] = lambda _: None,
) -> CaseFile:
    """Diagnose one signal with what can be known at `now`. A source that is down leaves a gap, never an exception.

    An investigator looks further once the rules are done: the case then has both diagnoses, and `keep` is given the
    rules' before a model is asked anything.
    """
    how = scan or Scan()
    run = Run(signal, sources, now, how, say, Ledger(readings=READINGS))
    diagnosis, window = run.diagnose()
    opened = open_incident(signal, number, window)
    incident = opened.model_copy(update={"state": _after(opened.state, diagnosis)})
    case = CaseFile(incident=incident, evidence=run.ledger.evidence, diagnoses=(diagnosis,))
    return case if investigator is None else run.investigated(case, investigator, keep)


def resume(dossier: Dossier, sources: Sources, investigator: Investigator) -> CaseFile:
    """Go on with an investigation that was cut off, from the dossier that it began with."""
    ledger = Ledger(readings=READINGS)
    own = dossier.case.evidence
    ledger.adopt(own, Recheck(own, sources, READINGS))
    return with_investigation(dossier, ledger, investigator.investigate(dossier, ledger, sources))


def with_investigation(dossier: Dossier, ledger: Ledger, diagnosis: Diagnosis) -> CaseFile:
    """The dossier's case with one more diagnosis and what was asked for it."""
    case = dossier.case
    known = {entry.id for entry in case.evidence}
    return CaseFile.model_validate(
        {
            **dict(case),
            "incident": case.incident.model_copy(update={"state": _after(case.incident.state, diagnosis)}),
            "evidence": (*case.evidence, *(e for e in ledger.evidence if e.id not in known)),
            "diagnoses": (*case.diagnoses, diagnosis),
        }
    )


def diagnose_again(
    case: CaseFile,
    sources: Sources,
    *,
    now: datetime,
    occasion: str,
    say: Say = lambda _: None,
    scan: Scan | None = None,
    investigator: Investigator | None = None,
    keep: Callable[[CaseFile], object] = lambda _: None,
) -> CaseFile:
    """The case with one more diagnosis, of everything that can be known at `now`, and with what has changed since.

    The past that is compared with reaches as far before the first signal as it did then.
    """
    how, signal = scan or Scan(), _to_explain(case)
    first = case.incident.signals[0].at
    how = replace(
        how,
        follow_seconds=max(how.follow_seconds, (now - signal.at).total_seconds()),
        lookback_seconds=how.lookback_seconds + max(0.0, (now - first).total_seconds()),
    )
    taken = max((int(entry.id[1:]) for entry in case.evidence), default=0)
    run = Run(signal, sources, now, how, say, Ledger(readings=READINGS, first=taken + 1))
    diagnosis, window = run.diagnose()
    before = case.latest
    changed = () if before is None else run.told(differences(before, diagnosis))
    if run.is_over:
        changed = (NO_MORE, *changed)
    figures = tuple(dict.fromkeys((*diagnosis.figures, *run.writer.figures)))
    diagnosis = diagnosis.model_copy(update={"occasion": occasion, "changed": changed, "figures": figures})
    span = Window(start=min(window.start, case.incident.window.start), end=max(window.end, case.incident.window.end))
    again = CaseFile(
        incident=case.incident.model_copy(update={"window": span, "state": _after(case.incident.state, diagnosis)}),
        evidence=(*case.evidence, *run.ledger.evidence),
        diagnoses=(*case.diagnoses, diagnosis),
        assignment=case.assignment,
        drafts=case.drafts,
        verdicts=case.verdicts,
    )
    return again if investigator is None else run.investigated(again, investigator, keep)


def _to_explain(case: CaseFile) -> Signal:
    """The latest signal that says what is wrong: that nobody reports any more explains nothing of what was before."""
    signals = case.incident.signals
    return next((signal for signal in reversed(signals) if not signal.is_of_everybody), signals[-1])


def _after(state: IncidentState, diagnosis: Diagnosis) -> IncidentState:
    """The state that a diagnosis leaves; an incident that is over stays so when somebody looks again."""
    if state not in OPEN_STATES:
        return state
    return "diagnosed" if diagnosis.status == "diagnosed" else "investigating"


class Run:
    """One diagnosis on its way: what is asked, for whom, and the book of it."""

    def __init__(self, signal: Signal, sources: Sources, now: datetime, how: Scan, say: Say, ledger: Ledger) -> None:
        self.signal, self.sources, self.now, self.how = signal, sources, now, how
        self.say, self.ledger = say, ledger
        self.writer = Writer(ledger)
        self.is_over = False
        self.bearings: Bearings | None = None
        self._began = time.monotonic()

    def diagnose(self) -> tuple[Diagnosis, Window]:
        """The diagnosis, and the window that was looked at."""
        how, signal = self.how, self.signal
        until = min(self.now, signal.at + timedelta(seconds=how.follow_seconds)) - timedelta(seconds=how.lag_seconds)
        window = Window.before(until, how.lookback_seconds)
        self.say(f"Looking at {window.start:%H:%M:%S} to {window.end:%H:%M:%S %Z} …")
        look, ended = _look(signal, self.sources, window, how, self.ledger)
        self.is_over = look.is_over
        symptoms = "symptom" if len(look.symptoms) == 1 else "symptoms"
        self.say(f"{len(look.symptoms)} {symptoms} in {len(look.vitals.names)} services.")
        self.writer.names = frozenset({signal.service or "", *look.vitals.names})
        self.bearings = _bearings(look)
        found = self._concluded(look, ended)
        notes = (*(self.writer.write(note) for note in look.notes), *found.notes)
        figures = tuple(dict.fromkeys((*found.figures, *self.writer.figures)))
        return found.model_copy(update={"notes": notes, "figures": figures}), look.window

    def investigated(self, case: CaseFile, investigator: Investigator, keep: Callable[[CaseFile], object]) -> CaseFile:
        """The case, kept, and then looked into further."""
        keep(case)
        assert self.bearings is not None, "an investigation follows a diagnosis"
        dossier = open_dossier(case, self.now, self.bearings)
        return with_investigation(dossier, self.ledger, investigator.investigate(dossier, self.ledger, self.sources))

    def told(self, templates: Iterable[tuple[str, dict[str, Scalar]]]) -> tuple[str, ...]:
        """Sentences about what has changed, filled."""
        names = frozenset(name for name in self.writer.names) | names_in(
            self.ledger, (e.id for e in self.ledger.evidence if e.status != "failed")
        )
        self.writer.names = names
        return tuple(text for template, fields in templates if (text := self.writer.write(template, fields)))

    def _cost(self) -> Cost:
        return Cost(seconds=round(time.monotonic() - self._began, 3), queries=self.ledger.asked)

    def _concluded(self, look: "Look", ended: datetime | None) -> Diagnosis:
        """What is wrong and why, by the richest telemetry that there is; or why nothing can be said."""
        signal, vitals, ledger = self.signal, look.vitals, self.ledger
        unknown = signal.kind == "question" and signal.service is not None and signal.service not in vitals.presence
        if not vitals.services and signal.kind != "question" and (found := self._from_metrics()) is not None:
            return found
        told = signal.kind in ("alert", "complaints")
        if told and (self.how.references or not look.symptoms) and (found := self._inside_visits(look)) is not None:
            return found
        if look.symptoms and not unknown:
            return self._explain(look)
        because = too_little(signal, vitals, ledger.gaps, self.how.sensitivity, self.writer)
        if because is None and ended is not None:
            because = NOBODY_REPORTS
        measured = measure(self.sources, vitals, look.symptoms, None, ledger).measured
        because = because or yet_bad(measured, self.writer)
        if because is not None:
            found = cannot_tell(self.now, because, ledger.gaps, self._cost())
        else:
            found = nothing_wrong(self.now, vitals.names, ledger.gaps, self._cost())
        return found.model_copy(update={"scope": Scope(measured=measured), "cost": self._cost()})

    def _from_metrics(self) -> Diagnosis | None:
        """What coarse metrics say where there are no spans; None where they say nothing."""
        span = Window.before(self.now, max(self.how.lookback_seconds, METRICS_SECONDS))
        golden = take_golden(self.sources, self.ledger.ask, span, self.how.references, self.how.topology)
        trouble = trouble_in(golden, self.signal)
        if trouble is None:
            return None
        evidence = derive_excess(self.ledger, golden, self.signal, span)
        seen = Measured(golden, trouble, evidence, span)
        recheck = Recheck(self.ledger.evidence, self.sources, READINGS)
        self._stand_on(ground_of_measured(seen, recheck, self.now))
        return conclude_measured(seen, recheck, self.ledger.gaps, self.now, self._cost())

    def _inside_visits(self, look: "Look") -> Diagnosis | None:
        """What changed inside requests since somebody says that something is wrong; None where nothing clear did."""
        at, until = self.signal.at, max(look.window.end, self.signal.at + timedelta(seconds=1))
        incident = Window(start=at, end=max(until, self.now))
        asked = ask_visits(self.sources, self.ledger.ask, self.how.references, incident, at)
        findings, blame = (
            self.ledger.derive(question, name, asked.of, asked.parameters, incident)
            for question, name in (
                ("What changed inside requests?", "inside visits"),
                ("Whom does that speak against?", "what speaks against whom"),
            )
        )
        ranked = blamed(self.ledger.rows(findings))
        if not ranked or ranked[0].score < LEAST:
            return None
        self.say("Asking again for everything that is claimed …")
        seen = InsideVisits(self.ledger.rows(findings), ranked, asked.components, findings, blame, at, incident)
        recheck = Recheck(self.ledger.evidence, self.sources, READINGS)
        self._stand_on(ground_of_visits(seen, recheck))
        found = conclude_visits(seen, recheck, self.ledger.gaps, self.now, self._cost())
        served = measure(self.sources, look.vitals, look.symptoms, None, self.ledger)
        scope = found.scope.model_copy(update={"measured": served.measured})
        return found.model_copy(update={"scope": scope, "cost": self._cost()})

    def _explain(self, look: "Look") -> Diagnosis:
        timing = timing_of(look.vitals, look.symptoms)
        began = timing.onset
        self.say(f"It began at {began.at:%H:%M:%S %Z} ± {began.uncertainty_seconds:g} s; looking inside …")
        details = take_details(self.sources, look.vitals, timing.usual, timing.incident, self.ledger)
        served = measure(self.sources, look.vitals, look.symptoms, timing, self.ledger)
        seen = gather(look.vitals, details, timing, look.symptoms, look.sensitivity, served, self.ledger)
        suspects = suspects_of(seen)
        scope = {**self._scope(look, timing), "measured": served.measured}
        self.say("Asking again for everything that is claimed …")
        recheck = Recheck(self.ledger.evidence, self.sources, READINGS)
        self._stand_on(ground_of(seen, recheck), timing)
        found = conclude(seen, suspects, recheck, self.now, self._cost())
        known = found.scope.model_dump(exclude=set(scope))
        replay = replay_of(self.ledger, seen, found)
        usual = (f"{{{{{details.evidence['usual']}: {edge} | clock}}}}" for edge in ("start()", "end()"))
        notes = (
            self.writer.write(f"usual is how it was from {' to '.join(usual)}"),
            *aside(self.signal, look.symptoms, found),
            *(REPLAYED if replay and not replay.is_safe else ()),
        )
        return found.model_copy(
            update={
                "scope": Scope.model_validate({**known, **scope}),
                "reproduction": replay and replay.noun,
                "notes": notes,
                "cost": self._cost(),
            }
        )

    def _stand_on(self, ground: Ground, timing: Timing | None = None) -> None:
        """Remember what claims are checked against, for whoever looks further."""
        if self.bearings is not None:
            usual, incident = (timing.usual, timing.incident) if timing is not None else (None, None)
            self.bearings = replace(self.bearings, ground=ground, usual=usual, incident=incident)

    def _scope(self, look: "Look", timing: Timing) -> dict[str, object]:
        """Which portions of the requests carry the trouble, and how many people met it."""
        services = sorted({s.service for s in look.symptoms} & set(look.vitals.services))
        reach = take_scope(
            self.sources, self.ledger.ask, services, timing.usual, timing.incident, doors=sorted(entries(look.vitals))
        )
        if "portions" in reach.evidence:
            self.ledger.read(reach.evidence["portions"], "portions", {})
        return {"portions": reach.portions, "users": reach.users}


@dataclass(frozen=True)
class Look:
    """The first look at a system, at the moment that shows what was noticed."""

    window: Window
    vitals: Vitals
    symptoms: list[Symptom]
    sensitivity: Sensitivity
    notes: tuple[str, ...]
    """Templates of what a reader must know about the moment that was looked at."""
    is_over: bool = False
    """Whether it shows an earlier moment, as nothing stands out at the later one that was asked for."""


def _look(signal: Signal, sources: Sources, window: Window, how: Scan, ledger: Ledger) -> tuple[Look, datetime | None]:
    """Look at the window; at an earlier moment where nobody reports any more, or where what was noticed is over.

    The second value is when everybody fell silent, None where somebody reports.
    """
    vitals = take_vitals(sources, window, ledger)
    start, end = (f"{{{{{vitals.evidence['services']}: {edge} | date}}}}" for edge in ("start()", "end()"))
    notes = [f"looked at {start} to {end}"]
    ended = all_silent_since(vitals, how.sensitivity)
    if ended is not None and signal.is_of_everybody:
        return Look(window, vitals, [], how.sensitivity, tuple(notes)), ended
    if ended is not None:
        window = Window.before(ended, how.lookback_seconds)
        vitals = take_vitals(sources, window, ledger)
        end = f"{{{{{vitals.evidence['services']}: end() | date}}}}"
        notes.append(f"no service has reported since {end}: this is how it was until then")
    began = began_anew(vitals)
    if began is not None:
        window = Window(start=began, end=window.end)
        vitals = take_vitals(sources, window, ledger)
        begun = f"{{{{{vitals.evidence['services']}: start() | date}}}}"
        notes.append(f"everything was started anew at {begun}: what was before is no usual past")
    symptoms, keen = _symptoms(signal, vitals, how)
    noticed = signal.at - timedelta(seconds=how.lag_seconds)
    if not symptoms and signal.at < window.end:
        earlier = take_vitals(sources, Window.before(noticed, how.lookback_seconds), ledger)
        then, keen_then = _symptoms(signal, earlier, how)
        if then:
            end = f"{{{{{earlier.evidence['services']}: end() | clock}}}}"
            notes.append(f"no symptom stands out any more: this is how it was at {end}")
            window = Window.before(noticed, how.lookback_seconds)
            return Look(window, earlier, then, keen_then, tuple(notes), is_over=True), ended
    return Look(window, vitals, symptoms, keen, tuple(notes)), ended


def _bearings(look: Look) -> Bearings:
    calls = look.vitals.calls
    components = frozenset(look.vitals.presence) | {callee for _, callee, _ in calls}
    edges = frozenset((caller, callee) for caller, callee, _ in calls)
    return Bearings(None, look.window, edges=edges, components=components - {""})


def _symptoms(signal: Signal, vitals: Vitals, how: Scan) -> tuple[list[Symptom], Sensitivity]:
    """What is wrong at the end; where somebody says that something is, look again with sharper eyes."""
    patient = replace(how.sensitivity, longer_seconds=LONGER_SECONDS)
    found = symptoms_of(vitals, patient)
    if found or signal.kind not in ("alert", "complaints"):
        return found, patient
    keen = replace(patient, significance=0.05, error_share=0.005, errors=3, latency_ratio=1.2, latency_ms=2.0)
    return symptoms_of(vitals, keen), keen
