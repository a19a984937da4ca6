"""What of a case is to leave: pure, from its drafts, what is on its way already, and the policy."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watchkeeper.delivery.policy import POLICY, Matter, Policy, TargetName, Way
from watchkeeper.delivery.target import NOTICED_AT
from watchkeeper.domain import CaseFile, Diagnosis, Draft, KeptParcel, Noun, Parcel, ParcelKind, Scalar, Severity
from watchkeeper.drafts import escaping
from watchkeeper.redaction import redact

DIAGNOSIS = "diagnosis"
"""The field of a ticket's parcel that says which diagnosis it tells of, counted from 0."""
CHANNELS = "channels"
_OVER = ("resolved", "closed")
_LOUD = {"page", "channel"}
_TITLE = 250


class Plan(Noun):
    """What a policy approves by itself, and what may go into the outbox now."""

    approvals: tuple[tuple[int, str], ...] = ()
    """The numbers of drafts that are approved beforehand, each with `policy: <rule>`."""
    parcels: tuple[Parcel, ...] = ()
    """Those that are not known yet; in the order in which they should be made."""


def plan(
    case: CaseFile,
    drafts: Sequence[tuple[int, Draft]],
    known: Sequence[KeptParcel],
    policy: Policy,
    resolutions: int = 1,
) -> Plan:
    """What is to leave of a case, given what was planned for it before; planned again, it is nothing more.

    `resolutions` is how often the incident has been over so far, this time included: a ticket follows each time.
    """
    planner = _Planner(case, policy, {kept.parcel.key: kept.parcel for kept in known})
    approvals = [(number, by) for number, draft in drafts if (by := planner.draft(number, draft))]
    planner.follow_ups()
    planner.resolution(resolutions)
    new = [parcel for key, parcel in planner.parcels.items() if key not in {kept.parcel.key for kept in known}]
    return Plan(approvals=tuple(approvals), parcels=tuple(new))


def file_name(draft: Draft) -> str:
    """The draft's kind as a file is named; updates by whom they are for."""
    if draft.kind != "status-update":
        return draft.kind
    return "status-page" if draft.audience == "public" else "internal-update"


@dataclass
class _Planner:
    """One case being planned; `parcels` are those that are known, and those that are new, by key."""

    case: CaseFile
    policy: Policy
    parcels: dict[str, Parcel]

    def draft(self, number: int, draft: Draft) -> str | None:
        """Plan one draft; who approves it beforehand, where everything outside that it goes to is approved so."""
        ways: dict[TargetName, tuple[Way, str]] = {}
        is_planned = False
        for target in self._targets(draft):
            way, rule = self._way(target, draft.kind, draft)
            ways[target] = way, rule
            approver = _approver(draft, way, rule)
            if approver is not None and self._is_due(target, number, draft):
                self._put(target, number, draft, approver)
                is_planned = is_planned or target != "files"
        # A copy in a folder of our own settles nothing: a later diagnosis may still write a better draft.
        outside = [(way, rule) for to, (way, rule) in ways.items() if to != "files" and way != "never"]
        if draft.state == "proposed" and is_planned and all(way == "auto" for way, _ in outside):
            return f"{POLICY}{outside[0][1]}"
        return None

    def follow_ups(self) -> None:
        """Comments on the ticket for each diagnosis after the one it tells of that says something else."""
        way, rule = self._way("jira", "follow-up", None)
        told = {n for parcel in self._of_ticket() if isinstance(n := parcel.fields.get(DIAGNOSIS), int)}
        if way != "auto" or not told:
            return
        for number in range(min(told) + 1, len(self.case.diagnoses)):
            if number not in told and _is_news(self.case, number):
                title = f"Diagnosed again: {self.case.diagnoses[number].headline}"
                text = _follow_up(self.case.diagnoses[number])
                self._add("jira", "comment", f"comment/{number}", title, text, f"{POLICY}{rule}")

    def resolution(self, count: int) -> None:
        """The ticket's transition, where the incident is over."""
        way, rule = self._way("jira", "resolution", None)
        if way == "auto" and self.case.incident.state in _OVER and self._of_ticket():
            text = f"**Resolved:** {self.case.incident.id} is over, as far as watchkeeper can see."
            self._add("jira", "transition", f"transition/resolved/{count}", "Resolved", text, f"{POLICY}{rule}")

    def _targets(self, draft: Draft) -> Iterator[TargetName]:
        assignment = self.case.assignment
        actions = set(assignment.actions) if assignment else set()
        # Who approves a ticket or a notice wants it to go, whatever the routes say.
        is_asked_for = _person(draft) is not None
        is_notice = draft.kind == "status-update" and draft.audience == "internal"
        wanted: dict[TargetName, bool] = {
            "files": True,
            "jira": draft.kind == "ticket" and ("ticket" in actions or is_asked_for),
            "slack": is_notice and (bool(_LOUD & actions) or is_asked_for),
            "mail": draft.kind == "incident-report" and "email" in actions,
        }
        return (target for target in self.policy.targets if wanted[target])

    def _way(self, target: TargetName, of: Matter, draft: Draft | None) -> tuple[Way, str]:
        return self.policy.way(target, of, self._severity, draft.audience if draft else "internal")

    @property
    def _severity(self) -> Severity | None:
        return self.case.assignment.severity if self.case.assignment else self.case.incident.severity

    def _is_due(self, target: TargetName, number: int, draft: Draft) -> bool:
        """Whether it goes now: what somebody approved or wrote does; what is only proposed does where it is news."""
        if draft.state != "proposed" or draft.edited_by is not None:
            return not any(
                parcel.target == target and parcel.draft == number and target != "files"
                for parcel in self.parcels.values()
            )
        before = [p for p in self.parcels.values() if p.target == target and (target != "files" or _names(p, draft))]
        if target == "jira" or not before:
            return not before
        worse = self._severity is not None and self._severity < (before[-1].severity or "P4")
        return worse or _is_news(self.case, len(self.case.diagnoses) - 1)

    def _put(self, target: TargetName, number: int, draft: Draft, approver: str) -> None:
        facts = {name: value for name, value in draft.facts.items() if not name.endswith(".from")}
        fields: dict[str, Scalar] = {**facts, DIAGNOSIS: _told_by(self.case, draft)}
        kind: ParcelKind = "notice"
        tail = f"notice/{number}"
        if target == "files":
            digest = hashlib.sha256(f"{draft.title}\n{draft.text}".encode()).hexdigest()[:16]
            kind, tail = "file", f"{file_name(draft)}/{digest}"
        elif target == "jira":
            is_first = not self._of_ticket()
            kind, tail = ("ticket", "ticket") if is_first else ("comment", f"comment/draft-{number}")
        self._add(target, kind, tail, draft.title, draft.text, approver, fields, number)

    def _add(
        self,
        target: TargetName,
        kind: ParcelKind,
        tail: str,
        title: str,
        text: str,
        approver: str,
        fields: dict[str, Scalar] | None = None,
        draft: int | None = None,
    ) -> None:
        channels = self.case.assignment.channels if self.case.assignment else ()
        always = {NOTICED_AT: self.case.incident.signals[0].at.isoformat(), CHANNELS: ", ".join(channels)}
        parcel = Parcel(
            key=f"{self.case.incident.id}/{target}/{tail}",
            incident_id=self.case.incident.id,
            target=target,
            kind=kind,
            title=escaping.plain(title, _TITLE),
            text=text,
            severity=self._severity,
            fields={**(fields or {}), **always},
            draft=draft,
            approved_by=approver,
        )
        # What is on its way already stays as it is.
        self.parcels.setdefault(parcel.key, parcel)

    def _of_ticket(self) -> list[Parcel]:
        """The ticket and its comments, the ticket first; empty where there is none."""
        its = [parcel for parcel in self.parcels.values() if parcel.target == "jira"]
        return its if any(parcel.kind == "ticket" for parcel in its) else []


def _approver(draft: Draft, way: Way, rule: str) -> str | None:
    """Who approved it for a target with that way; None where nobody did yet."""
    if way == "never" or draft.state == "rejected":
        return None
    return _person(draft) or (f"{POLICY}{rule}" if way == "auto" else None)


def _person(draft: Draft) -> str | None:
    """The person who approved it; None where a policy did, or nobody yet."""
    by = draft.approved_by
    return by if draft.state in ("approved", "published") and by and not by.startswith(POLICY) else None


def _names(parcel: Parcel, draft: Draft) -> bool:
    return parcel.key.split("/")[2] == file_name(draft)


def _told_by(case: CaseFile, draft: Draft) -> int:
    """The number of the diagnosis that a draft tells of; the latest where it does not say."""
    said = draft.facts.get("diagnosed_at")
    times = [str(diagnosis.at) for diagnosis in case.diagnoses] + [d.at.isoformat() for d in case.diagnoses]
    written = str(said).replace("Z", "+00:00")
    return times.index(written) % len(case.diagnoses) if written in times else max(len(case.diagnoses) - 1, 0)


def _is_news(case: CaseFile, number: int) -> bool:
    """Whether a diagnosis says something else than the one before it."""
    if number <= 0:
        return True
    before, now = case.diagnoses[number - 1], case.diagnoses[number]
    return bool(now.changed) or _cause(before) != _cause(now)


def _cause(diagnosis: Diagnosis) -> tuple[object, ...]:
    top = diagnosis.hypotheses[0] if diagnosis.status == "diagnosed" else None
    named = (top.component, top.kind, top.change.id if top.change else None) if top else ()
    return (diagnosis.status, *named)


def _follow_up(diagnosis: Diagnosis) -> str:
    """What a later diagnosis says, as Markdown."""
    occasion = escaping.prose(redact(diagnosis.occasion), 200)
    lines = [f"**Diagnosed again** ({occasion}): {escaping.prose(redact(diagnosis.headline))}", ""]
    lines += [f"- Changed: {escaping.prose(redact(text))}" for text in diagnosis.changed]
    if diagnosis.status == "diagnosed":
        top = diagnosis.hypotheses[0]
        name = escaping.code_span(redact(top.component), 300)
        lines.append(f"- Cause: {name} ({top.kind}), {100 * top.probability:.0f}% sure")
    if diagnosis.suggested_fix:
        lines.append(f"- To do: {escaping.prose(redact(diagnosis.suggested_fix))}")
    return "\n".join(lines) + "\n"
