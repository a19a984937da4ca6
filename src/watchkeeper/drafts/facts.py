"""Facts: each number, time and name that a draft may show, with where it comes from, so that it can be read again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from pydantic import BaseModel

from watchkeeper.catalogue import Catalogue
from watchkeeper.domain import CaseFile, EvidenceId, Scalar
from watchkeeper.drafts import arithmetic
from watchkeeper.drafts.formats import NUMBERS, TIMES, Style, Written, in_sum, write
from watchkeeper.drafts.people import services_in
from watchkeeper.drafts.policy import Policy

Path = tuple[str | int, ...]
"""A way into one of the roots, such as `("case", "diagnoses", 0, "scope", "since")`."""


@dataclass(frozen=True)
class Fact:
    """One value with the style in which it is written, and its origin: a field, or a sum over other facts."""

    name: str
    value: Scalar
    style: Style
    unit: str = ""
    path: Path = ()
    """Where it lies; empty for a sum."""
    expression: str = ""
    operands: Mapping[str, "Fact"] = field(default_factory=dict)
    evidence: EvidenceId | None = None
    """What the noun that holds it cites."""
    withheld: tuple[str, ...] = ()
    with_sum: bool = False
    """Whether the sum is written out before the result."""
    keeps_case: bool = False
    """Whether it begins with a name, which no sentence capitalises."""

    @cached_property
    def _written(self) -> Written:
        return write(self.value, self.style, self.unit, self.withheld)

    @property
    def markdown(self) -> str:
        """As it stands in a Markdown text."""
        return f"{self.sum} = {self._written.markdown}" if self.with_sum else self._written.markdown

    @property
    def plain(self) -> str:
        """As it stands in a title."""
        return self._written.plain

    @property
    def is_figure(self) -> bool:
        """Whether it is a number or a time, rather than a name or a text that was filled before."""
        return self.style in NUMBERS

    @property
    def sum(self) -> str:
        """The sum with the numbers in place, without its result."""
        days = {fact.value.date() for fact in self.operands.values() if isinstance(fact.value, datetime)}
        texts = {k: in_sum(f.value, f.style, f.unit, is_one_day=len(days) == 1) for k, f in self.operands.items()}
        return arithmetic.show(self.expression, texts)

    @property
    def shown(self) -> "Fact":
        """The same fact, written with its sum."""
        return replace(self, with_sum=bool(self.expression))

    @property
    def origin(self) -> str:
        """Where it comes from, for a reader: a field of the case or the catalogue, or a sum over such."""
        if not self.expression:
            return dotted(self.path)
        return f"{self.expression}, with {', '.join(f'{k} = {f.origin}' for k, f in self.operands.items())}"

    def styled(self, style: Style) -> "Fact":
        """The same fact, written in another style."""
        return replace(self, style=style)


class Facts(Mapping[str, Fact]):
    """The facts of one case: made by naming where a value lies, or which sum over others it is; never by hand."""

    def __init__(
        self,
        case: CaseFile,
        catalogue: Catalogue,
        now: datetime,
        policy: Policy | None = None,
        withheld: Sequence[str] = (),
    ) -> None:
        self._roots = {"case": case, "catalogue": catalogue, "policy": policy or Policy(), "now": now}
        self._withheld = tuple(withheld)
        self._services = services_in(case) | {*catalogue.services}
        self._known: dict[str, Fact] = {}

    def __getitem__(self, name: str) -> Fact:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def at(self, style: Style, *path: str | int, unit: str = "", evidence: EvidenceId | None = None) -> Fact | None:
        """The value that lies there, or None where there is none or an empty text."""
        value = self._looked_up(path, style)
        if value is None or value == "":
            return None
        name = dotted(path)
        fact = Fact(
            name,
            value,
            style,
            unit,
            path=path,
            evidence=evidence,
            withheld=self._withheld,
            keeps_case=style == "sentence" and str(value).split(" ")[0].strip(":,;") in self._services,
        )
        self._known[name] = fact
        return fact

    def each(self, style: Style, *path: str | int) -> tuple[Fact, ...]:
        """The values of the sequence that lies there."""
        count = self.count(*path)
        found = (self.at(style, *path, place) for place in range(count))
        return tuple(fact for fact in found if fact is not None)

    def count(self, *path: str | int) -> int:
        """How many values the sequence holds that lies there."""
        value = self._found(path)
        return len(value) if isinstance(value, tuple) else 0

    def sum(self, style: Style, name: str, expression: str, unit: str = "", **of: Fact | None) -> Fact | None:
        """The sum over other facts; None where one of them is missing, or it would be divided by zero."""
        operands = {key: fact for key, fact in of.items() if fact is not None}
        if len(operands) < len(of):
            return None
        try:
            value = _summed(expression, operands)
        except ZeroDivisionError:
            return None
        fact = Fact(name, value, style, unit, expression=expression, operands=operands)
        self._known[name] = fact
        return fact

    def again(self, fact: Fact) -> Scalar:
        """The value once more, from its origin alone: what a reader who doubts it would do."""
        if fact.expression:
            return _summed(fact.expression, {k: replace(f, value=self.again(f)) for k, f in fact.operands.items()})
        return self._looked_up(fact.path, fact.style)

    def _looked_up(self, path: Path, style: Style) -> Scalar:
        value = self._found(path)
        if style in TIMES and isinstance(value, str):
            return _time(value)
        if value is None or isinstance(value, str | int | float | bool | datetime):
            return value
        raise TypeError(f"{dotted(path)} is not one value")

    def _found(self, path: Path) -> object:
        value: object = self._roots[str(path[0])]
        for step in path[1:]:
            value = _inside(value, step)
        return value


def dotted(path: Path) -> str:
    """The path as people write it: `case.diagnoses[0].scope.since`."""
    words = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return words.removeprefix(".")


def _time(text: str) -> datetime | None:
    """A time out of an excerpt that was stored as text; None where it is none, or has no zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def _inside(value: object, step: str | int) -> object:
    if isinstance(value, BaseModel) and isinstance(step, str):
        return getattr(value, step)
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, tuple) and isinstance(step, int):
        return value[step]
    return None


def _summed(expression: str, operands: Mapping[str, Fact]) -> float | datetime:
    return arithmetic.compute(expression, {name: _operand(fact.value) for name, fact in operands.items()})


def _operand(value: Scalar) -> float | datetime:
    """The value as sums take it: times in whole seconds, as they are shown, so that a reader's sum comes out too."""
    return value.replace(microsecond=0) if isinstance(value, datetime) else float(value or 0.0)
