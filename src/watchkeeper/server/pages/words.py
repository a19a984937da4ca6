"""How pages say times, durations, shares and states: the same words everywhere, and untrusted text made harmless."""

from datetime import UTC, datetime

from watchkeeper.casebook.figures import Delay, Share
from watchkeeper.domain import AlertOutcome, DiagnosisStatus, IncidentState, Probability, ReleaseStatus
from watchkeeper.drafts.escaping import plain
from watchkeeper.records.summaries import CaseSummary

NAME, LINE, SENTENCE = 80, 200, 600
"""Characters of a name, of one line, and of a sentence, beyond which text is cut with an ellipsis."""
STATES: dict[IncidentState, str] = {
    "open": "new",
    "reopened": "open again",
    "investigating": "being looked into",
    "diagnosed": "diagnosed",
    "mitigated": "mitigated",
    "resolved": "resolved",
    "closed": "closed",
}
STATUSES: dict[DiagnosisStatus, str] = {
    "diagnosed": "diagnosed",
    "nothing-wrong": "nothing wrong found",
    "inconclusive": "inconclusive",
}
OUTCOMES: dict[AlertOutcome, str] = {
    "opened": "opened an incident",
    "joined": "joined an incident",
    "repeated": "said again what is known",
    "worsened": "made it worse",
    "resolved": "ended",
    "reopened": "opened it again",
    "cooled": "not looked into anew",
    "ignored": "belongs to nothing",
}
RELEASES: dict[ReleaseStatus, str] = {
    "caused": "a release did it",
    "not-release-related": "no release did it",
    "undetermined": "cannot tell whether a release did it",
}
_INCONCLUSIVE = "Inconclusive: "
"""Begins the headline of a diagnosis that cannot say more than why it is none."""
_SURENESS = ((0.9, "almost certain"), (0.75, "quite sure"), (0.5, "likely"), (0.25, "unsure"), (0.0, "hardly a guess"))
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def clean(text: str, limit: int = SENTENCE) -> str:
    """Untrusted text on one line: no control, escape, direction or private characters, at most `limit` long."""
    return plain(text, limit)


def clock(at: datetime) -> str:
    """`03:12 UTC`."""
    return f"{at.astimezone(UTC):%H:%M} UTC"


def moment(at: datetime) -> str:
    """`2026-05-04 03:12:05 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def ago(at: datetime, now: datetime) -> str:
    """`just now`, `4 min ago`, `3 h ago`, `2 days ago`, `in 5 min`."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < _MINUTE:
        return "just now"
    length = _rough(abs(seconds))
    return f"{length} ago" if seconds > 0 else f"in {length}"


def duration(seconds: float) -> str:
    """`40 seconds`, `1 minute`, `2 hours 5 minutes`, `3 days 4 hours`."""
    seconds = max(0, round(seconds))
    if seconds < _MINUTE:
        return _counted(seconds, "second")
    if seconds < _HOUR:
        return _counted(round(seconds / _MINUTE), "minute")
    if seconds < _DAY:
        return _two(seconds, _HOUR, "hour", _MINUTE, "minute")
    return _two(seconds, _DAY, "day", _HOUR, "hour")


def counted(number: int, thing: str, things: str | None = None) -> str:
    """`no drafts`, `1 draft`, `1,200 drafts`."""
    many = things or f"{thing}s"
    return f"no {many}" if number == 0 else f"1 {thing}" if number == 1 else f"{number:,} {many}"


def percent(value: float) -> str:
    """`83%`."""
    return f"{value:.0%}"


def sure(probability: Probability) -> str:
    """`quite sure, 83%`."""
    words = next(word for least, word in _SURENESS if probability >= least)
    return f"{words}, {percent(probability)}"


def standing(state: IncidentState, status: DiagnosisStatus | None) -> str:
    """Where an incident is, in a word or two; while nobody has said more, that is what its diagnosis came to."""
    if status is not None and state in ("open", "investigating", "diagnosed"):
        return STATUSES[status]
    return STATES[state]


def confidence(case: CaseSummary) -> str:
    """How sure the latest diagnosis is, in words and as a number; empty where it names no cause, or there is none."""
    return sure(case.probability) if case.status == "diagnosed" and case.probability is not None else ""


def headline(case: CaseSummary) -> str:
    """What is wrong, since when, why: one sentence; before there is a diagnosis, that there is none."""
    about = clean(case.service, NAME) if case.service else "a service"
    if case.headline and case.headline.startswith(_INCONCLUSIVE):
        return f"Something is wrong with {about}; why is not clear: {clean(case.headline.removeprefix(_INCONCLUSIVE))}"
    if case.headline:
        text = clean(case.headline)
        # A name is written as it is, even at the beginning of a sentence.
        is_named = any(name and text.startswith(name) for name in (case.service, case.component))
        return text if is_named else text[:1].upper() + text[1:]
    return f"Something is wrong with {about}; it is being looked into."


def share(value: Share) -> str:
    """`7 of 9, 78% [45% to 94%]`; empty where there is nothing to divide by."""
    if value.value is None or value.low is None or value.high is None:
        return ""
    return f"{of(value)}, {percent(value.value)} [{percent(value.low)} to {percent(value.high)}]"


def of(value: Share) -> str:
    """`7 of 9`; a dash where there is nothing to divide by."""
    return f"{value.part} of {value.whole}" if value.whole else "–"


def mean(delay: Delay) -> str:
    """`2.4 min`; a dash where there is no incident with both times."""
    return "–" if delay.mean_minutes is None else f"{delay.mean_minutes:,.1f} min"


def _rough(seconds: float) -> str:
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} days"


def _two(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    many, rest = divmod(seconds, large)
    few = rest // small
    return _counted(many, large_name) + (f" {_counted(few, small_name)}" if few else "")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
