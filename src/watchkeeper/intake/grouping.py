"""Which incident an alert belongs to, and whether that is to be looked at: each gets an answer, with a reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from watchkeeper.domain import Alert, AlertOutcome, IncidentId
from watchkeeper.intake.labels import Words
from watchkeeper.intake.standing import Standing, is_higher
from watchkeeper.settings import Alerts as Limits


class Neighbours(Protocol):
    """Who is close to whom, as far as calls were seen."""

    def of(self, service: str) -> frozenset[str] | None:
        """Services within two calls whose trouble may be this one's; None where nobody has seen it."""


@dataclass(frozen=True)
class Placement:
    """What an alert does, to which incident, and why."""

    outcome: AlertOutcome
    incident_id: IncidentId | None
    """None where it is ignored, and where an incident is still to be opened for it."""
    reason: str


@dataclass(frozen=True)
class Grouping:
    """The rules, with what they look at."""

    limits: Limits
    words: Words
    neighbours: Neighbours
    now: datetime

    def place(self, alert: Alert, standings: Iterable[Standing]) -> Placement:
        """What becomes of an alert, given every incident that is open or was until recently, or that ever had it."""
        known = list(standings)
        own = _latest(each for each in known if alert.fingerprint in each.spells)
        if alert.status == "resolved":
            return self._end(alert, own)
        if own is not None and not own.is_over:
            return self._again(alert, own)
        joined = self._joined(alert, known)
        if joined is not None:
            return joined
        if own is not None and (ago := self._minutes_over(own)) <= self.limits.cool_down_minutes:
            return self._cool_down(alert, own, ago)
        return self._recent(alert, known) or self._opened(own)

    def _end(self, alert: Alert, own: Standing | None) -> Placement:
        if own is None:
            return Placement("ignored", None, "it is over, and it was never seen to begin")
        began = own.spells[alert.fingerprint]
        if alert.fingerprint not in own.active:
            return Placement("repeated", own.id, "its end is known already")
        if alert.ends_at is not None and alert.starts_at < began and alert.ends_at <= began:
            return Placement("repeated", own.id, f"an earlier spell ended; the one since {began:%H:%M:%S} goes on")
        others = len(own.active) - 1
        left = f"{others} of {own.id} still fire{'s' if others == 1 else ''}" if others else f"it was {own.id}'s last"
        return Placement("resolved", own.id, f"it is over: {left}")

    def _again(self, alert: Alert, own: Standing) -> Placement:
        if is_higher(alert.severity, own.severity):
            was = own.severity or "unknown"
            return self._news(own, "worsened", f"its severity is {alert.severity} now, {was} before")
        if alert.fingerprint in own.active:
            return Placement("repeated", own.id, f"it fires already, as part of {own.id}")
        return self._news(own, "joined", f"it fires again, and {own.id} is still open")

    def _joined(self, alert: Alert, known: Sequence[Standing]) -> Placement | None:
        """The open incident that is closest, where one is close enough."""
        since = self.now - timedelta(minutes=self.limits.join_minutes)
        near = self.neighbours.of(alert.service) if alert.service else None
        ways = [
            (*way, each)
            for each in known
            if not each.is_over and each.last_signal_at >= since
            if (way := self._way(alert, each, near)) is not None
        ]
        if not ways:
            return None
        _, why, standing = min(ways, key=lambda way: (way[0], -way[2].last_signal_at.timestamp()))
        if is_higher(alert.severity, standing.severity):
            was = standing.severity or "unknown"
            return self._news(standing, "worsened", f"{why}; and it is {alert.severity}, what was known {was}")
        return self._news(standing, "joined", why)

    def _way(self, alert: Alert, standing: Standing, near: frozenset[str] | None) -> tuple[int, str] | None:
        """How an alert belongs to an incident, the closest way lowest; None where it does not."""
        places = self.words.places(alert.labels)
        if _differ(places, standing, ("environment",)):
            return None
        if alert.service in standing.services:
            return 0, f"{standing.id} is about {alert.service}"
        if near is not None and (close := near & standing.services):
            return 1, f"{alert.service} is within two calls of {min(close)}, which {standing.id} is about"
        if _differ(places, standing, ("environment", "cluster", "namespace")) or not self._is_burst(alert, standing):
            return None
        if near is None and not self._is_any_seen(alert, standing):
            return (
                2,
                f"it began within {self.limits.burst_seconds:g} s of {standing.id}, and nobody knows who calls whom",
            )
        return None

    def _is_burst(self, alert: Alert, standing: Standing) -> bool:
        begins = standing.spells.values()
        if not begins:
            return False
        around = timedelta(seconds=self.limits.burst_seconds)
        return min(begins) - around <= alert.starts_at <= max(begins) + around

    def _is_any_seen(self, alert: Alert, standing: Standing) -> bool:
        """Whether the call graph knows an incident's services; for an alert without a service that says nothing."""
        return alert.service is not None and any(self.neighbours.of(each) is not None for each in standing.services)

    def _news(self, standing: Standing, outcome: AlertOutcome, why: str) -> Placement:
        """News about an open incident; what was believed to be calm is opened again by it."""
        if standing.state == "mitigated":
            return Placement("reopened", standing.id, f"{why}; it was mitigated, and is not any more")
        if standing.status == "nothing-wrong" and outcome == "joined":
            return Placement("reopened", standing.id, f"{why}; its latest diagnosis saw nothing wrong")
        return Placement(outcome, standing.id, why)

    def _cool_down(self, alert: Alert, own: Standing, ago: float) -> Placement:
        again = f"it fires again {ago:.0f} min after {own.id} was over"
        if is_higher(alert.severity, own.severity):
            return Placement("reopened", own.id, f"{again}, and worse: {alert.severity}")
        if alert.fingerprint in own.active:
            return Placement("cooled", own.id, f"it still fires {ago:.0f} min after {own.id} was said to be over")
        if own.status is None:
            return Placement("reopened", own.id, f"{again}, and nobody has diagnosed that")
        if own.status == "inconclusive":
            return Placement("reopened", own.id, f"{again}, and its latest diagnosis is inconclusive")
        if own.is_objected:
            return Placement("reopened", own.id, f"{again}, and somebody objected to its diagnosis")
        return Placement("cooled", own.id, f"{again}, within the cool-down of {self.limits.cool_down_minutes:g} min")

    def _recent(self, alert: Alert, known: Sequence[Standing]) -> Placement | None:
        """An incident of the same service that is over for a moment only: another alert says that it is not."""
        places = self.words.places(alert.labels)
        same = _latest(
            each
            for each in known
            if each.state == "resolved" and alert.service in each.services
            if self._minutes_over(each) <= self.limits.close_after_minutes
            if not _differ(places, each, ("environment",))
        )
        if same is None:
            return None
        ago = self._minutes_over(same)
        return Placement(
            "reopened", same.id, f"another alert of {alert.service}, {ago:.0f} min after {same.id} was over"
        )

    def _opened(self, own: Standing | None) -> Placement:
        if own is None:
            return Placement("opened", None, "no open incident has to do with it")
        return Placement("opened", None, f"it comes again {self._minutes_over(own):.0f} min after {own.id} was over")

    def _minutes_over(self, standing: Standing) -> float:
        return (self.now - (standing.ended_at or standing.last_signal_at)).total_seconds() / 60


def is_settled(alert: Alert, standings: Iterable[Standing]) -> bool:
    """Whether what an alert does is plain from the incidents that had it before; no other needs to be known."""
    own = _latest(each for each in standings if alert.fingerprint in each.spells)
    return alert.status == "resolved" or (own is not None and not own.is_over)


def _latest(standings: Iterable[Standing]) -> Standing | None:
    """The open one, else the one that was over last."""
    return max(standings, key=lambda each: (not each.is_over, each.ended_at or each.last_signal_at), default=None)


def _differ(places: Iterable[tuple[str, str]], standing: Standing, kinds: tuple[str, ...]) -> bool:
    """Whether an alert says that it is in another place than all alerts of the incident; unsaid is no difference."""
    for kind, name in places:
        names = {known for its, known in standing.places if its == kind}
        if kind in kinds and names and name not in names:
            return True
    return False
