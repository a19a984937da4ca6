"""Text of runbooks is untrusted: control characters go, it is bounded, and secrets are blanked before it is kept."""

import unicodedata
from collections.abc import Callable

Clean = Callable[[str], str]
"""Blanks secrets and personal data, such as `watchkeeper.redaction.redact`."""

_KEPT = {"\n", "\t"}


def visible(text: str, limit: int) -> str:
    """The text without control, escape and direction characters, at most `limit` long; lines are kept."""
    lines = text[: 4 * limit].replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in lines if c in _KEPT or unicodedata.category(c)[0] != "C")
    return kept if len(kept) <= limit else f"{kept[: limit - 1]}…"


def one_line(text: str, limit: int) -> str:
    """The same on one line, runs of white space as one blank."""
    return visible(" ".join(visible(text, 4 * limit).split()), limit)


def quoted(text: str) -> str:
    """Every line behind a mark, so that a reader sees where what was written by others begins and ends."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())
