"""SQL as text with bound values: fragments that compose, and that can be spelled out for a person to paste."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Formatter

from watchkeeper.errors import QueryRejected

Value = str | int | float | bool | datetime | None


@dataclass(frozen=True)
class Sql:
    """A fragment or a whole statement; each `?` of the text stands for one of the values."""

    text: str
    values: tuple[Value, ...] = ()

    def spelled_out(self) -> str:
        """The same text with its values written into it."""
        head, *rest = self.text.split("?")
        return head + "".join(f"{literal(value)}{part}" for value, part in zip(self.values, rest, strict=True))


def sql(template: str, **parts: Sql | Value) -> Sql:
    """The template with each `{name}` replaced: by a fragment as it is, by any other value as a bound one.

    The template itself holds no question mark and is never made of foreign text.
    """
    text: list[str] = []
    values: list[Value] = []
    for before, name, _, _ in Formatter().parse(template):
        text.append(before)
        if name is None:
            continue
        part = parts[name]
        fragment = part if isinstance(part, Sql) else Sql("?", (part,))
        text.append(fragment.text)
        values.extend(fragment.values)
    return Sql("".join(text), tuple(values))


def joined(separator: str, parts: Iterable[Sql]) -> Sql:
    """The fragments one after the other."""
    listed = list(parts)
    return Sql(separator.join(part.text for part in listed), tuple(value for part in listed for value in part.values))


def one_of(expression: str, values: Iterable[Value]) -> Sql:
    """A condition: the expression is one of the values, of which there is at least one."""
    return sql(f"{expression} IN ({{options}})", options=joined(", ", (Sql("?", (value,)) for value in values)))


def literal(value: Value) -> str:
    """The value as SQL writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{_in_utc(value).isoformat(sep=' ')}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise QueryRejected(f"{time.isoformat()} is no time in UTC, expected one of the years 1 to 9999") from error
