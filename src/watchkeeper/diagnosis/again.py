"""When an incident is diagnosed again, and what has changed since: alerts come before their evidence."""

from collections.abc import Collection
from datetime import datetime, timedelta

from watchkeeper.domain import CaseFile, Change, Diagnosis, Scalar
from watchkeeper.evidence.prose import given

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
    if any(signal.at > latest.at for signal in case.incident.signals[1:]):
        return "new signal"
    if late := _late(case, latest, changes):
        return f"late change {late}"
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
    unknown = sorted(change.id for change in changes if change.id not in known and change.began_at <= latest.at)
    return unknown[0] if unknown else None


def differences(before: Diagnosis, now: Diagnosis) -> tuple[tuple[str, dict[str, Scalar]], ...]:
    """What the newer diagnosis says otherwise, as templates with the fields that fill them."""
    found: list[tuple[str, dict[str, Scalar]]] = []
    if before.status != now.status:
        found.append((f"it is {_words(now)} now, {_words(before)} before", {}))
    was, is_now = (_top(each) for each in (before, now))
    if was is not None and is_now is not None and was != is_now:
        found.append((f"the cause that comes first is {is_now[0]} ({is_now[1]}) now, {was[0]} ({was[1]}) before", {}))
    elif was is not None and is_now is not None:
        found += _surer(before, now)
    if before.release.change != now.release.change:
        found.append((f"a release is {_blame(now)} now, {_blame(before)} before", {}))
    joined = sorted({a.service for a in now.scope.affected} - {a.service for a in before.scope.affected})
    if joined:
        found.append((f"also affected now: {', '.join(joined)}", {}))
    left = sorted({a.service for a in before.scope.affected} - {a.service for a in now.scope.affected})
    if left and now.status != "nothing-wrong":
        found.append((f"not affected any more: {', '.join(left)}", {}))
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
    return f"blamed ({change.id})" if change is not None else diagnosis.release.status.replace("-", " ")
