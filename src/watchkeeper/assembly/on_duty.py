"""A server on duty: alerts come in, work is carried out, what was approved leaves, and people see and decide."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from watchkeeper.assembly import health, planning
from watchkeeper.assembly.books import Books
from watchkeeper.assembly.cases import changes_known
from watchkeeper.assembly.delivering import delivery_policy, open_targets
from watchkeeper.assembly.duty import OnDuty, Runbooks
from watchkeeper.assembly.receiving import Received, Receiver
from watchkeeper.assembly.regained import Regained, all_answer, undecided_cases
from watchkeeper.assembly.sources import Say, with_prometheus
from watchkeeper.assembly.standing import Chore, Chores, Closing, Forgetting, Looks, due_cases, resolved_since
from watchkeeper.assembly.steps import IncidentSteps
from watchkeeper.assembly.topology import Topology
from watchkeeper.assembly.watching import SOURCE, Watch, look_at
from watchkeeper.delivery.target import Target
from watchkeeper.domain import INVESTIGATED, Alert, IncidentId, KeptAlert
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.settings import Settings
from watchkeeper.telemetry.sources import Sources
from watchkeeper.workflows.conductor import Conductor
from watchkeeper.workflows.dispatch import Dispatcher
from watchkeeper.workflows.identity import worker_name

LOOK_SECONDS, CLOSE_SECONDS, RECALL_SECONDS, FORGET_SECONDS, SEND_SECONDS = 5.0, 10.0, 60.0, 3600.0, 1.0
LISTED = 1000
OVER = ("resolved", "closed")
SYSTEM = "watchkeeper"
"""Who closes an incident that has been over for long, in the audit trail."""

_log = structlog.get_logger()


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Station:
    """A place on duty: what is asked, what is kept, who carries out the work."""

    settings: Settings
    store: Sources
    sources: Sources
    """What questions are answered from: the store, and what is asked beside it."""
    books: Books
    conductor: Conductor
    receiver: Receiver
    targets: Mapping[str, Target]
    runbooks: Runbooks
    plan: Callable[[IncidentId], int]
    """Puts what may leave about an incident into the outbox."""

    @property
    def duty(self) -> OnDuty:
        """What people see and do."""
        return OnDuty(
            self.books,
            look=self.conductor.start,
            plan=self.plan,
            runbooks=self.runbooks,
            needed=health.needed(self.books, self.conductor),
            wished=health.wished(self.settings, self.store, self.books, tuple(self.targets)),
            pending=self.conductor.pending,
            traces=self.sources,
        )

    def pending(self) -> int:
        """How much work is to be done or under way."""
        return len(self.conductor.pending())

    def on_received(self, received: Received) -> None:
        """Have incidents looked into that alerts opened or made worse, and tell the tickets of those that are over.

        What cannot be passed on now is kept: the chores find it.
        """
        try:
            for incident_id in received.investigate:
                its = [each for each in received.alerts if each.incident_id == incident_id]
                self.conductor.start(incident_id, occasion_of(its) or "signal")
            for incident_id in received.over:
                self.plan(incident_id)
        except RecordsUnavailable as error:
            _log.warning("alerts are kept, and looked into later", post=received.post, says=str(error))


def occasion_of(alerts: Iterable[KeptAlert]) -> str | None:
    """What an incident is looked into for: the first of its alerts that wants it; None where none does."""
    each = next((alert for alert in alerts if alert.outcome in INVESTIGATED), None)
    if each is None:
        return None
    return "signal" if each.outcome == "opened" else f"{each.outcome} {each.id}"


@contextmanager
def on_duty(
    settings: Settings, store: Sources, runbooks: Runbooks, say: Say, *, dry_run: bool = False
) -> Iterator[Station]:
    """Carry out work, watch, deliver, close, from `with` on; at its end what is under way is left to the next start.

    Raises ConfigError for configuration that cannot be read, RecordsUnavailable where nothing can be kept.
    """
    targets = open_targets(settings, dry_run)
    policy = delivery_policy(settings, dry_run)
    sources = with_prometheus(settings, store)
    with ExitStack() as stack:
        books = Books(settings, is_dry_run=dry_run)
        stack.callback(books.close)
        name = stack.enter_context(worker_name(settings.home))

        def plan(incident_id: IncidentId) -> int:
            return planning.plan_and_put(policy, books, incident_id)

        steps = IncidentSteps(settings, sources, lambda: books.records, say, plan_and_put=plan)
        conductor = stack.enter_context(conductor_of(settings, steps, books, name))
        conductor.launch()
        receiver = Receiver(settings, lambda: books.records, Topology(sources))
        station = Station(settings, store, sources, books, conductor, receiver, targets, runbooks, plan)
        stack.enter_context(Chores([*_chores(station), _delivery(station, name)]))
        yield station


def conductor_of(settings: Settings, steps: IncidentSteps, books: Books, name: str) -> Conductor:
    """Whoever carries out the work of these settings; not yet open."""
    chosen = settings.workflows
    return Conductor(
        settings.workflows_place,
        steps,
        lambda: books.workers,
        name,
        at_once=chosen.at_once,
        dead_after_seconds=chosen.dead_after_seconds,
    )


def _delivery(station: Station, name: str) -> Chore:
    books, patience = station.books, timedelta(seconds=station.settings.workflows.dead_after_seconds)
    dispatcher = Dispatcher(
        books.outbox,
        station.targets,
        utc_now,
        name,
        jitter=random.random,
        living=lambda: books.workers.living(utc_now() - patience),
        on_delivered=lambda kept: planning.note_delivery(books, kept),
    )
    return Chore("delivery", SEND_SECONDS, lambda _: dispatcher.send_due())


def _chores(station: Station) -> Iterator[Chore]:
    settings, books, conductor = station.settings, station.books, station.conductor
    looks = Looks(
        candidates=lambda now: due_cases(books.records, now),
        changes=lambda case, now: changes_known(station.sources, case, now),
        under_way=lambda: {each.partition("/")[0] for each in conductor.pending()},
        start=conductor.start,
    )
    regained = Regained(
        candidates=lambda now: undecided_cases(books.records, now),
        answers=lambda: all_answer(station.sources),
        under_way=looks.under_way,
        start=conductor.start,
    )
    closing = Closing(
        over_since=lambda before: resolved_since(books.records, before),
        close=lambda incident_id: _close(station, incident_id),
        after=timedelta(minutes=settings.alerts.close_after_minutes),
    )
    forgetting = Forgetting(
        lambda before: (books.alerts.forget(before), conductor.forget(before)),
        timedelta(days=settings.alerts.keep_days),
    )
    yield Chore("looks", LOOK_SECONDS, looks.tick)
    yield Chore("regained", LOOK_SECONDS, regained.tick)
    yield Chore("missed", RECALL_SECONDS, lambda now: _start_missed(station, now))
    yield Chore("recall", RECALL_SECONDS, lambda now: station.on_received(station.receiver.recall(now)))
    yield Chore("closing", CLOSE_SECONDS, closing.tick)
    yield Chore("forgetting", FORGET_SECONDS, forgetting.tick)
    if settings.watch.enabled:
        yield Chore("watch", settings.watch.every_seconds, _watch(station).tick)


def _watch(station: Station) -> Watch:
    def receive(alerts: Iterable[Alert]) -> None:
        station.on_received(station.receiver.notice(tuple(alerts), utc_now()))

    # The store alone: whatever else is asked is not asked every few seconds.
    look = look_at(station.settings, station.store)
    over_after = timedelta(minutes=station.settings.watch.over_after_minutes)
    return Watch(look, lambda: _firing(station.books), receive, over_after)


def _firing(books: Books) -> list[Alert]:
    """The alerts of our own watch that fire, by the records."""
    found: dict[str, Alert] = {}
    for summary in books.records.cases(limit=LISTED):
        if summary.state in OVER:
            continue
        for kept in books.alerts.latest(summary.incident_id, LISTED):
            if kept.alert.source == SOURCE:
                found.setdefault(kept.alert.fingerprint, kept.alert)
    return [alert for alert in found.values() if alert.status == "firing"]


def _start_missed(station: Station, now: datetime) -> None:
    """Start what was taken in and not passed on, as when a process died in between; what was started stays so."""
    for case in due_cases(station.books.records, now):
        since = case.latest.at if case.latest is not None else None
        its = station.books.alerts.latest(case.incident.id)
        if (why := occasion_of(a for a in its if since is None or a.received_at > since)) is not None:
            station.conductor.start(case.incident.id, why)


def _close(station: Station, incident_id: IncidentId) -> None:
    # Planned once more: a process may have died between the incident's end and its ticket's.
    station.plan(incident_id)
    station.books.decisions.move(incident_id, "closed", SYSTEM, "it has been over for long enough")
