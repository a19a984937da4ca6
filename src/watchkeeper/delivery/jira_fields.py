"""A parcel as the fields of a ticket; and what Jira's refusals mean for it."""

from datetime import datetime

import requests
from jira import JIRAError
from urllib3.exceptions import NewConnectionError

from watchkeeper.delivery import markup, policy
from watchkeeper.delivery.target import mark
from watchkeeper.domain import Parcel, Scalar
from watchkeeper.drafts import escaping
from watchkeeper.errors import DeliveryFailed, DeliveryRefused
from watchkeeper.redaction import redact

SUMMARY = 250
"""Characters of a summary; Jira takes 255."""
BROKEN_OFF = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
_SAID = 300
_BUSY = 429
_LATER = frozenset((408, 425, _BUSY))
_MEANING = {
    400: "did not take it",
    401: "does not accept the token",
    403: "does not allow it",
    404: "does not know the project or the ticket",
    410: "does not have that endpoint any more",
}

Field = str | int | float | dict[str, str] | list[str]


def fields_of(parcel: Parcel, settings: policy.Jira, page: str | None) -> dict[str, Field]:
    """The fields of a ticket for a parcel, all text escaped."""
    link = f"Incident: <{page}>\n\n" if page else ""
    fields: dict[str, Field] = {
        "project": {"key": settings.project},
        "issuetype": {"name": settings.issue_type},
        "summary": escaping.plain(parcel.title, SUMMARY) or parcel.incident_id,
        "description": markup.jira(link + parcel.text),
        "labels": [*settings.labels, mark(parcel)],
    }
    if parcel.severity in settings.priorities:
        fields["priority"] = {"name": settings.priorities[parcel.severity]}
    for name, custom in settings.custom_fields.items():
        if (value := parcel.fields.get(custom.fact)) is not None and (field := _field(value, custom.kind)) is not None:
            fields[name] = field
    return fields


def refusal(error: JIRAError, settings: policy.Jira) -> DeliveryFailed:
    """What an answer means: `DeliveryRefused` where trying again would not help; one sentence without secrets."""
    status = error.status_code or 0
    said = escaping.plain(redact(str(error.text or "")), _SAID)
    text = f"Jira at {settings.base_url} {_MEANING.get(status, 'refused it')} ({status})"
    if 400 <= status < 500 and status not in _LATER:
        return DeliveryRefused(f"{text}: {said}" if said else text)
    return DeliveryFailed(f"Jira at {settings.base_url} cannot take it now ({status})", _wait(error))


def was_never_sent(error: BaseException) -> bool:
    """Whether no connection came about, so that nothing can have arrived."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectionError) and isinstance(reason, NewConnectionError)


def _wait(error: JIRAError) -> float:
    """How long it asks to be left alone, in seconds."""
    headers = error.response.headers if error.response is not None else {}
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def _field(value: Scalar, kind: str) -> Field | None:
    if kind == "number":
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    text = escaping.plain(value.isoformat() if isinstance(value, datetime) else str(value), SUMMARY)
    return {"value": text} if kind == "option" else text
