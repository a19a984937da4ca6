"""Prose whose numbers code fills in: `{{e1: max(mean_ms) where service = "cart" | ms}}` becomes `531 ms`.

A placeholder names evidence and a selector, or a field that is given; `ratio(a, b)` and `between(a, b)` (seconds) join
two. What follows the bar is the unit: ms, s, time (seconds, shown as ms), %, %0, x, count, MB, clock, date, text. A
digit that stands in the text itself, outside a name that is known, has no source: such a sentence is refused.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from watchkeeper.domain import EvidenceId, Figure, Scalar
from watchkeeper.errors import QueryRejected
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.selectors import evaluate, parse, select
from watchkeeper.redaction import redact

PLACEHOLDER = re.compile(r'\{\{((?:"(?:[^"\\]|\\.)*"|[^"}]|\}(?!\}))*)\}\}')
_OUTSIDE_QUOTES = re.compile(r'"(?:[^"\\]|\\.)*"|\(|\)|,|\|')
_REFERENCE = re.compile(r"(e\d+)\s*(?::\s*(.+)|\.(\w+))", re.DOTALL)
_TERMS = re.compile(r"\bp\d{2}\b|\bP[1-4]\b|\be\d+\b")
"""Digits that are part of a term of the field: percentiles, severities, numbers of evidence."""
NOTHING = "(blank)"
"""What stands for a quotation of no characters."""
QUOTED = 160
"""Characters of a text that is quoted."""


@dataclass(frozen=True)
class Filled:
    """A text with its numbers in it, and where each comes from."""

    text: str
    figures: tuple[Figure, ...] = ()


def number_of(evidence: EvidenceId, selector: object, unit: str = "") -> str:
    """The placeholder for a figure of evidence."""
    return f"{{{{{evidence}: {selector} | {unit}}}}}"


def given(name: str, unit: str = "") -> str:
    """The placeholder for a field that is given when the text is filled."""
    return f"{{{{{name} | {unit}}}}}"


def between(first: str, second: str) -> str:
    """The placeholder for the seconds from one time to another, both of them placeholders."""
    return f"{{{{between({_inner(first)}, {_inner(second)}) | s}}}}"


def ratio(of: str, to: str, unit: str = "x") -> str:
    """The placeholder for one figure divided by another, both of them placeholders."""
    return f"{{{{ratio({_inner(of)}, {_inner(to)}) | {unit}}}}}"


def fill(
    template: str, answers: Answers, fields: Mapping[str, Scalar] | None = None, names: Collection[str] = ()
) -> Filled:
    """The text with every placeholder filled from the answers, or from `fields`.

    Raises QueryRejected for a placeholder that finds nothing, and for a bare digit outside `names`; SourceUnavailable
    where a source cannot be asked.
    """
    pieces, figures, end = [], [], 0
    for match in PLACEHOLDER.finditer(template):
        pieces.append(_without_bare_digits(template[end : match.start()], names))
        figure = _figure(match[1], answers, fields or {})
        pieces.append(figure.text)
        figures.append(figure)
        end = match.end()
    pieces.append(_without_bare_digits(template[end:], names))
    return Filled("".join(pieces), tuple(figures))


def _without_bare_digits(text: str, names: Collection[str]) -> str:
    found = bare_digits(text, names)
    if found is not None:
        raise QueryRejected(f"the number in {found[:40]!r} has no source")
    return text


def _figure(body: str, answers: Answers, fields: Mapping[str, Scalar]) -> Figure:
    expression, _, unit = _split_last(body, "|")
    value, evidence, selector = _value(expression.strip(), answers, fields)
    return Figure(text=say(value, unit.strip()), evidence=evidence, selector=selector, unit=unit.strip())


def say_again(figure: Figure, answers: Answers) -> str:
    """What a figure of evidence reads like when it is asked again; raises as `fill` does."""
    joint = figure.selector.startswith(tuple(f"{name}(" for name in _JOINTS))
    expression = figure.selector if joint else f"{figure.evidence}: {figure.selector}"
    return say(_value(expression, answers, {})[0], figure.unit)


def bare_digits(text: str, names: Collection[str]) -> str | None:
    """The first number in a text that is no part of a name or a term; None where there is none."""
    for name in sorted((n for n in names if any(c.isdigit() for c in n)), key=len, reverse=True):
        text = without(text, name)
    return next((word for word in _TERMS.sub("", text).split() if re.search(r"\d", word)), None)


def without(text: str, said: str) -> str:
    """The text without that name or figure, where it stands by itself and is no part of a longer number or word."""
    if said not in text:
        return text
    return re.sub(rf"(?<![\w.,]){re.escape(said)}(?!\w|[.,]\d)" if said[:1].isalnum() else re.escape(said), "", text)


def _value(expression: str, answers: Answers, fields: Mapping[str, Scalar]) -> tuple[Scalar, EvidenceId | None, str]:
    for name, join in _JOINTS.items():
        if expression.startswith(f"{name}(") and expression.endswith(")"):
            first, _, second = _split_last(expression[len(name) + 1 : -1], ",")
            a, evidence, one = _value(first.strip(), answers, fields)
            b, other, two = _value(second.strip(), answers, fields)
            ids = [f"{e}: {s}" if e else s for e, s in ((evidence, one), (other, two))]
            return join(a, b), evidence or other, f"{name}({', '.join(ids)})"
    if reference := _REFERENCE.fullmatch(expression):
        number = reference[1]
        found, selector = _asked(answers, number, reference[2], reference[3])
        if found is None:
            raise QueryRejected(f"{number} has nothing for `{selector}`")
        return found, number, selector
    if fields.get(expression) is None:
        raise QueryRejected(f"{expression[:80]!r} is neither evidence nor a field that is known")
    return fields[expression], None, expression


def _asked(answers: Answers, number: EvidenceId, selector: str | None, column: str | None) -> tuple[Scalar, str]:
    window = answers.entry(number).window
    if selector in ("start()", "end()"):
        return (window.start if selector == "start()" else window.end), selector
    rows = answers.rows(number)
    if column is not None and rows.num_rows != 1:
        raise QueryRejected(f"{number}.{column} is ambiguous: {number} has {rows.num_rows} rows")
    chosen = parse(selector) if selector is not None else select("first", str(column))
    return evaluate(chosen, rows), str(chosen)


def _ratio(a: Scalar, b: Scalar) -> Scalar:
    if not isinstance(a, int | float) or not isinstance(b, int | float) or b == 0:
        raise QueryRejected(f"{a} cannot be divided by {b}")
    return a / b


def _between(a: Scalar, b: Scalar) -> Scalar:
    if not isinstance(a, datetime) or not isinstance(b, datetime):
        raise QueryRejected(f"there is no time between {a} and {b}")
    return (b - a).total_seconds()


_JOINTS: dict[str, Callable[[Scalar, Scalar], Scalar]] = {"ratio": _ratio, "between": _between}


def _split_last(text: str, sign: str) -> tuple[str, str, str]:
    """The text at the last such sign that stands outside quotes and brackets."""
    depth, place = 0, None
    for token in _OUTSIDE_QUOTES.finditer(text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token[0] == sign and depth == 0:
            place = token.start()
    return (text, "", "") if place is None else (text[:place], sign, text[place + 1 :])


def _inner(placeholder: str) -> str:
    found = PLACEHOLDER.fullmatch(placeholder)
    assert found is not None, f"{placeholder} is no placeholder"
    return _split_last(found[1], "|")[0].strip()


def say(value: Scalar, unit: str) -> str:
    """A figure as people read it, with its unit; raises QueryRejected where the unit does not fit."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC" if unit == "date" else "%H:%M:%S UTC")
    if isinstance(value, str):
        text = " ".join(redact(value).split()) or NOTHING
        return text if len(text) <= QUOTED else f"{text[: QUOTED - 1]}…"
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise QueryRejected(f"{value} is no figure")
    form = _FORMS.get(unit)
    if form is None:
        raise QueryRejected(f"there is no unit {unit!r} (known: {', '.join(_FORMS)})")
    return form(float(value))


def _milliseconds(value: float) -> str:
    return (
        f"{value / 1e3:,.1f} s"
        if abs(value) >= 10_000
        else f"{value:,.0f} ms"
        if abs(value) >= 10
        else f"{value:.1f} ms"
    )


_FORMS: dict[str, Callable[[float], str]] = {
    "": lambda v: f"{v:,.3g}",
    "ms": _milliseconds,
    "s": lambda v: f"{v:,.0f} s" if abs(v) >= 10 or v == int(v) else f"{v:.1f} s",
    "time": lambda v: _milliseconds(v * 1e3),
    "%": lambda v: f"{v:.1%}",
    "%0": lambda v: f"{v:.0%}",
    "x": lambda v: f"{v:,.1f}",
    "count": lambda v: f"{v:,.0f}",
    "MB": lambda v: f"{v / 1e6:,.0f} MB",
}
