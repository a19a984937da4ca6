"""What alerts do to incidents within one transaction: opened, joined, made worse, ended, opened again."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from watchkeeper.domain import (
    INVESTIGATED,
    Alert,
    CaseFile,
    Incident,
    IncidentId,
    KeptAlert,
    Noun,
    Severity,
    Signal,
    Window,
)
from watchkeeper.intake.grouping import Grouping, Placement, is_settled
from watchkeeper.intake.noticing import signal_of
from watchkeeper.intake.standing import Standing, after, is_higher, told
from watchkeeper.settings import Settings

if TYPE_CHECKING:
    # SQLAlchemy is slow to import: only what takes alerts in does so.
    from watchkeeper.records.alerts import Concerned, Intake, Placed

BEFORE_SECONDS = 60.0
"""How long before the alert began an incident's window begins: rules fire late."""
OLDEST_HOURS = 24.0
"""An alert that began longer ago is taken as noticed when it came in: nobody looks at telemetry of last week."""


class Received(Noun):
    """What became of the alerts of one body, or of those that our own watch noticed."""

    post: int | None = None
    """The number of the body; None for our own watch."""
    alerts: tuple[KeptAlert, ...] = ()
    """In the order of the body."""
    investigate: tuple[IncidentId, ...] = ()
    """Incidents that are to be diagnosed now."""
    over: tuple[IncidentId, ...] = ()
    """Incidents whose last alert is over now."""
    truncated: int = 0
    """How many more alerts the sender left out, by its own account."""


class Work:
    """One transaction's alerts, placed one after the other: what the first does, the next one finds."""

    def __init__(self, settings: Settings, intake: "Intake", grouping: Grouping) -> None:
        self._settings, self._intake, self._grouping, self._now = settings, intake, grouping, grouping.now
        self._standings: dict[IncidentId, Standing] = {}
        self._before: dict[IncidentId, Standing] = {}
        self._signals: dict[IncidentId, list[Signal]] = defaultdict(list)
        self._severity: dict[IncidentId, Severity | None] = {}
        self._why: dict[IncidentId, str] = {}
        self._placed: list[tuple[int, Placed]] = []
        self._touched: dict[IncidentId, int] = {}
        self._knows_all = False

    def know(self, alerts: Sequence[Alert]) -> None:
        """Look up the incidents that had any of these."""
        self._learn(self._intake.with_fingerprints({alert.fingerprint for alert in alerts}))

    def place(self, alert: Alert, number: int = 0, is_known: bool = False) -> None:
        """Let an alert do what it does; `number` says of which body it is.

        One that was looked at before does nothing, unless that is something else now.
        """
        from watchkeeper.records.alerts import Placed

        if not self._knows_all and not is_settled(alert, self._standings.values()):
            limits = self._settings.alerts
            minutes = max(limits.join_minutes, limits.close_after_minutes)
            self._learn(self._intake.of_late(self._now - timedelta(minutes=minutes), self._standings))
            self._knows_all = True
        placement = self._grouping.place(alert, self._standings.values())
        if is_known and placement.outcome in ("cooled", "repeated"):
            return
        incident_id = self._open(alert) if placement.outcome == "opened" else placement.incident_id
        if incident_id is not None:
            self._do(alert, placement, incident_id)
            self._touched[incident_id] = number
        self._placed.append((number, Placed(alert, placement.outcome, incident_id, placement.reason)))

    def done(self, posts: Sequence[int | None]) -> list[Received]:
        """Write what the alerts did: the answer to each body, given the number under which that is kept."""
        over: dict[int, list[IncidentId]] = defaultdict(list)
        for incident_id, standing in self._standings.items():
            before = self._before[incident_id]
            self._write(incident_id, before, standing)
            if standing.is_over and not before.is_over:
                over[self._touched[incident_id]].append(incident_id)
        kept = self._intake.keep([replace(each, post=posts[number]) for number, each in self._placed], self._now)
        of: dict[int, list[KeptAlert]] = defaultdict(list)
        for (number, _), each in zip(self._placed, kept, strict=True):
            of[number].append(each)
        return [_received(post, of[number], over[number]) for number, post in enumerate(posts)]

    def _learn(self, found: "Sequence[Concerned]") -> None:
        for each in found:
            standing = told(_standing(each), each.alerts, self._grouping.words)
            self._standings[each.incident_id] = self._before[each.incident_id] = standing

    def _do(self, alert: Alert, placement: Placement, incident_id: IncidentId) -> None:
        standing, outcome = self._standings[incident_id], placement.outcome
        is_new = alert.status == "firing" and alert.fingerprint not in standing.spells
        if is_new and outcome != "opened":
            self._signals[incident_id].append(signal_of(alert, self._now))
        if outcome in INVESTIGATED and is_higher(alert.severity, standing.severity):
            self._severity[incident_id] = alert.severity
        self._standings[incident_id] = after(standing, alert, outcome, self._now, self._grouping.words)
        self._why[incident_id] = placement.reason

    def _open(self, alert: Alert) -> IncidentId:
        is_recent = self._now - timedelta(hours=OLDEST_HOURS) <= alert.starts_at <= self._now
        began = alert.starts_at if is_recent else self._now
        signal = signal_of(alert, began)
        window = Window(start=began - timedelta(seconds=BEFORE_SECONDS), end=self._now)

        def case_of(incident_id: IncidentId) -> CaseFile:
            incident = Incident(
                id=incident_id,
                signals=(signal,),
                window=window,
                service=alert.service,
                severity=alert.severity,
            )
            return CaseFile(incident=incident)

        incident_id = self._intake.open(began.year, _last_folder(self._settings, began.year), case_of, self._now)
        standing = Standing(incident_id, "open", self._now)
        self._standings[incident_id] = self._before[incident_id] = standing
        return incident_id

    def _write(self, incident_id: IncidentId, before: Standing, now: Standing) -> None:
        signals, severity = tuple(self._signals[incident_id]), self._severity.get(incident_id)
        if not signals and severity is None and before.state == now.state:
            return

        def changed(incident: Incident) -> Incident:
            updates: dict[str, object] = {"signals": (*incident.signals, *signals)}
            if is_higher(severity, incident.severity):
                updates["severity"] = severity
            if before.state != now.state:
                updates["state"] = now.state
            return incident.model_copy(update=updates)

        self._intake.change(incident_id, changed, self._why.get(incident_id, ""), self._now)


def _standing(of: "Concerned") -> Standing:
    return Standing(
        id=of.incident_id,
        state=of.state,
        last_signal_at=of.opened_at,
        services=of.services,
        status=of.status,
        is_objected=of.is_objected,
        ended_at=of.ended_at,
    )


def _received(post: int | None, kept: Sequence[KeptAlert], over: Sequence[IncidentId]) -> Received:
    wanted = [each.incident_id for each in kept if each.outcome in INVESTIGATED and each.incident_id]
    return Received(post=post, alerts=tuple(kept), investigate=tuple(dict.fromkeys(wanted)), over=tuple(over))


def _last_folder(settings: Settings, year: int) -> int:
    """The highest number of that year that has a folder: one that the records do not know is not given again."""
    taken = [path.name.rpartition("-")[2] for path in (settings.home / "cases").glob(f"INC-{year}-*")]
    return max((int(number) for number in taken if number.isdigit()), default=0)
