"""Bodies with alerts, read as JSON; what they say is bounded, and rid of control characters and of secrets."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from watchkeeper.domain import Alert, AlertStatus
from watchkeeper.errors import PayloadRejected
from watchkeeper.intake.labels import Words

MOST_ALERTS = 5000
"""How many alerts one body may hold."""
MOST_LABELS = 100
LABEL, VALUE, SERVICE, NAME, TEXT, GROUP, LINK, FINGERPRINT = 128, 1000, 253, 256, 4000, 1024, 2048, 128
"""The most characters that are kept of each."""
SPARE = 500
"""Characters beyond the limit that are redacted too, so that a secret is not cut until it looks like none."""
UNREAD = "an alert that cannot be read"
YEAR_OF_NONE = 1
"""Go's zero time is of this year: it means that there is none."""
MILLISECONDS = 1e11
"""A time since 1970 as a number above this is in milliseconds."""
UNNAMED = "unnamed alert"

_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_PLAIN_FINGERPRINT = re.compile(rf"[!-~]{{1,{FINGERPRINT}}}")
_PLAIN_LINK = re.compile(rf"https?://[!-~]{{1,{LINK - 8}}}")


@dataclass(frozen=True)
class Reading:
    """With what bodies are read: whose they are, what labels mean, what takes secrets out, and the time."""

    source: str
    words: Words
    clean: Callable[[str], str]
    now: datetime


@dataclass(frozen=True)
class ReadPost:
    """What one body held."""

    alerts: tuple[Alert, ...]
    truncated: int = 0
    """How many more there were that the sender left out, by its own account."""


@dataclass(frozen=True)
class Told:
    """What a sender says of one alert, as it says it."""

    status: AlertStatus
    name: object = None
    labels: Mapping[str, object] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    service: object = None
    severity: object = None
    texts: Sequence[object] = ()
    link: object = None
    fingerprint: str | None = None
    group_key: object = None


def parsed(body: bytes) -> object:
    """The body as JSON; raises PayloadRejected."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PayloadRejected(f"the body is no JSON that can be read: {str(error)[:200]}") from error


def section(value: object, where: str) -> dict[str, object]:
    """A JSON object; raises PayloadRejected for anything else."""
    if not isinstance(value, dict):
        raise PayloadRejected(f"{where}: expected an object with keys, not {shown(value)}")
    return value


def entries(value: object, where: str) -> list[object]:
    """The list of alerts; raises PayloadRejected for anything else, and for too many."""
    if not isinstance(value, list):
        raise PayloadRejected(f"{where}: expected a list of alerts, not {shown(value)}")
    if len(value) > MOST_ALERTS:
        raise PayloadRejected(f"{where}: expected at most {MOST_ALERTS} alerts in one body, not {len(value)}")
    return value


def each(told: Sequence[object], where: str, read: Callable[[object, str], Alert], reading: Reading) -> list[Alert]:
    """The entries as alerts; one that cannot be read, among others that can, is an alert that says so.

    Senders do not repeat a body that was refused: for one bad entry the good ones must not be lost. Raises
    PayloadRejected where none can be read.
    """
    found: list[Alert] = []
    refused: list[PayloadRejected] = []
    for at, entry in enumerate(told):
        try:
            found.append(read(entry, where.format(at=at)))
        except PayloadRejected as error:
            refused.append(error)
            found.append(_unread(entry, error, reading))
    if refused and len(refused) == len(found):
        raise refused[0]
    return found


def _unread(entry: object, error: PayloadRejected, reading: Reading) -> Alert:
    told = Told(status="firing", name=UNREAD, texts=[str(error)], fingerprint=f"{reading.source}:{as_text(entry)}")
    return alert(told, reading)


def count(value: object) -> int:
    """A number of alerts that were left out; whatever is none counts as 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def time(value: object, where: str) -> datetime | None:
    """A time as RFC 3339 or as seconds or milliseconds since 1970; None where there is none, as in year 1.

    One without a zone is taken as UTC. Raises PayloadRejected.
    """
    if value is None or value == "":
        return None
    try:
        read = _time(value)
        return None if read.year == YEAR_OF_NONE else read.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise PayloadRejected(f"{where}: expected a time such as 2026-05-04T12:00:00Z, not {shown(value)}") from error


def _time(value: object) -> datetime:
    if isinstance(value, str):
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000 if abs(value) > MILLISECONDS else value, UTC)
    raise ValueError("neither text nor a number")


def alert(told: Told, reading: Reading) -> Alert:
    """The alert that a sender tells of: bounded, and without what must not leave."""
    labels = {name: as_text(value) for name, value in told.labels.items()}
    name = line(told.name, NAME, reading.clean) or UNNAMED
    service = line(told.service, SERVICE, reading.clean) or line(reading.words.service(labels), SERVICE, reading.clean)
    severity = reading.words.severity_of(as_text(told.severity)) or reading.words.severity(labels)
    # Nothing fires before it began: a clock that is ahead, or was never set.
    starts_at = min(reading.now, told.starts_at or told.ends_at or reading.now)
    given = told.fingerprint or _fingerprint(reading.source, labels, as_text(told.name), as_text(told.service))
    return Alert(
        source=reading.source,
        fingerprint=given if _PLAIN_FINGERPRINT.fullmatch(given) else _digest(given),
        name=name,
        status=told.status,
        starts_at=starts_at,
        ends_at=(told.ends_at or max(reading.now, starts_at)) if told.status == "resolved" else None,
        service=service or None,
        severity=severity,
        labels=_labels(labels, reading.clean),
        group_key=line(told.group_key, GROUP, reading.clean),
        text=_text([as_text(text) for text in told.texts], reading.clean),
        link=_link(told.link, reading.clean),
    )


def line(value: object, limit: int, clean: Callable[[str], str]) -> str:
    """A value as one line of at most that many characters."""
    return " ".join(_clean(as_text(value), limit, clean).split())[:limit].strip()


def as_text(value: object) -> str:
    """A JSON value as text; an object or list as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError):
        # Nested deeper than can be written.
        return "(nested too deep to be shown)"


def shown(value: object) -> str:
    """A value as errors name it: escaped and short."""
    if value is None:
        return "nothing"
    text = ascii(value[:60]) if isinstance(value, str) else ascii(as_text(value)[:60])[1:-1]
    return text if len(text) <= 60 else f"{text[:57]}..."


def _labels(labels: Mapping[str, str], clean: Callable[[str], str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in labels.items():
        if len(kept) == MOST_LABELS:
            break
        key = line(name, LABEL, clean)
        plain = line(value, VALUE, clean)
        # `password: hunter2` is a secret by its name only.
        said = f"{key}={plain}"
        if plain and key and clean(said) != said and clean(plain) == plain:
            plain = clean(said).partition("=")[2][:VALUE] or plain
        kept[key] = plain
    return kept


def _text(texts: Sequence[str], clean: Callable[[str], str]) -> str:
    said = [each[: TEXT + SPARE] for each in dict.fromkeys(texts) if each.strip()]
    return _clean("\n".join(said), TEXT, clean).strip()


def _link(value: object, clean: Callable[[str], str]) -> str | None:
    if not isinstance(value, str) or _PLAIN_LINK.fullmatch(value) is None:
        return None
    safe = clean(value)
    return safe if len(safe) <= LINK else None


def _clean(text: str, limit: int, clean: Callable[[str], str]) -> str:
    plain = _STEERING.sub("", text[: limit + SPARE].replace("\r\n", "\n"))
    return clean(plain)[:limit] if plain else ""


def _fingerprint(source: str, labels: Mapping[str, str], *more: str) -> str:
    said = orjson.dumps([source, sorted(labels.items()), *more])
    return hashlib.sha256(said).hexdigest()[:32]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
