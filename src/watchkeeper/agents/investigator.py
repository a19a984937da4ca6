"""Whoever looks further than the rules with a language model: one investigation, from a dossier to a diagnosis."""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from langchain_core.runnables import RunnableConfig
from langgraph.types import Durability

from watchkeeper.agents.briefing import briefing, characters_for
from watchkeeper.agents.cards import Cards, load
from watchkeeper.agents.checkpoints import Checkpoints, opened, thread_of
from watchkeeper.agents.client import Client, untraced
from watchkeeper.agents.events import Event, Finished, Started, Trouble, line
from watchkeeper.agents.graph import graph_of
from watchkeeper.agents.journal import Journal
from watchkeeper.agents.meter import Spent
from watchkeeper.agents.state import Context, GraphKind, Input, State
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.diagnosis.joining import join
from watchkeeper.domain import CaseFile, Cost, Diagnosis, Evidence
from watchkeeper.errors import ModelUnavailable, RecordsUnavailable
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.telling import CHARACTERS, Clean
from watchkeeper.evidence.toolbox import PastCases, Runbooks, Toolbox
from watchkeeper.evidence.tools import tools_of
from watchkeeper.redaction import redact
from watchkeeper.telemetry.sources import Sources

STEPS = 400
"""More than any investigation takes: its own limits end it before."""
SMALL_CONTEXT, SMALL_CHARACTERS = 12_000, 1000
"""A model that holds less than so many tokens is told shorter pieces of evidence."""
LEAST_ROOM = 1024
OCCASION = "investigation"
"""Of the diagnoses that `join` makes."""
COUNTED = 0.7
"""Share of the context that we fill by our count of four characters a token: digits, ids and frames come to three."""
UNREADABLE = (ValueError, TypeError, LookupError, sqlite3.Error)
"""What the serializer, the graph and the nouns raise for bytes that are not what was written."""


@dataclass
class ModelInvestigator:
    """Implements `diagnosis.dossier.Investigator`; whatever the model does, there is a diagnosis."""

    client_of: Callable[[Spent], Client]
    """Opens the model; given what an earlier part of the same investigation spent. May raise ModelUnavailable."""
    graph: GraphKind = "single"
    checkpoints: Path | None = None
    """The file in which investigations are kept while they go on; None keeps nothing."""
    runbooks: Runbooks | None = None
    past: PastCases | None = None
    on_event: Callable[[Event], None] = lambda _: None
    context_tokens: int = 32768
    clean: Clean = redact
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    """For how long ago an investigation began; nothing is diagnosed by it."""
    cards: Cards = field(default_factory=load)

    def investigate(self, dossier: Dossier, ledger: Ledger, sources: Sources) -> Diagnosis:
        """The diagnosis after looking further. An investigation of this dossier that was stopped goes on where it was.

        Never raises for a model that fails, nor for a file of checkpoints that cannot be used.
        """
        # As a checkpoint would give it back: so it makes no difference whether the investigation was stopped.
        dossier = Dossier.model_validate_json(dossier.model_dump_json())
        trouble: list[str] = []
        with ExitStack() as stack:
            stack.enter_context(untraced())
            kept = self._kept(dossier, stack, trouble)
            diagnosis = self._carried_out(_Files(dossier, ledger, sources, kept), trouble)
            if kept is not None:
                kept.finish(thread_of(dossier))
                diagnosis = _with_failure(diagnosis, kept)
        self.on_event(Finished(incident=dossier.case.incident.id, status=diagnosis.status, cost=diagnosis.cost))
        return diagnosis

    def unfinished(self, incident_id: str) -> Dossier | None:
        """What an investigation of the incident that was stopped began with: give it to `investigate` to go on.

        None where there is none, or where what was kept cannot be read.
        """
        return self._read(lambda kept: kept.unfinished(incident_id))

    def missing(self, case: CaseFile) -> Dossier | None:
        """What an investigation of the case began with whose diagnosis it has not: it was stopped, or not yet kept.

        Give it to `investigate`, which goes on, or says again what was found. None as for `unfinished`.
        """

        def read(kept: Checkpoints) -> Dossier | None:
            dossier = kept.latest(case.incident.id)
            if dossier is None or _has_end(case, dossier):
                return None
            kept.reopen(thread_of(dossier))
            return dossier

        return self._read(read)

    def _read(self, read: Callable[[Checkpoints], Dossier | None]) -> Dossier | None:
        if self.checkpoints is None or not self.checkpoints.exists():
            return None
        try:
            with opened(self.checkpoints, self.clean) as kept:
                return read(kept)
        except RecordsUnavailable as error:
            self.on_event(Trouble(text=line(str(error))))
            return None

    def forget(self, older_than: datetime) -> int:
        """Drop what is kept of investigations that began before; how many there were. Raises RecordsUnavailable."""
        if self.checkpoints is None or not self.checkpoints.exists():
            return 0
        with opened(self.checkpoints, self.clean) as kept:
            return kept.forget(older_than)

    def _kept(self, dossier: Dossier, stack: ExitStack, trouble: list[str]) -> Checkpoints | None:
        """The file of checkpoints with a thread for this dossier, open or new; None where it cannot be used."""
        if self.checkpoints is None:
            return None
        try:
            kept = stack.enter_context(opened(self.checkpoints, self.clean))
            if not kept.is_open(dossier):
                kept.begin(dossier, self.clock())
        except RecordsUnavailable as error:
            self._note(f"the investigation is not kept on its way: {error}", trouble)
            return None
        return kept

    def _note(self, text: str, trouble: list[str]) -> None:
        note = line(self.clean(text))
        self.on_event(Trouble(text=note))
        trouble.append(note)

    def _carried_out(self, files: "_Files", trouble: list[str]) -> Diagnosis:
        """From the begin, or from where it was stopped."""
        files, before = self._before(files, trouble)
        if before.get("diagnosis"):
            return Diagnosis.model_validate_json(before["diagnosis"])
        try:
            client = self.client_of(Spent.model_validate(before.get("spent", {})))
        except ModelUnavailable as error:
            self._note(f"the model cannot be asked: {error}; this is the rules' diagnosis", trouble)
            return join(files.dossier, None, None, notes=trouble, cost=_nothing(files.dossier), at=files.dossier.now)
        if files.journal is not None:
            client.models = files.journal.listening(client.models)
        with client:
            self._tell_started(files.dossier, client, before)
            context = self._context(files, client)
            begin = Input(graph=self.graph, spent=client.spent.model_dump(), trouble=trouble)
            last = _run(files, context, None if before else begin)
        return Diagnosis.model_validate_json(last["diagnosis"])

    def _before(self, files: "_Files", trouble: list[str]) -> tuple["_Files", State]:
        """What was known where the investigation was stopped, with its evidence in the ledger again; empty if new."""
        if files.kept is None:
            return files, {}
        try:
            journal = files.kept.journal(files.dossier)
            state = cast(State, graph_of(files.kept.saver).get_state(files.config).values)
            if state:
                _restore(state, files)
        except UNREADABLE as error:
            self._note(f"what was kept of the investigation cannot be read, it begins anew: {error}", trouble)
            return self._anew(files, files.kept), {}
        return replace(files, journal=journal), state

    def _anew(self, files: "_Files", kept: Checkpoints) -> "_Files":
        try:
            kept.begin(files.dossier, self.clock())
            return replace(files, journal=kept.journal(files.dossier))
        except (RecordsUnavailable, *UNREADABLE):
            return replace(files, kept=None)

    def _tell_started(self, dossier: Dossier, client: Client, before: State) -> None:
        graph = before.get("graph", self.graph)
        model = line(client.name_of("investigator" if graph == "single" else "specialist"))
        incident = dossier.case.incident.id
        self.on_event(Started(incident=incident, graph=graph, model=model, is_resumed=bool(before)))

    def _context(self, files: "_Files", client: Client) -> Context:
        dossier, ledger = files.dossier, files.ledger
        is_small = self.context_tokens < SMALL_CONTEXT
        box = Toolbox(
            ledger,
            files.sources,
            dossier.usual,
            dossier.incident,
            frozenset(dossier.components),
            runbooks=self.runbooks,
            past=self.past,
            characters=SMALL_CHARACTERS if is_small else CHARACTERS,
            clean=self.clean,
            until=dossier.now,
        )
        return Context(
            dossier=dossier,
            ledger=ledger,
            sources=files.sources,
            client=client,
            cards=self.cards,
            tools={tool.name: tool for tool in tools_of(box, self._tool_names())},
            room=max(LEAST_ROOM, int((self.context_tokens - client.terms.output_tokens) * COUNTED)),
            briefing=lambda: briefing(dossier, ledger.evidence, characters_for(self.context_tokens), self.clean),
            tell=self.on_event,
            clean=self.clean,
        )

    def _tool_names(self) -> list[str]:
        """The tools of all cards that can answer here."""
        absent = {"runbooks"} if self.runbooks is None else set()
        absent |= {"past_cases"} if self.past is None else set()
        return sorted({name for card in self.cards.values() for name in card.tools} - absent)


@dataclass(frozen=True)
class _Files:
    """What one investigation is about, and where it is kept."""

    dossier: Dossier
    ledger: Ledger
    sources: Sources
    kept: Checkpoints | None
    journal: Journal | None = None

    @property
    def config(self) -> RunnableConfig:
        """Which thread the graph runs on."""
        return {"configurable": {"thread_id": thread_of(self.dossier)}, "recursion_limit": STEPS}


def _run(files: _Files, context: Context, begin: Input | None) -> State:
    """The graph to its end; each step is kept before the next one begins."""
    graph = graph_of(files.kept.saver if files.kept else None)
    durability: Durability | None = "sync" if files.kept else None
    last: State = {}
    for state in graph.stream(begin, files.config, context=context, stream_mode="values", durability=durability):
        last = cast(State, state)
    return last


def _restore(state: State, files: _Files) -> None:
    """Have the ledger go on from the evidence that tools had added."""
    added = [Evidence.model_validate_json(text) for text in state.get("evidence", [])]
    known = {entry.id: entry for entry in (*files.ledger.evidence, *files.dossier.case.evidence, *added)}
    entries = sorted(known.values(), key=lambda entry: int(entry.id[1:]))
    files.ledger.adopt(entries, Recheck(entries, files.sources, files.ledger.readings))


def _has_end(case: CaseFile, dossier: Dossier) -> bool:
    """Whether the case got the diagnosis of an investigation that began with this dossier."""
    since = case.diagnoses[len(dossier.case.diagnoses) :]
    return any(each.occasion == OCCASION and each.at == dossier.now for each in since)


def _nothing(dossier: Dossier) -> Cost:
    return dossier.rules.cost.model_copy(update={"engine": "model"})


def _with_failure(diagnosis: Diagnosis, kept: Checkpoints) -> Diagnosis:
    if kept.saver.failure is None:
        return diagnosis
    note = f"the investigation could not be kept to its end: {line(kept.saver.failure)}"
    return diagnosis.model_copy(update={"notes": (*diagnosis.notes, note)})
