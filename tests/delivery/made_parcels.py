"""Parcels, policies and cases to deliver."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kept_cases import NOON, diagnosis
from kept_cases import case as kept_case
from watchkeeper import library
from watchkeeper.delivery.policy import Policy
from watchkeeper.domain import Assignment, CaseFile, Diagnosis, Draft, KeptParcel, Parcel

INCIDENT = "INC-2026-0001"
SHIPPED = library.HOME / "config" / "delivery.yaml"
PAGE = "https://watch.example.com/incidents/{incident}"
NOBODY = Path("/nonexistent")
HOSTILE = (
    "<!channel> <@U123> @here [~admin] {code}x{code} {html}<b>y</b>{html} [pay|http://evil.example] "
    "!http://evil.example/a.png! "
    "<script>alert(1)</script> <http://evil.example|our bank> http://evil.example h1. big || a | c "
    " \\\\ *x* _y_ [[z]]"
)


def policy(**changes: Any) -> Policy:
    """The shipped policy with all targets set up, and what is said in `changes`, section by section."""
    values: dict[str, Any] = library.read_yaml(SHIPPED)
    values["jira"] |= {"base_url": "http://127.0.0.1:1", "email": "bot@example.com"}
    values["slack"] |= {"webhook_variable": "SLACK_WEBHOOK_URL"}
    values["mail"] |= {"to": ["team@example.com"]}
    for name, change in changes.items():
        values[name] = values[name] | change if isinstance(change, dict) else change
    return Policy.model_validate(values)


def auto(*, to: str, of: str | None = None, severity: str | None = None, name: str = "go") -> dict[str, Any]:
    """A rule that approves beforehand."""
    rule: dict[str, Any] = {"name": name, "to": [to], "by": "auto"}
    return rule | ({"of": [of]} if of else {}) | ({"severity": [severity]} if severity else {})


def parcel(
    kind: str = "ticket", key: str = "", target: str = "jira", text: str = "# Slow\n\nIt is **slow**.\n", **others: Any
) -> Parcel:
    tails = {"ticket": "ticket", "comment": "comment/1", "transition": "transition/resolved/1", "notice": "notice/0"}
    values = {
        "key": key or f"{INCIDENT}/{target}/{tails.get(kind, 'ticket/0123456789abcdef')}",
        "incident_id": INCIDENT,
        "target": target,
        "kind": kind,
        "title": "Slow responses in cart",
        "text": text,
        "severity": "P2",
        "fields": {"noticed_at": NOON.isoformat(), "cause": "cart"},
        "approved_by": "ada",
    }
    return Parcel.model_validate({**values, **others})


def file_parcel(text: str = "It is slow.\n", digest: str = "0123456789abcdef") -> Parcel:
    return parcel("file", f"{INCIDENT}/files/ticket/{digest}", "files", text)


def kept(parcel: Parcel, state: str = "delivered") -> KeptParcel:
    times = {"not_before": NOON, "created_at": NOON, "updated_at": NOON}
    return KeptParcel.model_validate({"parcel": parcel, "state": state, **times})


def draft(kind: str = "ticket", by: str | None = None, **others: Any) -> Draft:
    state = "approved" if by else "proposed"
    values = {"kind": kind, "title": "Slow", "text": "It is slow.\n", "state": state, "approved_by": by}
    return Draft.model_validate({**values, **others})


def case(
    *diagnoses: Diagnosis,
    severity: str = "P2",
    actions: tuple[str, ...] = ("channel", "ticket"),
    state: str = "diagnosed",
) -> CaseFile:
    assignment = Assignment(severity=severity, team="shop", actions=actions, reason="it is slow", channels=("#shop",))  # type: ignore[arg-type]
    made = kept_case(1, *(diagnoses or (diagnosis(),)), state=state)
    return made.model_copy(update={"assignment": assignment})


def changed(diagnosis: Diagnosis, *sentences: str) -> Diagnosis:
    return diagnosis.model_copy(update={"changed": sentences})


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
