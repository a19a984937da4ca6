"""Steps with placeholders, and the conditions they may begin with, filled with what is known of an incident.

`{service}` is a placeholder if it is one of NAMES; other braces stay. A step that begins with `(if {change})` applies
only where `change` is known, one with `(if no {change})` only where it is not; other words in the brackets are for
the reader: `(if {change} did it)`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from watchkeeper.domain import Noun
from watchkeeper.knowledge.texts import one_line
from watchkeeper.redaction import redact

Name = Literal["service", "version", "previous_version", "since", "dependency", "change", "owner", "incident"]
NAMES: frozenset[str] = frozenset(
    ("service", "version", "previous_version", "since", "dependency", "change", "owner", "incident")
)
LONGEST_VALUE = 120

_PLACEHOLDER = re.compile(r"\{([a-z_]{1,24})\}")
_CONDITION = re.compile(r"^\(if (?P<negated>no )?(?P<said>[^()]{1,120})\)[ \t]*", re.IGNORECASE)
_CODE_SPAN = re.compile(r"(`+)(?:(?!\1).)+?\1")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,119}")
"""What may stand in a command: it cannot begin an option, end a word, or mean anything to a shell."""


class StepText(Noun):
    """A step as it was written."""

    text: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Filled:
    """A step that applies, with values in it."""

    text: str
    commands: tuple[str, ...]
    missing: tuple[str, ...]


def applying(steps: Sequence[StepText], values: Mapping[str, str]) -> list[Filled]:
    """Those of the steps that apply, filled."""
    known = {name: value for name, value in values.items() if name in NAMES and value.strip()}
    return [filled(step, known) for step in steps if applies(step.text, known)]


def applies(text: str, known: Mapping[str, str]) -> bool:
    """Whether the condition at the begin of the step, where it has one, is met."""
    condition = _CONDITION.match(text)
    if condition is None:
        return True
    named = [name for name in _PLACEHOLDER.findall(condition["said"]) if name in NAMES]
    if condition["negated"]:
        return not any(name in known for name in named)
    return all(name in known for name in named)


def filled(step: StepText, known: Mapping[str, str]) -> Filled:
    """The step without its condition, each placeholder replaced by its value or, openly, by `<name>`."""
    missing: dict[str, None] = {}
    condition = _CONDITION.match(step.text)
    has_names = condition is not None and any(n in NAMES for n in _PLACEHOLDER.findall(condition["said"]))
    text = step.text[condition.end() :] if condition is not None and has_names else step.text
    return Filled(
        text=_in_prose(text, known, missing),
        commands=tuple(_in_code(line, known, missing) for line in step.commands),
        missing=tuple(missing),
    )


def is_plain(value: str) -> bool:
    """Whether a value is a plain name, version or time that may stand in a command."""
    return _PLAIN.fullmatch(value) is not None and redact(value) == value


def as_data(value: str) -> str:
    """Any value as a short quotation that no Markdown, terminal or reader takes for more than that."""
    harmless = redact(one_line(value, LONGEST_VALUE)).translate({ord(c): "'" for c in '`“”"<>'})
    return f"“{harmless}”"


def _in_prose(text: str, known: Mapping[str, str], missing: dict[str, None]) -> str:
    shown, at = "", 0
    for span in _CODE_SPAN.finditer(text):
        shown += _outside(text[at : span.start()], known, missing) + _in_code(span[0], known, missing)
        at = span.end()
    return shown + _outside(text[at:], known, missing)


def _outside(text: str, known: Mapping[str, str], missing: dict[str, None]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in NAMES:
            return match[0]
        if name not in known:
            return _absent(name, missing)
        return known[name] if is_plain(known[name]) else as_data(known[name])

    return _PLACEHOLDER.sub(value, text)


def _in_code(text: str, known: Mapping[str, str], missing: dict[str, None]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in NAMES:
            return match[0]
        return known[name] if name in known and is_plain(known[name]) else _absent(name, missing)

    return _PLACEHOLDER.sub(value, text)


def _absent(name: str, missing: dict[str, None]) -> str:
    missing[name] = None
    return f"<{name}>"
