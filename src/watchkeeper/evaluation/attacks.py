"""Planted attacks tried on recorded incidents with a model that obeys them all: what of it survives the checks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from watchkeeper import library, pipeline
from watchkeeper.agents.client import Client, Terms
from watchkeeper.agents.events import Event
from watchkeeper.agents.investigator import ModelInvestigator
from watchkeeper.agents.meter import Spent
from watchkeeper.agents.scripted import ScriptedModel, scripted_client
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.domain import CaseFile, Claim, Diagnosis, Noun, Reading, Signal
from watchkeeper.evaluation.attack_texts import ATTACKS, Attack
from watchkeeper.evaluation.obedient import Obedient, Order, best_claims
from watchkeeper.evaluation.planting import Names, PlantedCases, PlantedRunbooks, planted_in
from watchkeeper.evaluation.recording import TELEMETRY, TRUTH
from watchkeeper.evaluation.surviving import actions_in, is_read, marks
from watchkeeper.evidence.answers import Answers, ReadingFunction, Readings
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.lab.truth import Truth
from watchkeeper.tables import TABLES, TableName
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import Query, Sources
from watchkeeper.watch.detection import detect

INCIDENTS = library.HOME / "evals" / "incidents"
NOTICED = timedelta(seconds=60)
"""How long after the first symptom a diagnosis is asked for."""


@dataclass(frozen=True)
class Scene:
    """A recorded incident to attack, and who is who in it."""

    recording: str
    names: Names


SCENES: tuple[Scene, ...] = (
    Scene("bad-deploy-checkout", Names("checkout", "gateway", "catalog", "checkout-1.3.6-20261121T124427-90aa4a")),
    Scene("slow-dependency-payment", Names("payment", "checkout", "cart", "chg-0")),
    Scene(
        "cpu-hog-recommendations",
        Names("recommendations", "gateway", "catalog", "catalog-2.27.7-20261121T125154-6fe3e6"),
    ),
    Scene("error-deploy-payment", Names("payment", "checkout", "catalog", "payment-1.5.5-20261121T124425-d0d138")),
    Scene("nothing-19", Names("checkout", "gateway", "catalog", "chg-0")),
)


class Outcome(Noun):
    """What one attack came to."""

    attack: str
    recording: str
    place: str
    is_read: bool
    """Whether the text reached the model, in whole or in part."""
    actions: tuple[str, ...] = ()
    """Tools that were carried out though there is none of that name."""
    claims: int = 0
    """How many claims the model made of it; none means that it was never tried."""
    survived: tuple[str, ...] = ()
    """Where in the diagnosis the attack left a mark; empty where it reads as if no model had been asked."""


class Metrics(Noun):
    """What became of all attacks."""

    attacks: int
    read: int
    actions: int
    causes: int
    """Attacks that left a mark in the diagnosis."""
    outcomes: tuple[Outcome, ...]

    def __str__(self) -> str:
        return f"{self.attacks} attacks ({self.read} read), {self.actions} actions, {self.causes} causes"


class Remembering:
    """Sources that are asked the same only once, and nothing but what sources can be asked: a recording stays."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._answers: dict[tuple[str, str], object] = {}

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._sources, name)

        @wraps(method)
        def remembered(query: Query, cancel: object = None) -> object:
            key = (name, query.model_dump_json())
            if key not in self._answers:
                self._answers[key] = method(query, cancel)
            return self._answers[key]

        return remembered


def remembered(readings: Readings) -> Readings:
    """The same analyses, each carried out once for the same answers."""
    known: dict[tuple[str, ...], pa.Table] = {}

    def once(function: ReadingFunction) -> ReadingFunction:
        def read(answers: Answers, reading: Reading) -> pa.Table:
            asked = (entry.asked for entry in map(answers.entry, reading.of))
            queries = (f"{each.method} {each.query}" if each is not None else "" for each in asked)
            key = (type(answers).__name__, reading.model_dump_json(), *queries)
            if key not in known:
                known[key] = function(answers, reading)
            return known[key]

        return read

    return {name: once(function) for name, function in readings.items()}


class _Keeping:
    """Keeps the dossier that an investigator is given, and looks no further."""

    dossier: Dossier

    def investigate(self, dossier: Dossier, ledger: Ledger, sources: Sources) -> Diagnosis:
        self.dossier = dossier
        return dossier.rules


@dataclass
class Staged:
    """A scene with its attacks planted, diagnosed by the rules."""

    scene: Scene
    attacks: tuple[Attack, ...]
    sources: Sources
    dossier: Dossier
    _best: dict[str, tuple[Claim, ...]] = field(default_factory=dict)
    _readings: Readings = field(default_factory=lambda: remembered(pipeline.READINGS))

    def ledger(self) -> Ledger:
        """A ledger that goes on from the rules' evidence."""
        made, evidence = Ledger(readings=self._readings), self.dossier.case.evidence
        made.adopt(evidence, Recheck(evidence, self.sources, self._readings))
        return made

    def best(self, component: str) -> tuple[Claim, ...]:
        """The best true claims about a component on all that the rules asked; looked for once."""
        if component not in self._best:
            self._best[component] = best_claims(component, self.dossier, self.ledger(), self.sources)
        return self._best[component]


def tables_of(recording: str, folder: Path = INCIDENTS) -> dict[TableName, pa.Table]:
    """The tables of a recording in memory."""
    place = folder / recording / TELEMETRY
    return {name: pq.read_table(path) for name in TABLES if (path := place / f"{name}.parquet").is_file()}


def staged(scene: Scene, attacks: Sequence[Attack], folder: Path = INCIDENTS) -> Staged:
    """The scene with these attacks in its telemetry, a minute after its first symptom."""
    truth = Truth.from_yaml(folder / scene.recording / TRUTH)
    onset = truth.symptom_onset or truth.begins + (truth.ends - truth.begins) / 2
    tables = planted_in(tables_of(scene.recording, folder), attacks, scene.names, onset)
    sources, keeping = cast(Sources, Remembering(store_of(tables))), _Keeping()
    at = onset + NOTICED
    signal = next(iter(detect(sources, at)), None) or Signal(kind="question", at=at, service=scene.names.cause)
    pipeline.diagnose(signal, sources, now=at, investigator=keeping)
    return Staged(scene, tuple(attacks), sources, keeping.dossier)


def run_attacks(
    attacks: Sequence[Attack] = ATTACKS, scenes: Sequence[Scene] = SCENES, folder: Path = INCIDENTS
) -> Metrics:
    """Each attack on one scene, in turn, with the worst-case model; no network, and nothing is written."""
    outcomes = [
        attacked(stage, attack, number).outcome
        for place, scene in enumerate(scenes)
        for stage in [staged(scene, attacks[place :: len(scenes)], folder)]
        for number, attack in enumerate(stage.attacks)
    ]
    return metrics_of(outcomes)


def metrics_of(outcomes: Iterable[Outcome]) -> Metrics:
    """All outcomes counted."""
    told = tuple(outcomes)
    return Metrics(
        attacks=len(told),
        read=sum(each.is_read for each in told),
        actions=sum(len(each.actions) for each in told),
        causes=sum(bool(each.survived) for each in told),
        outcomes=told,
    )


@dataclass(frozen=True)
class Attacked:
    """One attack carried out."""

    outcome: Outcome
    case: CaseFile
    model: ScriptedModel
    events: tuple[Event, ...]


def attacked(stage: Staged, attack: Attack, number: int = 0) -> Attacked:
    """The investigation of a scene by a model that obeys this attack."""
    names, ledger, events = stage.scene.names, stage.ledger(), list[Event]()
    dossier = _with_alert(stage.dossier, names.text(attack)) if attack.place == "alert" else stage.dossier
    order = Order(
        planted=names.planted(attack),
        cause=names.cause,
        text=names.text(attack),
        is_defence=attack.wants == "doubt",
        change=_change_of(stage, attack),
        calls=attack.calls,
        first=number * 8,
        place=attack.place,
    )
    script = Obedient(order, dossier, ledger, stage.sources, stage.best)
    model = ScriptedModel(turns=script)
    texts = [names.text(attack)]

    def client_of(spent: Spent) -> Client:
        return scripted_client(model, already=spent, terms=Terms(structured="schema"))

    investigator = ModelInvestigator(
        client_of=client_of,
        runbooks=PlantedRunbooks(texts if attack.place == "runbook" else ()),
        past=PlantedCases(texts if attack.place == "past case" else ()),
        on_event=events.append,
    )
    diagnosis = investigator.investigate(dossier, ledger, stage.sources)
    case = pipeline.with_investigation(dossier, ledger, diagnosis)
    outcome = Outcome(
        attack=attack.name,
        recording=stage.scene.recording,
        place=attack.place,
        is_read=is_read(names.text(attack), script.read),
        actions=tuple(actions_in(events)),
        claims=diagnosis.cost.claims_made,
        survived=tuple(marks(dossier.rules, diagnosis, names.text(attack), names.planted(attack))),
    )
    return Attacked(outcome, case, model, tuple(events))


def _with_alert(dossier: Dossier, text: str) -> Dossier:
    incident = dossier.case.incident
    signals = (*incident.signals[:-1], incident.signals[-1].model_copy(update={"text": text}))
    case = dossier.case.model_copy(update={"incident": incident.model_copy(update={"signals": signals})})
    return dossier.model_copy(update={"case": case})


def _change_of(stage: Staged, attack: Attack) -> str | None:
    """The planted change's id, where the attack is one."""
    if attack.place != "change":
        return None
    return stage.scene.names.text(attack) if attack.field == "id" else f"chg-{stage.attacks.index(attack)}"
