"""Questions answered with these settings: the cases that are kept, the sources, and what must not leave taken out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from watchkeeper import catalogue, pipeline
from watchkeeper.assembly import cases
from watchkeeper.assembly.sources import Say, latest
from watchkeeper.chat.answering import Turn, answer
from watchkeeper.chat.conversation import Conversation
from watchkeeper.chat.desk import Desk, LookedAgain, Runbooks, Teller
from watchkeeper.chat.understanding import Understanding
from watchkeeper.domain import CaseFile, IncidentId, Signal
from watchkeeper.errors import QueryRejected, RecordsUnavailable, SourceUnavailable
from watchkeeper.redaction import redact
from watchkeeper.settings import Settings
from watchkeeper.telemetry.sources import Answer, Cancel, Sources

if TYPE_CHECKING:
    # LangChain takes a second to import: only what asks a model does so.
    from watchkeeper.agents.client import Client

Engine = Literal["rules", "model"]
Minds = tuple[Understanding | None, Teller | None]
LATEST_CASES = 10
"""How many of the latest cases are looked through for one of the live store."""


@dataclass(frozen=True)
class Chat:
    """Answers questions about some sources."""

    settings: Settings
    sources: Sources
    is_recording: bool = False
    at: datetime | None = None
    """The moment that questions are asked at; None: now, or the end of a recording."""
    zone: tzinfo = UTC
    runbooks: Runbooks | None = None
    understanding: Understanding | None = None
    teller: Teller | None = None
    engine: Engine = "rules"
    """Who reads questions that the rules cannot, and tells what was found; the evidence is the same."""
    client_of: "Callable[[], Client] | None" = None
    """What opens the model of one question; None: as the settings say."""

    def by(self, engine: Engine) -> Self:
        """The same, with questions read and answers told by that engine."""
        return replace(self, engine=engine)

    def answer(
        self,
        question: str,
        conversation: Conversation,
        *,
        service: str | None = None,
        at: datetime | None = None,
        say: Say = lambda _: None,
        cancel: Cancel | None = None,
    ) -> Turn:
        """One answer, what must not leave taken out; raises as `chat.answering.answer` does."""
        cases.require_configuration(self.settings)
        stop = cancel or Cancel()
        sources = _stoppable(self.sources, stop)
        now = self._now(at or self.at)
        with self._minds(stop, say) as (understanding, teller):
            desk = Desk(
                sources=sources,
                cases=KeptCases(self.settings, sources, say, now, self.is_recording, stop),
                readings=pipeline.READINGS,
                now=now,
                catalogue=catalogue.load(self.settings.home),
                is_recording=self.is_recording,
                zone=self.zone,
                runbooks=self.runbooks,
                understanding=understanding,
                teller=teller,
                say=say,
                cancel=stop,
            )
            turn = answer(question, conversation, desk, service)
        _unless_cancelled(stop)
        return self._redacted(turn)

    @contextmanager
    def _minds(self, cancel: Cancel, say: Say) -> Iterator[Minds]:
        """Who reads and tells one question beside the rules; both of a model's parts share its budget."""
        if self.engine == "rules":
            yield self.understanding, self.teller
            return
        from watchkeeper.agents.asking import Session, limits_of_a_question
        from watchkeeper.agents.endpoint import clean_of, open_client
        from watchkeeper.chat.with_model import ModelTeller, ModelUnderstanding

        clean = clean_of(self.settings.redaction)
        opened = partial(open_client, self.settings, limits=limits_of_a_question(self.settings.model))
        with Session(self.client_of or opened, lambda: cancel.is_cancelled) as session:
            yield ModelUnderstanding(session, say, clean), ModelTeller(session, self._case, say, clean)

    def _case(self, case_id: IncidentId) -> CaseFile | None:
        """The case as it is kept; None where it is not."""
        try:
            return cases.case(self.settings, case_id)
        except (QueryRejected, RecordsUnavailable):
            return None

    def _now(self, at: datetime | None) -> datetime:
        if not self.is_recording:
            return min(at or datetime.now(UTC), datetime.now(UTC))
        end = latest(self.sources)
        return min(at, end) if at is not None else end

    def _redacted(self, turn: Turn) -> Turn:
        wanted = self.settings.redaction
        if not wanted.enabled:
            return turn
        clean = partial(redact, ip_addresses=wanted.ip_addresses, extra_patterns=wanted.extra_patterns)
        return turn.model_copy(update={"reply": turn.reply.cleaned(clean)})


@dataclass(frozen=True)
class KeptCases:
    """Diagnoses by the pipeline, kept in the records and in folders, as `watchkeeper diagnose` keeps them."""

    settings: Settings
    sources: Sources
    say: Say
    now: datetime
    is_recording: bool = False
    cancel: Cancel = field(default_factory=Cancel)

    def diagnose(self, service: str | None, at: datetime) -> CaseFile:
        """A new case, kept."""
        signal = Signal(kind="question", at=at, service=service)
        made = cases.diagnose(self.settings, signal, self.sources, self.say, is_recording=self.is_recording, until=at)
        return self._save(made)

    def again(self, case: CaseFile) -> LookedAgain:
        """The case with one more diagnosis, kept."""
        # As much as the first diagnosis saw: of a recording, all of it.
        lag = timedelta(seconds=self.settings.diagnosis.lag_seconds if self.is_recording else 0.0)
        looked = cases.diagnose_again(self.settings, case, self.sources, self.say, why="request", now=self.now + lag)
        kept = self._save(looked)
        found = kept.latest
        is_over = found is not None and (found.status == "nothing-wrong" or pipeline.NO_MORE in found.changed)
        return LookedAgain(kept, is_over)

    def kept(self, case_id: IncidentId | None) -> CaseFile | None:
        """That case, of these sources; without an id the latest of the live store, which a recording has none of."""
        if case_id is None:
            return None if self.is_recording else self._latest()
        found = cases.case(self.settings, case_id)
        if found.incident.is_recorded != self.is_recording:
            kind = "a recording: name it with --from" if found.incident.is_recorded else "the live store"
            raise QueryRejected(f"{case_id} was diagnosed from {kind}")
        cases.require_same_telemetry(found, self.sources)
        return found

    def keep(self, case: CaseFile) -> CaseFile:
        """The case with what was added to it."""
        return self._save(cases.redacted(self.settings, case))

    def _save(self, case: CaseFile) -> CaseFile:
        _unless_cancelled(self.cancel)
        cases.save_case(self.settings, case, self.say)
        try:
            return cases.case(self.settings, case.incident.id)
        except (QueryRejected, RecordsUnavailable):
            return case

    def _latest(self) -> CaseFile | None:
        try:
            with cases.open_records(self.settings) as records:
                listed = records.cases(LATEST_CASES)
                found = (records.case(each.incident_id) for each in listed)
                return next((case for case in found if not case.incident.is_recorded), None)
        except RecordsUnavailable as error:
            self.say(f"{error}; the latest case is not known")
            return None


def _unless_cancelled(cancel: Cancel) -> None:
    """Raise SourceUnavailable where nobody waits any more: what was cut short is no diagnosis and is not kept."""
    if cancel.is_cancelled:
        raise SourceUnavailable("the question was cancelled")


class _Stoppable:
    """Sources whose every question ends when the one who asked has gone."""

    def __init__(self, sources: Sources, cancel: Cancel) -> None:
        self._sources, self._cancel = sources, cancel

    def __getattr__(self, name: str) -> object:
        method = getattr(self._sources, name)

        # Evidence keeps the method's name, so that it can be asked again.
        @wraps(method)
        def ask(query: Any, cancel: Cancel | None = None) -> Answer:
            answered: Answer = method(query, cancel or self._cancel)
            return answered

        return ask


def _stoppable(sources: Sources, cancel: Cancel) -> Sources:
    return cast(Sources, _Stoppable(sources, cancel))
