"""A server on duty: alerts come in, work is carried out, what was approved leaves, and people see and decide."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from watchkeeper.assembly import planning
from watchkeeper.assembly.books import Books
from watchkeeper.assembly.cases import changes_known
from watchkeeper.assembly.delivering import delivery_policy, open_targets
from watchkeeper.assembly.duty import OnDuty, Runbooks
from watchkeeper.assembly.parts import Check
from watchkeeper.assembly.receiving import Received, Receiver
from watchkeeper.assembly.sources import Say, prometheus_of, with_prometheus
from watchkeeper.assembly.standing import Chore, Chores, Closing, Forgetting, Looks, due_cases, resolved_since
from watchkeeper.assembly.steps import IncidentSteps
from watchkeeper.assembly.topology import Topology
from watchkeeper.assembly.watching import SOURCE, Watch, look_at
from watchkeeper.domain import INVESTIGATED, Alert, IncidentId, KeptAlert
from watchkeeper.errors import StoreUnavailable
from watchkeeper.settings import Settings
from watchkeeper.telemetry.sources import ExtentQuery, Sources
from watchkeeper.workflows.conductor import Conductor
from watchkeeper.workflows.dispatch import Dispatcher
from watchkeeper.workflows.identity import worker_name

LOOK_SECONDS, CLOSE_SECONDS, RECALL_SECONDS, FORGET_SECONDS, SEND_SECONDS = 5.0, 10.0, 60.0, 3600.0, 1.0
LISTED = 1000
OVER = ("resolved", "closed")
SYSTEM = "watchkeeper"
"""Who closes an incident that has been over for long, in the audit trail."""


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Station:
    """What a server shows and takes in while it is on duty."""

    books: Books
    sources: Sources
    """What questions are answered from: the store, and what is asked beside it."""
    receiver: Receiver
    duty: OnDuty
    on_received: Callable[[Received], None]
    """To be told of each body of alerts, once it is durable."""
    pending: Callable[[], int]
    """How much work is to be done or under way."""


@contextmanager
def on_duty(
    settings: Settings, store: Sources, runbooks: Runbooks, say: Say, *, dry_run: bool = False
) -> Iterator[Station]:
    """Carry out work, watch, deliver, close, from `with` on; at its end what is under way is left to the next start.

    Raises ConfigError for configuration that cannot be read, RecordsUnavailable where nothing can be kept.
    """
    targets = open_targets(settings, dry_run)
    sources = with_prometheus(settings, store)
    with ExitStack() as stack:
        books = Books(settings)
        stack.callback(books.close)
        name = stack.enter_context(worker_name(settings.home))

        def plan(incident_id: IncidentId) -> int:
            return planning.plan_and_put(delivery_policy(settings, dry_run), books, incident_id)

        steps = IncidentSteps(settings, sources, lambda: books.records, say, plan_and_put=plan)
        conductor = stack.enter_context(conductor_of(settings, steps, books, name))
        conductor.launch()
        receiver = Receiver(settings, lambda: books.records, Topology(sources))
        watch = _watch(settings, store, books, receiver, lambda received: passed_on(received, conductor, plan))
        dispatcher = Dispatcher(
            books.outbox,
            targets,
            utc_now,
            name,
            jitter=random.random,
            living=lambda: books.workers.living(utc_now() - timedelta(seconds=settings.workflows.dead_after_seconds)),
            on_delivered=lambda kept: planning.note_delivery(books, kept),
        )
        chores = _chores(settings, sources, books, receiver, conductor, plan, dispatcher)
        if settings.watch.enabled:
            chores.append(Chore("watch", settings.watch.every_seconds, watch.tick))
        stack.enter_context(Chores(chores))
        duty = OnDuty(
            books,
            look=conductor.start,
            plan=plan,
            runbooks=runbooks,
            needed=_needed(books, store, conductor),
            wished=_wished(settings, targets),
        )
        yield Station(
            books=books,
            sources=sources,
            receiver=receiver,
            duty=duty,
            on_received=lambda received: passed_on(received, conductor, plan),
            pending=lambda: len(conductor.pending()),
        )


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


def passed_on(received: Received, conductor: Conductor, plan: Callable[[IncidentId], object]) -> None:
    """Have incidents looked into that alerts opened or made worse, and tell the ticket of those that are over."""
    for incident_id in received.investigate:
        its = [each for each in received.alerts if each.incident_id == incident_id]
        conductor.start(incident_id, _occasion(its) or "signal")
    for incident_id in received.over:
        plan(incident_id)


def _occasion(alerts: Iterable[KeptAlert]) -> str | None:
    """What an incident is looked into for: the first of its alerts that wants it; None where none does."""
    each = next((alert for alert in alerts if alert.outcome in INVESTIGATED), None)
    if each is None:
        return None
    return "signal" if each.outcome == "opened" else f"{each.outcome} {each.id}"


def _watch(
    settings: Settings, sources: Sources, books: Books, receiver: Receiver, on_received: Callable[[Received], None]
) -> Watch:
    def receive(alerts: Iterable[Alert]) -> None:
        on_received(receiver.notice(tuple(alerts), utc_now()))

    over_after = timedelta(minutes=settings.watch.over_after_minutes)
    return Watch(look_at(settings, sources), lambda: _firing(books), receive, over_after)


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


def _chores(
    settings: Settings,
    sources: Sources,
    books: Books,
    receiver: Receiver,
    conductor: Conductor,
    plan: Callable[[IncidentId], object],
    dispatcher: Dispatcher,
) -> list[Chore]:
    looks = Looks(
        candidates=lambda now: due_cases(books.records, now),
        changes=lambda case, now: changes_known(sources, case, now),
        under_way=lambda: {each.partition("/")[0] for each in conductor.pending()},
        start=conductor.start,
    )

    def missed(now: datetime) -> None:
        """Start what was taken in and not passed on, as when a process died in between."""
        for case in due_cases(books.records, now):
            since = case.latest.at if case.latest is not None else None
            its = [a for a in books.alerts.latest(case.incident.id) if since is None or a.received_at > since]
            if (why := _occasion(its)) is not None:
                conductor.start(case.incident.id, why)

    def close(incident_id: IncidentId) -> None:
        # Planned once more: a process may have died between the incident's end and its ticket's.
        plan(incident_id)
        books.decisions.move(incident_id, "closed", SYSTEM, "it has been over for long enough")

    closing = Closing(
        over_since=lambda before: resolved_since(books.records, before),
        close=close,
        after=timedelta(minutes=settings.alerts.close_after_minutes),
    )
    forgetting = Forgetting(lambda before: books.alerts.forget(before), timedelta(days=settings.alerts.keep_days))
    return [
        Chore("looks", LOOK_SECONDS, looks.tick),
        Chore("missed", RECALL_SECONDS, missed),
        Chore("delivery", SEND_SECONDS, lambda _: dispatcher.send_due()),
        Chore("closing", CLOSE_SECONDS, closing.tick),
        Chore("recall", RECALL_SECONDS, lambda now: passed_on(receiver.recall(now), conductor, plan)),
        Chore("forgetting", FORGET_SECONDS, forgetting.tick),
    ]


def _needed(books: Books, store: Sources, conductor: Conductor) -> Mapping[str, Check]:
    def records() -> str:
        books.decisions.mark()
        return f"cases are kept in {books.records.name}"

    def telemetry() -> str:
        tables = store.extent(ExtentQuery()).rows
        last = [time for time in tables["last"].to_pylist() if time]
        return f"the latest telemetry is of {max(last):%H:%M:%S %Z}" if last else "no telemetry has come yet"

    def workflows() -> str:
        if (trouble := conductor.trouble()) is not None:
            raise StoreUnavailable(trouble)
        return f"{len(conductor.pending())} to be looked into"

    return {"records": records, "telemetry": telemetry, "workflows": workflows}


def _wished(settings: Settings, targets: Mapping[str, object]) -> Mapping[str, Check]:
    def watching() -> str:
        return f"looks every {settings.watch.every_seconds:g} s" if settings.watch.enabled else "is switched off"

    found: dict[str, Check] = {"watch": watching}
    if (asked := prometheus_of(settings)) is not None:
        found["prometheus"] = lambda: f"{asked.url} answers ({asked.version()})"
    found |= {name: partial(_leaves, name) for name in targets}
    return found


def _leaves(target: str) -> str:
    return "approved texts are written there" if target == "files" else "approved texts leave there"
