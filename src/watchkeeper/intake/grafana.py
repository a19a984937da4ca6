"""What Grafana posts: the webhook of its unified alerting, which is Alertmanager's with more to it."""

from watchkeeper.domain import Alert, AlertStatus
from watchkeeper.errors import PayloadRejected
from watchkeeper.intake import bodies
from watchkeeper.intake.bodies import Reading, ReadPost, Told

SOURCE = "grafana"
_STATUS: dict[str, AlertStatus] = {
    **{"firing": "firing", "alerting": "firing", "no_data": "firing", "nodata": "firing", "error": "firing"},
    **{"resolved": "resolved", "ok": "resolved", "normal": "resolved"},
}
"""Its words for a status, and for the state that older versions write."""
_LINKS = ("generatorURL", "panelURL", "dashboardURL")


def read(body: bytes, reading: Reading) -> ReadPost:
    """The alerts of one body; raises PayloadRejected with what, where, and what was expected."""
    post = bodies.section(bodies.parsed(body), "the body")
    told = bodies.entries(post.get("alerts"), "alerts")
    return ReadPost(
        tuple(bodies.each(told, "alerts[{at}]", lambda entry, where: _alert(entry, where, post, reading), reading)),
        bodies.count(post.get("truncatedAlerts")),
    )


def _alert(value: object, where: str, post: dict[str, object], reading: Reading) -> Alert:
    entry = bodies.section(value, where)
    labels = bodies.section(entry.get("labels") or {}, f"{where}.labels")
    annotations = bodies.section(entry.get("annotations") or {}, f"{where}.annotations")
    fingerprint = entry.get("fingerprint")
    told = Told(
        status=_status(entry, where, post),
        name=labels.get("alertname") or post.get("title"),
        labels=labels,
        starts_at=bodies.time(entry.get("startsAt"), f"{where}.startsAt"),
        ends_at=bodies.time(entry.get("endsAt"), f"{where}.endsAt"),
        texts=[*(annotations.get(key) for key in ("summary", "message", "description")), *_values(entry)],
        link=next((entry[key] for key in _LINKS if entry.get(key)), None),
        # Other senders make theirs of the same labels: the end of this alert is not the end of that one.
        fingerprint=f"{SOURCE}:{fingerprint}" if isinstance(fingerprint, str) and fingerprint else None,
        group_key=post.get("groupKey"),
    )
    return bodies.alert(told, reading)


def _status(entry: dict[str, object], where: str, post: dict[str, object]) -> AlertStatus:
    said = next((part[key] for part in (entry, post) for key in ("status", "state") if part.get(key)), None)
    status = _STATUS.get(said.lower()) if isinstance(said, str) else None
    if status is None:
        raise PayloadRejected(f"{where}.status: expected one of {', '.join(_STATUS)}, not {bodies.shown(said)}")
    return status


def _values(entry: dict[str, object]) -> list[object]:
    """The figures that the rule looked at, and the picture of them."""
    values, picture = entry.get("values"), entry.get("imageURL")
    figures = (
        [f"{name} = {bodies.as_text(value)}" for name, value in values.items()] if isinstance(values, dict) else []
    )
    return [", ".join(figures) or entry.get("valueString"), f"picture: {picture}" if picture else None]
