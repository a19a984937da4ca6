"""What a route asks of a case, and whether a case has it: the key `match` of `config/routes.yaml`."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, tzinfo
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, model_validator

from watchkeeper.catalogue import Name
from watchkeeper.domain import DiagnosisStatus, FaultKind, Noun, ReleaseStatus, Severity
from watchkeeper.settings import Section

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Item = TypeVar("Item")


class Facts(Noun):
    """What routes are chosen by: one case in the words of a `match`."""

    severity: Severity
    status: DiagnosisStatus
    release: ReleaseStatus
    at: AwareDatetime
    fault: FaultKind | None = None
    """None where no cause was established."""
    service: str | None = None
    team: str | None = None
    tier: int | None = None


def _several(value: object) -> object:
    if isinstance(value, list) and not value:
        raise ValueError("expected at least one item, an empty list matches nothing")
    return value if value is None or isinstance(value, list | tuple) else (value,)


def _hours(text: str) -> str:
    begin, _, end = text.partition("-")
    try:
        if _clock(begin) == _clock(end):
            raise ValueError("is no stretch of time")
    except ValueError as error:
        raise ValueError("expected hours such as 22:00-06:00") from error
    return text


def _clock(text: str) -> time:
    if len(text) != len("22:00"):
        raise ValueError("is no clock time")
    return time.fromisoformat(text)


def zone_of(name: str) -> tzinfo:
    """The time zone of that name; raises ValueError where there is none."""
    if name == "UTC":
        # A machine without time zone data knows this one too.
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError("expected the name of a time zone, such as Europe/Berlin") from error


def _zone(name: str) -> str:
    zone_of(name)
    return name


OneOrMore = Annotated[tuple[Item, ...] | None, BeforeValidator(_several)]
Tier = Annotated[int, Field(ge=1, le=4)]


class When(Section):
    """Hours of the day and days of the week, as clocks of one time zone show them."""

    hours: Annotated[str, AfterValidator(_hours)] | None = None
    weekdays: OneOrMore[Weekday] = None
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.hours is None and self.weekdays is None:
            raise ValueError("expected `hours`, `weekdays` or both")
        return self

    def borders(self) -> tuple[time, time] | None:
        """When it begins and ends, where hours are said."""
        if self.hours is None:
            return None
        begin, _, end = self.hours.partition("-")
        return _clock(begin), _clock(end)

    def holds(self, at: datetime) -> bool:
        """Whether the time lies inside; the end is outside, and hours may run over midnight."""
        local = at.astimezone(zone_of(self.time_zone))
        if self.weekdays is not None and WEEK[local.weekday()] not in self.weekdays:
            return False
        borders = self.borders()
        if borders is None:
            return True
        begin, end = borders
        now = local.time()
        return begin <= now < end if begin < end else now >= begin or now < end

    def words(self) -> str:
        """`22:00-06:00 sat, sun Europe/Berlin`."""
        return " ".join(part for part in (self.hours, ", ".join(self.weekdays or ()), self.time_zone) if part)


class Match(Section):
    """What must hold for a route to be taken; what is not said always holds."""

    severity: OneOrMore[Severity] = None
    status: OneOrMore[DiagnosisStatus] = None
    release: OneOrMore[ReleaseStatus] = None
    fault: OneOrMore[FaultKind] = None
    service: OneOrMore[Name] = None
    """Names, or patterns in which `*` stands for anything and `?` for one character."""
    team: OneOrMore[Name] = None
    tier: OneOrMore[Tier] = None
    when: When | None = None

    def asks(self) -> tuple[str, ...]:
        """The names of what it asks."""
        return tuple(name for name in Match.model_fields if getattr(self, name) is not None)

    def takes(self, facts: Facts) -> bool:
        """Whether the case has everything that it asks."""
        return all(self.has(name, facts) for name in self.asks())

    def has(self, name: str, facts: Facts) -> bool:
        """Whether the case has one thing that it asks."""
        if name == "when":
            return self.when is not None and self.when.holds(facts.at)
        value, wanted = getattr(facts, name), getattr(self, name)
        is_like = _like if name in ("service", "team") else _same
        return value is not None and any(is_like(value, item) for item in wanted)

    def agreements(self, facts: Facts) -> Iterator[str]:
        """In words, everything that it asks and the case has."""
        yield from (_known(name, facts, self.when) for name in self.asks() if self.has(name, facts))

    def objections(self, facts: Facts) -> Iterator[str]:
        """In words, everything that it asks and the case does not have; nothing where it matches."""
        for name in self.asks():
            if not self.has(name, facts):
                asked = (
                    self.when.words() if name == "when" and self.when else " or ".join(map(str, getattr(self, name)))
                )
                yield f"{_known(name, facts, self.when)}, not {asked}"


def _known(name: str, facts: Facts, when: When | None) -> str:
    if name == "when":
        zone = when.time_zone if when else "UTC"
        local = facts.at.astimezone(zone_of(zone))
        return f"it was {WEEK[local.weekday()]} {local:%H:%M} {zone}"
    value = getattr(facts, name)
    return f"{name} is {value}" if value is not None else f"{name} is not known"


def _same(value: object, item: object) -> bool:
    return value == item


def _like(value: object, pattern: object) -> bool:
    # A bracket is a bracket: only `*` and `?` stand for something else.
    return fnmatchcase(str(value), str(pattern).replace("[", "[[]"))
