"""When an incident is diagnosed again, and what has changed since: alerts come before their evidence."""

from collections.abc import Collection
from datetime import datetime, timedelta

from watchkeeper.diagnosis.statements import quoted
from watchkeeper.domain import CaseFile, Change, Diagnosis, Evidence, Scalar
from watchkeeper.evidence.prose import given
from watchkeeper.redaction import redact

AFTER_MINUTES = (2, 5, 15)
"""How long after the first signal the evidence is looked at again, whatever happens."""
OPEN_STATES = ("open", "investigating", "diagnosed", "reopened")
SURER = 0.1
"""By how much a probability must move to be told."""


def occasion(case: CaseFile, now: datetime, changes: Collection[Change] = ()) -> str | None:
    """Why the case is to be diagnosed again at `now`; None while it is not.

    A case without a diagnosis is due; one that is mitigated, resolved or closed never is. `changes` are those that
    are known now: one that began before the latest diagnosis and that it could not see yet is a late one.
    """
    if case.incident.state not in OPEN_STATES:
        return None
    latest = case.latest
    if latest is None:
        return "signal"
    if any(latest.at < signal.at <= now for signal in case.incident.signals[1:]):
        return "new signal"
    if late := _late(case, latest, changes):
        return _late_change(late)
    first = case.incident.signals[0].at
    passed = [m for m in AFTER_MINUTES if latest.at < first + timedelta(minutes=m) <= now]
    return f"after {passed[-1]} minutes" if passed else None


def _late(case: CaseFile, latest: Diagnosis, changes: Collection[Change]) -> str | None:
    """The id of a change that belongs before the latest diagnosis and was not known to it."""
    known = {
        row[entry.rows.columns.index("id")]
        for entry in case.evidence
        if entry.asked is not None and entry.asked.method == "changes" and entry.status == "found"
        for row in entry.rows.values
    }
    seen = [entry.window for entry in case.evidence if _is_cut(entry)]
    told = {each.occasion for each in case.diagnoses}
    unknown = sorted(
        change.id
        for change in changes
        if change.began_at <= latest.at
        and redact(change.id) not in known
        and not any(window.holds(change.began_at) for window in seen)
    )
    return next((name for name in unknown if _late_change(name) not in told), None)


def _is_cut(entry: Evidence) -> bool:
    """Whether it saw more changes than it keeps."""
    asked = entry.asked is not None and entry.asked.method == "changes"
    return asked and entry.rows.total > len(entry.rows.values)


def _late_change(name: str) -> str:
    """The occasion, told of a change once: what a diagnosis did not take up then it will not take up again."""
    return f"late change {redact(name)}"


def differences(before: Diagnosis, now: Diagnosis) -> tuple[tuple[str, dict[str, Scalar]], ...]:
    """What the newer diagnosis says otherwise, as templates with the fields that fill them."""
    found: list[tuple[str, dict[str, Scalar]]] = []
    if before.status != now.status:
        found.append((f"it is {_words(now)} now, {_words(before)} before", {}))
    was, is_now = (_top(each) for each in (before, now))
    if was is not None and is_now is not None and was != is_now:
        first, second = (f"{quoted(component)} ({kind})" for component, kind in (is_now, was))
        found.append((f"the cause that comes first is {first} now, {second} before", {}))
    elif was is not None and is_now is not None:
        found += _surer(before, now)
    if before.release.change != now.release.change:
        found.append((f"a release is {_blame(now)} now, {_blame(before)} before", {}))
    joined = sorted({a.service for a in now.scope.affected} - {a.service for a in before.scope.affected})
    if joined:
        found.append((f"also affected now: {', '.join(map(quoted, joined))}", {}))
    left = sorted({a.service for a in before.scope.affected} - {a.service for a in now.scope.affected})
    if left and now.status != "nothing-wrong":
        found.append((f"not affected any more: {', '.join(map(quoted, left))}", {}))
    return tuple(found)


def _surer(before: Diagnosis, now: Diagnosis) -> list[tuple[str, dict[str, Scalar]]]:
    was, is_now = (each.hypotheses[0].probability for each in (before, now))
    if abs(is_now - was) < SURER:
        return []
    word = "surer" if is_now > was else "less sure"
    return [(f"{word}: {given('before', '%0')} → {given('now', '%0')}", {"before": was, "now": is_now})]


def _top(diagnosis: Diagnosis) -> tuple[str, str] | None:
    return (diagnosis.hypotheses[0].component, diagnosis.hypotheses[0].kind) if diagnosis.hypotheses else None


def _words(diagnosis: Diagnosis) -> str:
    return {"nothing-wrong": "over: nothing wrong is to be seen"}.get(diagnosis.status, diagnosis.status)


def _blame(diagnosis: Diagnosis) -> str:
    change = diagnosis.release.change
    return f"blamed ({quoted(change.id)})" if change is not None else diagnosis.release.status.replace("-", " ")
