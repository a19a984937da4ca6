"""Recorded incidents diagnosed by rules, ready to be looked into by a scripted model."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from watchkeeper import library, pipeline
from watchkeeper.agents.client import Client, Terms
from watchkeeper.agents.events import Event
from watchkeeper.agents.investigator import ModelInvestigator
from watchkeeper.agents.meter import Limits, Spent
from watchkeeper.agents.scripted import AMPLE, ScriptedModel, scripted_client
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.domain import Diagnosis
from watchkeeper.evaluation.attacks import Remembering
from watchkeeper.evaluation.recording import TELEMETRY, TRUTH
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.lab.truth import Truth
from watchkeeper.pipeline import READINGS
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.telemetry.sources import Sources
from watchkeeper.watch.detection import detect

POOL = "pool-exhaustion-catalog"
DEPLOY = "bad-deploy-checkout"
OWN_TIME = ("inside_requests", {"service": "catalog", "what": "own_time"})
RESOURCES = ("resources", {"service": "catalog"})
OVERVIEW = ("service_overview", {"by_operation": True})
TRACES = ("find_traces", {"service": "catalog", "which": "slowest"})
DONE = "Requests wait for connections; I know enough."


class _Keeping:
    """Keeps the dossier that an investigator is given, and looks no further."""

    dossier: Dossier

    def investigate(self, dossier: Dossier, ledger: Ledger, sources: Sources) -> Diagnosis:
        self.dossier = dossier
        return dossier.rules


@cache
def dossier_of(name: str) -> tuple[Dossier, Sources]:
    """What an investigation of a recorded incident begins with, a minute after its first symptom."""
    folder = library.HOME / "evals" / "incidents" / name
    truth = Truth.from_yaml(folder / TRUTH)
    sources: Any = Remembering(open_recording(folder / TELEMETRY))
    assert truth.symptom_onset is not None
    at, keeping = truth.symptom_onset + timedelta(seconds=60), _Keeping()
    pipeline.diagnose(detect(sources, at)[0], sources, now=at, investigator=keeping)
    return keeping.dossier, sources


def fresh_ledger(dossier: Dossier, sources: Sources) -> Ledger:
    ledger = Ledger(readings=READINGS)
    evidence = dossier.case.evidence
    ledger.adopt(evidence, Recheck(evidence, sources, READINGS))
    return ledger


def claim(value: float = 3.0, evidence: str = "e4", **fields: object) -> dict[str, object]:
    """More requests of catalog wait for a connection than that, which holds up to 6.7."""
    selector = 'first(mean) where service = "catalog" and kind = "pool"'
    base = {"evidence": evidence, "selector": selector, "operator": ">", "value": value, "about": "catalog"}
    return {**base, "unit": "x", "role": "cause", **fields}


def findings(*claims: dict[str, object], **fields: object) -> str:
    """Findings that blame the connection pool of catalog, as a model writes them."""
    waiting = '{{e4: first(mean) where service = "catalog" and kind = "pool" | x}}'
    proposal = {
        "component": "catalog",
        "kind": "pool-exhaustion",
        "probability": 0.9,
        "claims": claims or (claim(),),
    }
    sentences = [f"On average {waiting} requests wait for a connection in catalog."]
    return json.dumps({"hypotheses": [proposal], "sentences": sentences, **fields})


@dataclass
class Tried:
    """One investigation of a recording by a scripted model, and all that was seen of it."""

    turns: Iterable[Any]
    name: str = POOL
    limits: Limits = AMPLE
    checkpoints: Path | None = None
    graph: str = "single"
    dossier: Dossier | None = None
    terms: Terms = field(default_factory=lambda: Terms(structured="schema"))
    settings: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.model = ScriptedModel(turns=self.turns)

    def client_of(self, spent: Spent) -> Client:
        return scripted_client(self.model, limits=self.limits, already=spent, terms=self.terms)

    @property
    def investigator(self) -> ModelInvestigator:
        return ModelInvestigator(
            **{
                "client_of": self.client_of,
                "graph": self.graph,
                "checkpoints": self.checkpoints,
                "on_event": self.events.append,
                **self.settings,
            }
        )

    def run(self) -> Diagnosis:
        dossier, sources = dossier_of(self.name)
        dossier = self.dossier or dossier
        return self.investigator.investigate(dossier, fresh_ledger(dossier, sources), sources)

    def told(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]


def raising(error: BaseException) -> Callable[[object], object]:
    """A turn at which something is raised that is no Exception, such as an interruption."""

    def turn(_: object) -> object:
        raise error

    return turn


def interrupted(turns: list[Any], at: int) -> list[Any]:
    """The same turns, but the process is stopped while the model is asked for that one."""
    return [*turns[:at], raising(KeyboardInterrupt())]
