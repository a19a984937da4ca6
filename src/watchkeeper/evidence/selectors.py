"""Selectors: one figure asked of rows, such as `max(mean_ms) where service = "cart"`; parsed strictly, no code runs."""

import json
import operator
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.domain import Operator, Scalar
from watchkeeper.errors import QueryRejected

_CALL = re.compile(r"\s*(count|min|max|mean|sum|first|last|quantile_(?:0?\.\d+|[01]))\(\s*(\w*)\s*\)\s*")
_LITERAL = r'"(?:[^"\\]|\\.)*"|true|false|-?\d+(?:\.\d+)?(?:e-?\d+)?'
_CONDITION = re.compile(rf"\s*(\w+)\s*(=|≠|!=|≤|<=|≥|>=|<|>)\s*({_LITERAL})\s*")
_SAME = {"!=": "≠", "<=": "≤", ">=": "≥"}
_COMPARE: dict[str, Callable[[pa.ChunkedArray, pa.Scalar], pa.ChunkedArray]] = {
    "=": pc.equal,
    "≠": pc.not_equal,
    "<": pc.less,
    "≤": pc.less_equal,
    ">": pc.greater,
    "≥": pc.greater_equal,
}
NEAR = 0.05
"""What `≈` allows, as a share of the value."""


@dataclass(frozen=True)
class Condition:
    """One column compared with one literal."""

    column: str
    sign: str
    value: str | float | bool

    def __str__(self) -> str:
        return f"{self.column} {self.sign} {json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True)
class Selector:
    """An aggregate of one column over the rows that meet all conditions."""

    aggregate: str
    column: str
    conditions: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        where = " and ".join(str(each) for each in self.conditions)
        return f"{self.aggregate}({self.column})" + (f" where {where}" if where else "")

    def over(self, column: str) -> "Selector":
        """The same of another column."""
        return replace(self, column=column)

    def about(self, column: str, value: str) -> "Selector":
        """The same with that column held to another value."""
        swapped = (replace(c, value=value) if c.column == column and c.sign == "=" else c for c in self.conditions)
        return replace(self, conditions=tuple(swapped))

    def without(self, columns: Collection[str]) -> "Selector":
        """The same without conditions on those columns."""
        return replace(self, conditions=tuple(c for c in self.conditions if c.column not in columns))

    def held(self, column: str) -> str | None:
        """The text that a column is held to by an equality, if there is one."""
        values = (c.value for c in self.conditions if c.column == column and c.sign == "=")
        return next((value for value in values if isinstance(value, str)), None)


def select(aggregate: str, column: str = "", **held: str | float | bool) -> Selector:
    """A selector whose conditions are equalities."""
    return Selector(aggregate, column, tuple(Condition(name, "=", value) for name, value in held.items()))


def parse(text: str) -> Selector:
    """The selector that a text spells; raises QueryRejected saying what was expected where."""
    call = _CALL.match(text)
    if call is None or (call[1] == "count") != (call[2] == ""):
        raise QueryRejected(f"selector {text[:80]!r}: expected `count()` or such as `max(column)` at its begin")
    rest, conditions = text[call.end() :], []
    joint = "where"
    while rest:
        if not re.match(rf"{joint}\s", rest):
            raise QueryRejected(f"selector {text[:80]!r}: expected `{joint}` before {rest[:40]!r}")
        found = _CONDITION.match(rest, len(joint))
        if found is None:
            raise QueryRejected(f"selector {text[:80]!r}: expected `column = literal` at {rest[len(joint) :][:40]!r}")
        conditions.append(Condition(found[1], _SAME.get(found[2], found[2]), json.loads(found[3])))
        rest, joint = rest[found.end() :], "and"
    return Selector(call[1], call[2], tuple(conditions))


def evaluate(selector: Selector, rows: pa.Table) -> Scalar:
    """The selector's figure over the rows; None where no row has one, 0 for a count or sum of none.

    Raises QueryRejected for a column that is not there, or that cannot be compared or added up.
    """
    try:
        kept = _matching(selector, rows)
        return kept.num_rows if selector.aggregate == "count" else _figure(selector, kept)
    except (pa.ArrowException, ValueError) as error:
        raise QueryRejected(f"selector `{selector}` does not fit these rows: {str(error).splitlines()[0]}") from error


def _matching(selector: Selector, rows: pa.Table) -> pa.Table:
    for condition in selector.conditions:
        column = _column(rows, condition.column)
        mask = _COMPARE[condition.sign](column, _literal(condition.value, column.type))
        rows = rows.filter(pc.fill_null(mask, False))
    return rows


def _column(rows: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in rows.column_names:
        raise QueryRejected(f"there is no column {name!r} in these rows (known: {', '.join(rows.column_names)})")
    return rows[name]


def _literal(value: str | float | bool, kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_timestamp(kind) and isinstance(value, str):
        return pa.scalar(datetime.fromisoformat(value), kind)
    return pa.scalar(value, kind)


def _figure(selector: Selector, rows: pa.Table) -> Scalar:
    column = _column(rows, selector.column)
    if pa.types.is_floating(column.type):
        column = column.filter(pc.is_finite(column))
    column = column.drop_null()
    name = selector.aggregate
    if len(column) == 0:
        return 0 if name == "sum" else None
    if name in ("first", "last"):
        value = column[0 if name == "first" else -1].as_py()
    elif name.startswith("quantile_"):
        value = float(np.quantile(column.to_numpy(), float(name.removeprefix("quantile_"))))
    else:
        value = {"min": pc.min, "max": pc.max, "mean": pc.mean, "sum": pc.sum}[name](column).as_py()
    return value if isinstance(value, str | int | float | bool | datetime) else str(value)


def holds(found: Scalar, sign: Operator, value: Scalar) -> bool:
    """Whether `found sign value` is true; nothing holds of a figure that is not there, or of one of another kind."""
    if isinstance(found, datetime) and isinstance(value, str):
        value = _time(value)
    if found is None or value is None or isinstance(found, str) != isinstance(value, str):
        return False
    if isinstance(found, datetime) != isinstance(value, datetime):
        return False
    if any(isinstance(each, float) and each != each for each in (found, value)):
        return False
    if sign == "≈":
        if not isinstance(found, int | float) or not isinstance(value, int | float):
            return False
        return abs(found - value) <= NEAR * abs(value)
    if sign in ("before", "after") and not isinstance(found, datetime):
        return False
    return bool(_SIGNS[sign](found, value))


def _time(text: str) -> datetime | None:
    """A time as JSON keeps it; None where the text is none, or has no zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


_SIGNS: dict[str, Callable[[Any, Any], object]] = {
    "=": operator.eq,
    "≠": operator.ne,
    "<": operator.lt,
    "≤": operator.le,
    ">": operator.gt,
    "≥": operator.ge,
    "before": operator.lt,
    "after": operator.gt,
}
