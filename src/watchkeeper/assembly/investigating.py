"""Whoever looks further, as the settings want: the model's endpoint, runbooks, past cases, checkpoints."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from watchkeeper import pipeline
from watchkeeper.agents.events import Event
from watchkeeper.assembly.cases import case as kept_case
from watchkeeper.assembly.cases import diagnose_again, finished, open_records
from watchkeeper.assembly.sources import Say
from watchkeeper.domain import CaseFile, Diagnosis, Hypothesis
from watchkeeper.errors import ConfigError, RecordsUnavailable
from watchkeeper.evidence.known import PastCase, RunbookHit
from watchkeeper.knowledge.queries import Query, query_for
from watchkeeper.settings import Settings
from watchkeeper.telemetry.sources import Sources

if TYPE_CHECKING:
    # LangChain and Chroma take seconds to import: only what asks a model or looks for a runbook does so.
    from watchkeeper.agents.client import Client
    from watchkeeper.agents.investigator import ModelInvestigator
    from watchkeeper.agents.meter import Spent
    from watchkeeper.agents.probe import Abilities
    from watchkeeper.knowledge.shelf import Shelf

FILE = "investigations.sqlite"
STEPS = 8
"""Steps of a runbook that an answer repeats."""
SYMPTOMS = {"cpu": "cpu", "memory": "memory", "pool": "connection pool", "latency": "latency", "errors": "error ratio"}
"""Words of a model's, and the symptom that runbooks know by them."""
LOOKED_THROUGH, TOLD = 200, 5
"""How many of the latest cases are looked through for earlier ones, and how many are told."""

Graph = Literal["single", "specialists"]
ClientOf = Callable[["Spent"], "Client"]
OnEvent = Callable[[Event], None]


@contextmanager
def open_runbooks(settings: Settings, say: Say) -> "Iterator[Shelf]":
    """The runbooks that the settings name; what cannot be read is among its problems."""
    from watchkeeper.knowledge.shelf import open_shelf

    embedder = None
    if settings.knowledge.embedding == "endpoint":
        from watchkeeper.agents.embedding import open_embedder

        embedder = open_embedder(settings)
    with open_shelf(settings, say, embedder) as shelf:
        yield shelf


def probe_model(settings: Settings) -> "Abilities":
    """What the configured endpoint can do, by a few small questions; never raises because of it."""
    from watchkeeper.agents.probe import probe

    return probe(settings)


@dataclass(frozen=True)
class ShelfRunbooks:
    """Runbooks as agents ask for them."""

    shelf: "Shelf"

    def find(self, text: str, component: str | None) -> tuple[RunbookHit, ...]:
        """The runbooks that fit the words, else the symptom that they name; raises KnowledgeUnavailable."""
        hits = self.shelf.find(Query(text=text, component=component))
        symptoms = tuple(measure for word, measure in SYMPTOMS.items() if word in text.lower())
        if not hits and symptoms:
            hits = self.shelf.find(Query(text=text, component=component, measures=symptoms[:1]))
        return tuple(
            RunbookHit(
                runbook=hit.runbook.name, section=hit.section, text=hit.text, score=hit.score, path=hit.path.name
            )
            for hit in hits
        )


@dataclass(frozen=True)
class CaseRunbooks:
    """Runbooks as answers about a case ask for them."""

    shelf: "Shelf"

    def steps_for(self, case: CaseFile) -> tuple[str, ...]:
        """The steps of the runbook that fits the first cause, filled with the incident's values; empty without one."""
        latest = case.latest
        if latest is None or not latest.hypotheses:
            return ()
        top = latest.hypotheses[0]
        measures = [signal.measure for signal in case.incident.signals if signal.measure]
        said = (latest.headline, *(claim.text for claim in top.claims))
        hits = self.shelf.find(query_for(top.kind, measures, said, top.component))
        if not hits:
            return ()
        runbook, values = hits[0].runbook, _values(case, latest, top)
        steps = [step for step in runbook.steps(values) if step.section.startswith(("Mitigation", "Diagnosis"))]
        told = [" ".join((step.text, "; ".join(step.commands))).strip() for step in steps[:STEPS]]
        return (f"Runbook “{runbook.name}”: {told[0]}", *told[1:]) if told else ()


def _values(case: CaseFile, latest: Diagnosis, top: Hypothesis) -> dict[str, str]:
    """What a runbook's placeholders may stand for."""
    owner = case.assignment.owner if case.assignment is not None else None
    known = {
        "service": top.component,
        "dependency": top.dependency,
        "change": top.change.id if top.change is not None else None,
        "version": top.change.version if top.change is not None else None,
        "since": latest.scope.since.strftime("%Y-%m-%dT%H:%M:%SZ") if latest.scope.since else None,
        "owner": owner,
        "incident": case.incident.id,
    }
    return {name: value for name, value in known.items() if value}


@dataclass(frozen=True)
class KeptCases:
    """Earlier cases as agents ask for them."""

    settings: Settings

    def like(self, component: str) -> tuple[PastCase, ...]:
        """Those whose first cause was that component, the latest first; raises RecordsUnavailable."""
        with open_records(self.settings) as records:
            listed = records.cases(limit=LOOKED_THROUGH)
        return tuple(
            PastCase(incident=each.incident_id, headline=each.headline or "", component=component, verdict=each.judged)
            for each in listed
            if each.component == component
        )[:TOLD]


@contextmanager
def open_investigator(
    settings: Settings,
    say: Say,
    *,
    graph: Graph | None = None,
    on_event: OnEvent = lambda _: None,
    client_of: ClientOf | None = None,
    keeps: bool = True,
) -> "Iterator[ModelInvestigator]":
    """A model with its tools; `client_of` takes the place of the settings' endpoint.

    Without `keeps`, nothing of an investigation is kept on its way, and earlier cases are not looked at: runs that
    are measured must not depend on what was run before. Raises ConfigError.
    """
    from watchkeeper.agents.endpoint import clean_of, open_client
    from watchkeeper.agents.investigator import ModelInvestigator

    with open_runbooks(settings, say) as shelf:
        yield ModelInvestigator(
            client_of=client_of or (lambda spent: open_client(settings, already=spent)),
            graph=graph or settings.model.graph,
            checkpoints=settings.home / FILE if keeps else None,
            runbooks=ShelfRunbooks(shelf),
            past=KeptCases(settings) if keeps else None,
            on_event=on_event,
            context_tokens=settings.model.context_tokens,
            clean=clean_of(settings.redaction),
        )


@contextmanager
def investigator_for(
    settings: Settings, engine: Literal["rules", "model"], graph: Graph | None, say: Say, on_event: OnEvent
) -> "Iterator[ModelInvestigator | None]":
    """A model that looks further, or nobody for the rules alone. Raises ConfigError where a graph is set for these."""
    if engine == "rules":
        if graph is not None:
            raise ConfigError("--graph: is for --engine model, expected none with the rules")
        yield None
        return
    with open_investigator(settings, say, graph=graph, on_event=on_event) as investigator:
        # A file that cannot be used is told when the investigation begins, and in its diagnosis.
        forget_investigations(settings, investigator, lambda _: None)
        yield investigator


def looked_at_again(
    settings: Settings, case: CaseFile, sources: Sources, say: Say, investigator: "ModelInvestigator | None"
) -> CaseFile:
    """The case diagnosed again on request; an investigation of it that was cut off goes on instead."""
    found = None if investigator is None else resumed(settings, case, sources, investigator, say)
    return found or diagnose_again(settings, case, sources, say, why="request", investigator=investigator)


def resumed(
    settings: Settings, known: CaseFile, sources: Sources, investigator: "ModelInvestigator", say: Say
) -> CaseFile | None:
    """The case with the end of an investigation that was cut off, or whose end was not kept; None where none was.

    It goes on from the case as it is kept then, which may have got drafts and verdicts meanwhile.
    """
    dossier = investigator.missing(known)
    if dossier is None:
        return None
    say(f"An investigation of {known.incident.id} was cut off; it goes on where it was.")
    case = pipeline.resume(dossier, sources, investigator)
    before = kept_case(settings, known.incident.id)
    told = {entry.id for entry in before.evidence}
    joined = before.model_copy(
        update={
            "incident": before.incident.model_copy(update={"state": case.incident.state}),
            "evidence": (*before.evidence, *(e for e in case.evidence if e.id not in told)),
            "diagnoses": (*before.diagnoses, case.diagnoses[-1]),
        }
    )
    return finished(settings, CaseFile.model_validate(joined.model_dump()), dossier.now)


def forget_investigations(settings: Settings, investigator: "ModelInvestigator", say: Say) -> int:
    """Drop what is kept of investigations that are older than telemetry is kept; how many there were."""
    try:
        return investigator.forget(datetime.now(UTC) - timedelta(days=settings.store.retention_days))
    except RecordsUnavailable as error:
        say(str(error))
        return 0
