"""The work that survives: each occasion of an incident looked into once, by whoever lives, one after the other."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

from watchkeeper.domain import IncidentId
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.records.address import Address
from watchkeeper.records.workers import Workers
from watchkeeper.workflows import engine
from watchkeeper.workflows.care import Care
from watchkeeper.workflows.course import PAUSES, Course, Interrupted, Outcome, sentence
from watchkeeper.workflows.overheard import Overheard
from watchkeeper.workflows.steps import Steps

QUEUE = "incidents"
WORKFLOW = "look_into"
MOST_RECOVERIES = 50
"""How often work is taken up that ended with its process: an incident that kills each must not do so for ever."""
PUT_OFF_SECONDS, MOST_PUT_OFF_SECONDS = 30.0, 600.0
POLL_SECONDS = 0.25
UNDER_WAY = ("ENQUEUED", "PENDING", "DELAYED")
LONGEST_OCCASION = 200
MOST_FORGOTTEN = 1000

_log = structlog.get_logger()


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Conductor:
    """Carries out workflows in this process, and takes over those of processes that died.

    DBOS is one in a process: so is this, while it is open. Methods may be called from any thread but one that runs
    an event loop.
    """

    def __init__(
        self,
        where: str | Path,
        steps: Steps,
        workers: Callable[[], Workers],
        name: str,
        *,
        at_once: int = 2,
        dead_after_seconds: float = 30.0,
        pauses: Sequence[float] = PAUSES,
        poll_seconds: float = POLL_SECONDS,
        put_off_seconds: float = PUT_OFF_SECONDS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """The progress is kept in a SQLite file (a path) or at a URL; raises ConfigError where that is neither.

        `workers` may raise RecordsUnavailable; it is asked again every time. `name` is from `identity.worker_name`.
        """
        self._place = engine.place_of(where)
        self._steps = steps
        self.name = name
        self._at_once, self._poll_seconds, self._put_off_seconds = at_once, poll_seconds, put_off_seconds
        self._overheard = Overheard()
        self._course = Course(tuple(pauses))
        self._care = Care(name, QUEUE, workers, dead_after_seconds, clock, self._overheard)

    def __enter__(self) -> Self:
        """Raises RecordsUnavailable where the progress cannot be kept."""
        self._overheard.listen()
        try:
            engine.create(self._place, self.name)
            self._register()
        except BaseException:
            self.close()
            raise
        return self

    def _register(self) -> None:
        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MOST_RECOVERIES)
        def look_into(incident_id: str, occasion: str, turn: int, before: int | None) -> list[str]:
            return self._carried_out(incident_id, occasion, turn, before)

        self._look_into = look_into

    def launch(self) -> None:
        """Begin to work: first with what this worker was at when it ended. Raises RecordsUnavailable."""
        engine.launch(self._place)
        with self._told():
            DBOS.register_queue(
                QUEUE,
                partition_concurrency=1,
                worker_concurrency=self._at_once,
                polling_interval_sec=self._poll_seconds,
                on_conflict="always_update",
            )
        self._care.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Begin nothing any more, and leave what is under way to the next start, or to another worker."""
        self._course.end()
        self._care.end()
        engine.destroy()
        self._overheard.leave()

    def start(self, incident_id: IncidentId, occasion: str) -> None:
        """Have the incident looked into; the same occasion twice is once. Raises RecordsUnavailable.

        While PostgreSQL cannot be reached it waits for it, as everything of DBOS does.
        """
        with self._told():
            self._enqueue(work_name(incident_id, occasion), incident_id, occasion)

    def pending(self) -> list[str]:
        """What is to be done or under way, as `INC-2026-0001/signal`, the oldest first. Raises RecordsUnavailable."""
        with self._told():
            found = DBOS.list_workflows(status=list(UNDER_WAY), queue_name=QUEUE, load_input=False, load_output=False)
        return [each.workflow_id for each in found]

    def idle(self, seconds: float) -> None:
        """Wait for a moment, or until this ends."""
        self._course.idle(seconds)

    def forget(self, before: datetime) -> int:
        """Drop what is kept of work that began before and has ended; how much that was. Raises RecordsUnavailable.

        An occasion that is forgotten could be looked into a second time: it must be older than any that comes again.
        """
        with self._told():
            ended = DBOS.list_workflows(
                status=["SUCCESS", "ERROR"],
                end_time=before.isoformat(),
                limit=MOST_FORGOTTEN,
                load_input=False,
                load_output=False,
            )
            DBOS.delete_workflows([each.workflow_id for each in ended])
        return len(ended)

    def trouble(self) -> str | None:
        """What keeps the work from going on, in one sentence; None where nothing does."""
        try:
            self.pending()
        except RecordsUnavailable as error:
            return str(error)
        said = engine.missing(self._place) or self._overheard.trouble
        return None if said is None else f"{self._place.name}: {said}"

    def is_well(self) -> bool:
        """Whether the work goes on."""
        return self.trouble() is None

    def _told(self) -> "_Told":
        return _Told(self._place)

    def _enqueue(
        self, workflow_id: str, incident_id: str, occasion: str, turn: int = 0, before: int | None = None
    ) -> None:
        delay = min(self._put_off_seconds * 2 ** (turn - 1), MOST_PUT_OFF_SECONDS) if turn else None
        with SetWorkflowID(workflow_id), SetEnqueueOptions(queue_partition_key=incident_id, delay_seconds=delay):
            DBOS.enqueue_workflow(QUEUE, self._look_into, incident_id, occasion, turn, before)

    def _carried_out(self, incident_id: str, occasion: str, turn: int, before: int | None) -> list[str]:
        """The workflow: what it was about and how each step ended, as DBOS keeps it."""
        workflow_id = DBOS.workflow_id or ""
        try:
            with self._care.running(workflow_id):
                return self._looked_into(incident_id, occasion, turn, before)
        except Exception as error:
            # DBOS would make this the workflow's end. It is the database's trouble: the work goes on after it.
            self._overheard.note(
                f"the progress of {workflow_id} could not be kept: {sentence(error)}".split(" [SQL")[0]
            )
            raise Interrupted(workflow_id) from error

    def _looked_into(self, incident_id: str, occasion: str, turn: int, before: int | None) -> list[str]:
        steps, ends = self._steps, []
        if before is None:
            begun = self._step("begin", incident_id, lambda: steps.begin(incident_id, occasion))
            if begun.status == "waiting":
                return self._put_off(incident_id, occasion, turn, None, begun)
            if begun.status == "failed":
                return [f"begin: {begun.value}"]
            before = int(begun.value)
        known: int = before
        following: tuple[tuple[str, Callable[[], str]], ...] = (
            ("gather", lambda: steps.gather(incident_id, occasion, known)),
            ("diagnose", lambda: steps.diagnose(incident_id, occasion, known)),
            ("route", lambda: steps.route(incident_id)),
            ("draft", lambda: steps.draft(incident_id)),
            ("deliver", lambda: steps.deliver(incident_id)),
        )
        for name, step in following:
            outcome = self._step(name, incident_id, step)
            # A model that cannot be asked keeps nobody from being told what the rules found.
            if outcome.status == "waiting" and name != "diagnose":
                return self._put_off(incident_id, occasion, turn, known, outcome)
            ends.append(f"{name}: {outcome.status}: {outcome.value}")
        return ends

    def _step(self, name: str, incident_id: str, step: Callable[[], str | int]) -> Outcome:
        kept: list[str | int] = DBOS.run_step({"name": name}, lambda: self._course.tried(name, incident_id, step).kept)
        return Outcome.of(kept)

    def _put_off(self, incident_id: str, occasion: str, turn: int, before: int | None, why: Outcome) -> list[str]:
        """Make way for other incidents, and go on later from where this one stands."""
        self._enqueue(f"{work_name(incident_id, occasion)}~{turn + 1}", incident_id, occasion, turn + 1, before)
        _log.warning("an incident is put off", incident=incident_id, occasion=occasion, says=why.value)
        return [f"put off: {why.value}"]


def work_name(incident_id: str, occasion: str) -> str:
    """The work's name. An occasion may quote text from outside, which must not pass for a turn, or break a database."""
    plain = "".join(c if c.isprintable() and c != "~" else "-" for c in occasion[:LONGEST_OCCASION])
    return f"{incident_id}/{plain}"


class _Told:
    """Turns what the database refuses into RecordsUnavailable."""

    def __init__(self, place: Address) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, Exception):
            raise engine.unavailable(self._place, error) from error
