"""One incident as the casebook counts it: how its diagnosis was judged, how soon it was noticed and explained."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from watchkeeper.domain import Verdict
from watchkeeper.records.summaries import Conclusion, History

Outcome = Literal["confirmed", "partly", "wrong", "abstained", "failed", "open"]


@dataclass(frozen=True)
class Judged:
    """What one incident adds to the figures."""

    noticed_at: datetime
    outcome: Outcome
    """As its latest verdict says; `abstained` where the diagnosis is inconclusive, `failed` where there is none,
    `open` where nobody judged it yet."""
    probability: float | None
    """What the judged diagnosis gave its first cause."""
    ticket: Literal["valid", "false-alarm"] | None
    minutes_to_detect: float | None
    minutes_to_diagnose: float | None

    @property
    def week(self) -> str:
        """The ISO week in which it was noticed, such as `2026-W19`."""
        year, week, _ = self.noticed_at.isocalendar()
        return f"{year}-W{week:02d}"


def judged(history: History) -> Judged:
    """The incident's figures: its latest verdict counts, and of ticket and onset the latest that were given."""
    verdict = history.verdicts[-1] if history.verdicts else None
    conclusion = history.conclusions[verdict.diagnosis] if verdict else _latest(history)
    ticket = next((each.ticket for each in reversed(history.verdicts) if each.ticket), None)
    return Judged(
        noticed_at=history.noticed_at,
        outcome=_outcome(history, verdict),
        probability=conclusion.probability if conclusion and conclusion.status == "diagnosed" else None,
        ticket=ticket,
        # Where nothing was wrong, nothing could be detected.
        minutes_to_detect=None if ticket == "false-alarm" else _minutes(_onset(history), history.noticed_at),
        minutes_to_diagnose=_minutes(history.noticed_at, _concluded_at(history)),
    )


def _latest(history: History) -> Conclusion | None:
    return history.conclusions[-1] if history.conclusions else None


def _outcome(history: History, verdict: Verdict | None) -> Outcome:
    latest = _latest(history)
    if latest is None:
        return "failed"
    if verdict is not None and history.conclusions[verdict.diagnosis].status != "inconclusive":
        return verdict.judged
    # A verdict on a diagnosis that could not tell says nothing about an answer that came after it.
    return "abstained" if latest.status == "inconclusive" else "open"


def _onset(history: History) -> datetime | None:
    """When the symptom began: as an engineer said, else as the latest diagnosis that knows it does."""
    told = next((each.true_onset for each in reversed(history.verdicts) if each.true_onset), None)
    return told or next((each.since for each in reversed(history.conclusions) if each.since), None)


def _concluded_at(history: History) -> datetime | None:
    return next((each.at for each in history.conclusions if each.status != "inconclusive"), None)


def _minutes(begin: datetime | None, end: datetime | None) -> float | None:
    """From one to the other; an onset is uncertain, so what would be below zero is zero."""
    if begin is None or end is None:
        return None
    return max(0.0, (end - begin).total_seconds() / 60)
