"""One diagnosis on its way: the telemetry that is there decides how causes are found."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from watchkeeper.analysis.visit_findings import blamed
from watchkeeper.diagnosis.awaited import awaited, awaited_after, awaited_of_metrics
from watchkeeper.diagnosis.beside import are_few, beside, noticed_at, with_visits
from watchkeeper.diagnosis.commit_evidence import READINGS as COMMITTED
from watchkeeper.diagnosis.commits import down_to_the_commit
from watchkeeper.diagnosis.conclude import cannot_tell, conclude, nothing_wrong
from watchkeeper.diagnosis.dossier import Bearings, Investigator, open_dossier
from watchkeeper.diagnosis.doubts import aside, too_little, yet_bad
from watchkeeper.diagnosis.fusion import Bearing, Fused, fuse
from watchkeeper.diagnosis.gauges_only import conclude_gauges, ground_of_gauges, of_gauges
from watchkeeper.diagnosis.inside_visits import LEAST, InsideVisits, conclude_visits, ground_of_visits
from watchkeeper.diagnosis.measured import entries, measure
from watchkeeper.diagnosis.measured_only import Measured, conclude_measured, ground_of_measured
from watchkeeper.diagnosis.readings import READINGS as COMPUTED
from watchkeeper.diagnosis.readings import gather
from watchkeeper.diagnosis.reasons import reasons_told
from watchkeeper.diagnosis.replay import replay_of
from watchkeeper.diagnosis.suspects import suspects_of
from watchkeeper.diagnosis.timing import Timing, timing_of
from watchkeeper.diagnosis.traits import of_metrics, of_spans, of_visits, of_what_is_missing
from watchkeeper.diagnosis.verify import Writer, ground_of, names_in
from watchkeeper.domain import CaseFile, Cost, Diagnosis, Scalar, Scope, Signal, Window
from watchkeeper.evidence.answers import Readings, window_text
from watchkeeper.evidence.claims import Ground
from watchkeeper.evidence.closer import READINGS as CLOSER
from watchkeeper.evidence.details import Details, take_details
from watchkeeper.evidence.drilldown import combinations_in
from watchkeeper.evidence.gauges import READINGS as GAUGED
from watchkeeper.evidence.gauges import derive_changed, take_gauges
from watchkeeper.evidence.golden import READINGS as MEASURED
from watchkeeper.evidence.golden import derive_excess, take_golden, trouble_in
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.readings import READINGS as READ
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.scope import READINGS as SCOPED
from watchkeeper.evidence.scope import take_scope
from watchkeeper.evidence.visits import READINGS as INSIDE
from watchkeeper.evidence.visits import ask_visits
from watchkeeper.pipeline.case_files import with_investigation
from watchkeeper.pipeline.looking import Look, bearings_of, look_at
from watchkeeper.pipeline.scan import Scan
from watchkeeper.telemetry.sources import Sources

READINGS: Readings = {**READ, **SCOPED, **COMPUTED, **MEASURED, **INSIDE, **CLOSER, **COMMITTED, **GAUGED}
"""Every analysis whose rows a claim may cite."""


Say = Callable[[str], None]
VISITS_TELL = timedelta(minutes=3)
"""So much after somebody says that something is wrong tells what changed inside requests."""
METRICS_SECONDS = 1800.0
"""How much of coarse metrics is looked at, at least."""
REPLAYED = ("sending the reproduction may change data; the original request's body and headers are not recorded",)
NOBODY_REPORTS = "no service reports any more: look at the collector, the network and this store before any service"


class Run:
    """One diagnosis on its way: what is asked, for whom, and the book of it."""

    def __init__(self, signal: Signal, sources: Sources, now: datetime, how: Scan, say: Say, ledger: Ledger) -> None:
        self.signal, self.sources, self.now, self.how = signal, sources, now, how
        self.say, self.ledger = say, ledger
        self.writer = Writer(ledger)
        self.is_over = False
        self.bearings: Bearings | None = None
        self.bearing: Bearing | None = None
        """What speaks for whom, as it was weighed; None where there was nobody to weigh."""
        self.fused: Fused | None = None
        self._began = time.monotonic()

    def diagnose(self) -> tuple[Diagnosis, Window]:
        """The diagnosis, and the window that was looked at."""
        how, signal = self.how, self.signal
        until = min(self.now, signal.at + timedelta(seconds=how.follow_seconds)) - timedelta(seconds=how.lag_seconds)
        window = Window.before(until, how.lookback_seconds)
        self.say(f"Looking at {window.start:%H:%M:%S} to {window.end:%H:%M:%S %Z} …")
        look, ended = look_at(signal, self.sources, window, how, self.ledger)
        self.is_over = look.is_over
        symptoms = "symptom" if len(look.symptoms) == 1 else "symptoms"
        self.say(f"{len(look.symptoms)} {symptoms} in {len(look.vitals.names)} services.")
        self.writer.names = frozenset({signal.service or "", *look.vitals.names})
        self.bearings = bearings_of(look)
        found = self._concluded(look, ended)
        found = down_to_the_commit(found, signal, self.sources, self.ledger, self.now, READINGS)
        notes = (*(self.writer.write(note) for note in look.notes), *found.notes, *self._reasons(found))
        figures = tuple(dict.fromkeys((*found.figures, *self.writer.figures)))
        return found.model_copy(update={"notes": notes, "figures": figures}), look.window

    def _reasons(self, found: Diagnosis) -> tuple[str, ...]:
        """Why the causes that are listed stand where they do."""
        if self.fused is None:
            return ()
        ranked = [h.component for h in found.hypotheses]
        self.writer.names |= frozenset(ranked)
        return tuple(text for told in reasons_told(self.fused, ranked) if (text := self.writer.write(told)))

    def _weigh(self, bearing: Bearing) -> Fused:
        """Who is how probably to blame; remembered for whoever asks why."""
        self.bearing, self.fused = bearing, fuse(bearing)
        return self.fused

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

    def _concluded(self, look: Look, ended: datetime | None) -> Diagnosis:
        """What is wrong and why, by the richest telemetry that there is; or why nothing can be said."""
        signal, vitals, ledger = self.signal, look.vitals, self.ledger
        unknown = signal.kind == "question" and signal.service is not None and signal.service not in vitals.presence
        if not vitals.services and signal.kind != "question" and (found := self._from_metrics(look)) is not None:
            return found
        told = signal.kind != "question" and not signal.is_of_everybody
        if told and (self.how.references or not look.symptoms) and (found := self._from_visits(look)) is not None:
            return found
        if not vitals.services and signal.kind != "question" and (found := self._from_gauges(look)) is not None:
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

    def _from_metrics(self, look: Look) -> Diagnosis | None:
        """What coarse metrics say where there are no spans; None where they say nothing."""
        span = Window.before(self.now, max(self.how.lookback_seconds, METRICS_SECONDS))
        golden = take_golden(self.sources, self.ledger.ask, span, self.how.references, self.how.topology)
        trouble = trouble_in(golden, self.signal)
        if trouble is None:
            return None
        evidence = derive_excess(self.ledger, golden, self.signal, span)
        seen = Measured(golden, trouble, evidence, span)
        recheck = Recheck(self.ledger.evidence, self.sources, READINGS)
        ground = ground_of_measured(seen, recheck, self.now)
        self._stand_on(ground)
        missing = of_what_is_missing(self.ledger, look.vitals)
        fused = self._weigh(of_metrics(trouble, ground.components, ground.latest_onset, missing))
        found = conclude_measured(seen, fused, recheck, self.ledger.gaps, self.now, self._cost())
        last = golden.grid.time_of(golden.grid.size - 1)
        return found.model_copy(update={"waits_for": awaited_of_metrics(self.signal.at, last)})

    def _from_gauges(self, look: Look) -> Diagnosis | None:
        """What gauges say that nobody counts requests with; None where none of them changed."""
        span = Window.before(self.now, max(self.how.lookback_seconds, METRICS_SECONDS))
        seen = derive_changed(self.ledger, take_gauges(self.sources, self.ledger.ask, span), self.signal.at, span)
        if seen is None:
            return None
        recheck = Recheck(self.ledger.evidence, self.sources, READINGS)
        self._stand_on(ground_of_gauges(seen, recheck, span))
        fused = self._weigh(of_gauges(seen, of_what_is_missing(self.ledger, look.vitals)))
        return conclude_gauges(seen, fused, recheck, span, self.ledger.gaps, self.now, self._cost())

    def _inside_visits(self, at: datetime, until: datetime) -> InsideVisits | None:
        """What changed inside requests up to a moment, where somebody says that something is wrong at another."""
        incident = Window(start=at, end=max(until, at + timedelta(seconds=1)))
        asked = ask_visits(self.sources, self.ledger.ask, self.how.references, incident, at)
        findings, blame = (
            self.ledger.derive(question, name, asked.of, asked.parameters, incident)
            for question, name in (
                ("What changed inside requests?", "inside visits"),
                ("Whom does that speak against?", "what speaks against whom"),
            )
        )
        ranked = [each for each in blamed(self.ledger.rows(findings)) if each.component]
        if not ranked or ranked[0].score < LEAST:
            return None
        return InsideVisits(self.ledger.rows(findings), ranked, asked.components, findings, blame, at, incident)

    def _from_visits(self, look: Look) -> Diagnosis | None:
        """What changed inside requests since somebody says that something is wrong; None where nothing clear did."""
        at = self.signal.at
        seen = self._inside_visits(at, max(look.window.end, self.now))
        if seen is None:
            return None
        self.say("Asking again for everything that is claimed …")
        recheck = Recheck(self.ledger.evidence, self.sources, READINGS)
        self._stand_on(ground_of_visits(seen, recheck))
        missing = of_what_is_missing(self.ledger, look.vitals)
        fused = self._weigh(of_visits(seen.ranked, seen.components, missing))
        found = conclude_visits(seen, fused, recheck, self.ledger.gaps, self.now, self._cost())
        served = measure(self.sources, look.vitals, look.symptoms, None, self.ledger)
        scope = found.scope.model_copy(update={"measured": served.measured})
        waits_for = awaited_after(at, seen.window.end, VISITS_TELL)
        return found.model_copy(update={"scope": scope, "waits_for": waits_for, "cost": self._cost()})

    def _explain(self, look: Look) -> Diagnosis:
        timing = timing_of(look.vitals, look.symptoms)
        began = timing.onset
        self.say(f"It began at {began.at:%H:%M:%S %Z} ± {began.uncertainty_seconds:g} s; looking inside …")
        details = take_details(self.sources, look.vitals, timing.usual, timing.incident, self.ledger)
        served = measure(self.sources, look.vitals, look.symptoms, timing, self.ledger)
        seen = gather(look.vitals, details, timing, look.symptoms, look.sensitivity, served, self.ledger)
        suspects, inside = suspects_of(seen), None
        if are_few(look.vitals, timing):
            inside = self._inside_visits(noticed_at(timing, self.signal.at), look.window.end)
        if inside is not None:
            suspects = with_visits(suspects, inside)
        bearing = of_spans(seen, suspects)
        fused = self._weigh(bearing if inside is None else beside(bearing, inside.ranked))
        scope = {**self._scope(look, timing, details), "measured": served.measured}
        self.say("Asking again for everything that is claimed …")
        recheck = Recheck(self.ledger.evidence, self.sources, READINGS)
        self._stand_on(ground_of(seen, recheck), timing)
        found = conclude(seen, suspects, fused, recheck, self.now, self._cost())
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
                "waits_for": awaited(seen, [h.component for h in found.hypotheses]),
                "cost": self._cost(),
            }
        )

    def _stand_on(self, ground: Ground, timing: Timing | None = None) -> None:
        """Remember what claims are checked against, for whoever looks further."""
        if self.bearings is not None:
            usual, incident = (timing.usual, timing.incident) if timing is not None else (None, None)
            self.bearings = replace(self.bearings, ground=ground, usual=usual, incident=incident)

    def _scope(self, look: Look, timing: Timing, details: Details) -> dict[str, object]:
        """Which portions of the requests carry the trouble, and how many people met it."""
        services = sorted({s.service for s in look.symptoms} & set(look.vitals.services))
        together = self._combinations(details, timing, services)
        reach = take_scope(
            self.sources,
            self.ledger.ask,
            services,
            timing.usual,
            timing.incident,
            doors=sorted(entries(look.vitals)),
            together=together,
        )
        for name, number in reach.evidence.items():
            if name.startswith("portions"):
                self.ledger.read(number, "portions", {})
        return {"portions": reach.portions, "users": reach.users}

    def _combinations(self, details: Details, timing: Timing, services: list[str]) -> list[tuple[str, str]]:
        """Attributes that carry the trouble only together, as region with version, by service."""
        number = self.ledger.derive(
            "Which combinations of attributes carry the trouble?",
            "drill-down",
            (details.evidence["usual"], details.evidence["spans"]),
            {"usual": window_text(timing.usual), "incident": window_text(timing.incident), "services": services},
            timing.incident,
        )
        reading = self.ledger.entry(number).reading
        return combinations_in(self.ledger, reading) if reading is not None else []
