"""What Alertmanager posts: its webhook, version 4."""

import re

from watchkeeper.domain import Alert, AlertStatus
from watchkeeper.errors import PayloadRejected
from watchkeeper.intake import bodies
from watchkeeper.intake.bodies import Reading, ReadPost, Told

SOURCE = "alertmanager"
VERSION = "4"
_FINGERPRINT = re.compile(r"[0-9a-f]{1,16}")
_STATUS: dict[object, AlertStatus] = {"firing": "firing", "resolved": "resolved"}


def read(body: bytes, reading: Reading) -> ReadPost:
    """The alerts of one body; raises PayloadRejected with what, where, and what was expected."""
    post = bodies.section(bodies.parsed(body), "the body")
    if post.get("version", VERSION) != VERSION:
        raise PayloadRejected(f"version: expected {VERSION!r}, not {bodies.shown(post['version'])}")
    told = bodies.entries(post.get("alerts"), "alerts")
    return ReadPost(
        tuple(bodies.each(told, "alerts[{at}]", lambda entry, where: _alert(entry, where, post, reading), reading)),
        bodies.count(post.get("truncatedAlerts")),
    )


def _alert(value: object, where: str, post: dict[str, object], reading: Reading) -> Alert:
    entry = bodies.section(value, where)
    status = entry.get("status")
    if not isinstance(status, str) or status not in _STATUS:
        raise PayloadRejected(f"{where}.status: expected firing or resolved, not {bodies.shown(status)}")
    labels = bodies.section(entry.get("labels") or {}, f"{where}.labels")
    annotations = bodies.section(entry.get("annotations") or {}, f"{where}.annotations")
    fingerprint = entry.get("fingerprint")
    told = Told(
        status=_STATUS[status],
        name=labels.get("alertname"),
        labels=labels,
        starts_at=bodies.time(entry.get("startsAt"), f"{where}.startsAt"),
        ends_at=bodies.time(entry.get("endsAt"), f"{where}.endsAt"),
        texts=[annotations.get(key) for key in ("summary", "message", "description")],
        link=entry.get("generatorURL"),
        fingerprint=_its_own(fingerprint) if isinstance(fingerprint, str) and fingerprint else None,
        group_key=post.get("groupKey"),
    )
    return bodies.alert(told, reading)


def _its_own(fingerprint: str) -> str:
    """A fingerprint as Alertmanager makes them; any other text, which could be another sender's, under its name."""
    return fingerprint if _FINGERPRINT.fullmatch(fingerprint) else f"{SOURCE}:{fingerprint}"
