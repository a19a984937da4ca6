"""PromQL as text: names, label values and durations written so that nothing foreign can end a string or a selector."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_PLAIN_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """A string literal that means exactly this text; what is no Unicode character becomes a question mark."""
    plain = text.encode("utf-8", "replace").decode()
    return '"' + "".join(_ESCAPES.get(c, c if c >= " " else f"\\x{ord(c):02x}") for c in plain) + '"'


def one_of(texts: Iterable[str]) -> str:
    """The right side of a matcher that holds for these texts and no other, with its operator."""
    listed = tuple(dict.fromkeys(texts))
    if len(listed) == 1:
        return f"={quoted(listed[0])}"
    return f"=~{quoted('|'.join(_SPECIAL.sub(lambda match: chr(92) + match[0], text) for text in listed))}"


def label_of(key: str) -> str:
    """The label under which Prometheus keeps an attribute: `http.route` is `http_route`."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", key)


def about_services(labels: Sequence[str], services: Sequence[str]) -> tuple[str, ...]:
    """Matchers for the series of those services, one text for each label that may name them; `("",)` for all series.

    A series belongs to the first of the labels that it has.
    """
    if not services:
        return ("",)
    absent = [f'{label}=""' for label in labels]
    return tuple(", ".join([*absent[:number], f"{label}{one_of(services)}"]) for number, label in enumerate(labels))


def selector(names: Sequence[str], *matchers: str) -> str:
    """Series of those metrics (there is at least one) that the matchers hold for."""
    more = [matcher for matcher in matchers if matcher]
    if len(names) == 1 and _PLAIN_NAME.fullmatch(names[0]):
        return f"{names[0]}{{{', '.join(more)}}}" if more else names[0]
    return f"{{{', '.join([f'__name__{one_of(names)}', *more])}}}"


def duration(seconds: float) -> str:
    """A length of time, in whole seconds where it is that, else in milliseconds; at least one millisecond."""
    milliseconds = max(1, round(seconds * 1e3))
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def moment(time: datetime) -> str:
    """A time as the HTTP API takes it, to the millisecond."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
