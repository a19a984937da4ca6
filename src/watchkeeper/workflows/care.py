"""That no work is left lying: signs of life, the work of the dead taken over, and what nobody is at taken up again."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from dbos import DBOS

from watchkeeper.errors import RecordsUnavailable
from watchkeeper.records.workers import Workers
from watchkeeper.workflows.course import sentence
from watchkeeper.workflows.overheard import Overheard

MOST_BEAT_SECONDS = 2.0
BEATS = 4
"""Signs of life within the time after which a worker counts as dead."""
LONGEST_DOUBT = 32
"""Beats before work that fell out of this process's hands again and again is taken up once more, at most."""


class Care:
    """What one worker does for the work of all, every few seconds, in a thread of its own."""

    def __init__(
        self,
        name: str,
        queue: str,
        workers: Callable[[], Workers],
        dead_after_seconds: float,
        clock: Callable[[], datetime],
        overheard: Overheard,
    ) -> None:
        self._name, self._queue = name, queue
        self._workers = workers
        self._dead_after = timedelta(seconds=dead_after_seconds)
        self._clock = clock
        self._overheard = overheard
        self._beat_seconds = min(MOST_BEAT_SECONDS, dead_after_seconds / BEATS)
        self._running: set[str] = set()
        self._lying: dict[str, int] = {}
        self._fallen: dict[str, int] = {}
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def running(self, workflow_id: str) -> Iterator[None]:
        """While a workflow runs in this process."""
        self._running.add(workflow_id)
        try:
            yield
        finally:
            self._running.discard(workflow_id)

    def start(self) -> None:
        """Say that this worker lives, and go on saying so."""
        self.once()
        self._thread = threading.Thread(target=self._go_on, name="workflow-care", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def once(self) -> None:
        """One round; what the databases refuse is said, and tried again in the next."""
        try:
            self._workers().beat(self._name, self._clock())
            under_way = DBOS.list_workflows(
                status="PENDING", queue_name=self._queue, load_input=False, load_output=False
            )
            self._take_over({each.executor_id for each in under_way if each.executor_id})
            self._take_up({each.workflow_id for each in under_way if each.executor_id == self._name})
        except Exception as error:  # noqa: BLE001  whatever it is, the next round must come
            said = str(error) if isinstance(error, RecordsUnavailable) else sentence(error).split(" [SQL:")[0]
            self._overheard.note(said)

    def _go_on(self) -> None:
        while not self._is_over.wait(self._beat_seconds):
            self.once()

    def _take_over(self, at_work: set[str]) -> None:
        """Give back to the queue what the dead were at; only one of several who do so at once does it."""
        since = self._clock() - self._dead_after
        living = self._workers().living(since) if at_work - {self._name} else frozenset()
        for name in at_work - living - {self._name}:
            # DBOS gives a workflow back only while the dead one still has it.
            DBOS._recover_pending_workflows([name])
        for name in self._workers().dead(since) - {self._name}:
            self._workers().gone(name)

    def _take_up(self, own: set[str]) -> None:
        """Give back what this worker has by the books and does not run: its progress could not be kept.

        Between being claimed and running lies a moment: what lies there in two rounds in a row, and in more the more
        often it fell out of hand, is not in it.
        """
        idle = own - self._running
        self._lying = {each: self._lying.get(each, 0) + 1 for each in idle}
        for workflow_id, rounds in list(self._lying.items()):
            if rounds > min(2 ** self._fallen.get(workflow_id, 0), LONGEST_DOUBT):
                self._fallen[workflow_id] = self._fallen.get(workflow_id, 0) + 1
                del self._lying[workflow_id]
                DBOS.resume_workflow(workflow_id, queue_name=self._queue)
        self._fallen = {each: times for each, times in self._fallen.items() if each in own}
