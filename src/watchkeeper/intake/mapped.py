"""What any other tool posts: JSON, of which the JSONPath expressions of a mapping say where everything is."""

from functools import lru_cache
from typing import Annotated, Self

import jsonpath
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from watchkeeper.domain import Alert, AlertStatus
from watchkeeper.errors import PayloadRejected
from watchkeeper.intake import bodies
from watchkeeper.intake.bodies import Reading, ReadPost, Told
from watchkeeper.settings import Section

Compiled = jsonpath.JSONPath | jsonpath.CompoundJSONPath


@lru_cache(maxsize=1000)
def _compiled(expression: str) -> Compiled:
    return jsonpath.compile(expression)


def _that_compiles(expression: str) -> str:
    try:
        _compiled(expression)
    except (jsonpath.JSONPathError, RecursionError) as error:
        said = str(error).splitlines()[:1] or [type(error).__name__]
        raise ValueError(f"expected a JSONPath expression such as $.labels.service ({said[0]})") from error
    return expression


Expression = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_that_compiles)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Status(Section):
    """Where an alert's status is, and which words mean what; upper and lower case are the same."""

    path: Expression
    firing: tuple[Word, ...] = Field(min_length=1)
    resolved: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _each_word_means_one_thing(self) -> Self:
        both = {word.lower() for word in self.firing} & {word.lower() for word in self.resolved}
        if both:
            raise ValueError(f"expected words that are either firing or resolved, `{min(both)}` is both")
        return self

    def meant(self, word: str) -> AlertStatus | None:
        """What a word means; None for one that is not listed."""
        lower = word.strip().lower()
        if lower in {each.lower() for each in self.firing}:
            return "firing"
        return "resolved" if lower in {each.lower() for each in self.resolved} else None


class Mapping(Section):
    """Where a tool writes what; all expressions but `alerts` begin at one alert."""

    alerts: Expression = "$"
    name: Expression
    status: Status | None = None
    """None: whatever comes in fires."""
    starts_at: Expression | None = None
    ends_at: Expression | None = None
    service: Expression | None = None
    severity: Expression | None = None
    labels: Expression | None = None
    text: Expression | None = None
    link: Expression | None = None
    fingerprint: Expression | None = None


def read(body: bytes, mapping: Mapping, reading: Reading) -> ReadPost:
    """The alerts of one body; raises PayloadRejected with what, where, and what was expected."""
    found = _found(mapping.alerts, bodies.parsed(body), "the body")
    if not found:
        raise PayloadRejected(f"the body: expected alerts at {mapping.alerts}, but there is nothing")
    # `$.alerts` and `$.alerts[*]` mean the same.
    told = bodies.entries(found[0] if len(found) == 1 and isinstance(found[0], list) else found, mapping.alerts)
    return ReadPost(
        tuple(bodies.each(told, "alert {at}", lambda entry, where: _alert(entry, where, mapping, reading), reading))
    )


def _alert(value: object, where: str, mapping: Mapping, reading: Reading) -> Alert:
    entry = bodies.section(value, where)

    def first(expression: str | None) -> object:
        values = _found(expression, entry, where) if expression else []
        return values[0] if values else None

    given = first(mapping.fingerprint)
    told = Told(
        status=_status(mapping, entry, where),
        name=first(mapping.name),
        labels=_labels(first(mapping.labels)),
        starts_at=bodies.time(first(mapping.starts_at), f"{where}, {mapping.starts_at}"),
        ends_at=bodies.time(first(mapping.ends_at), f"{where}, {mapping.ends_at}"),
        service=first(mapping.service),
        severity=first(mapping.severity),
        texts=_found(mapping.text, entry, where) if mapping.text else (),
        link=first(mapping.link),
        # Two tools may both count their alerts from 1.
        fingerprint=None if given in (None, "") else f"{reading.source}:{bodies.as_text(given)}",
    )
    return bodies.alert(told, reading)


def _status(mapping: Mapping, entry: dict[str, object], where: str) -> AlertStatus:
    if mapping.status is None:
        return "firing"
    found = _found(mapping.status.path, entry, where)
    word = found[0] if found else None
    meant = mapping.status.meant(bodies.as_text(word))
    if meant is None:
        known = ", ".join((*mapping.status.firing, *mapping.status.resolved))
        raise PayloadRejected(f"{where}, {mapping.status.path}: expected one of {known}, not {bodies.shown(word)}")
    return meant


def _labels(value: object) -> dict[str, object]:
    """Labels as an object, or as a list of `name:value` texts; anything else is none."""
    if isinstance(value, dict):
        return value
    pairs = [each.partition(":") for each in value if isinstance(each, str)] if isinstance(value, list) else []
    return {name: text for name, _, text in pairs}


def _found(expression: str, value: object, where: str) -> list[object]:
    try:
        # Other values than objects and lists would be taken for JSON in a text.
        return _compiled(expression).findall(value) if isinstance(value, dict | list) else []
    except (jsonpath.JSONPathError, RecursionError) as error:
        raise PayloadRejected(f"{where}: {expression} cannot be followed: {str(error).splitlines()[0]}") from error
