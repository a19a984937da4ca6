"""Which combinations of attributes' values carry the trouble, from the requests that were looked into."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from watchkeeper.analysis.drilldown import Effect, Measure, drill_down
from watchkeeper.analysis.leaves import span_leaves
from watchkeeper.domain import Reading, Scalar
from watchkeeper.evidence.answers import NO_ROWS, Answers, Readings, parameters_of
from watchkeeper.evidence.readings import spans_of, table_of_rows, windows_of
from watchkeeper.redaction import is_secret

MEASURES: tuple[Measure, ...] = ("errors", "latency", "requests")
UNITS: dict[Measure, str] = {"errors": "failures", "latency": "seconds", "requests": "requests missing"}
COLUMNS = (
    *("service", "attribute", "value", "measure", "requests_before", "requests", "errors_before", "errors"),
    *("extra", "extra_low", "extra_high", "unit", "share_of_trouble", "share_low", "share_high", "times_as_bad"),
    *("surprise", "fit"),
)


def effects_in(answers: Answers, reading: Reading) -> list[Effect]:
    """The portions that carry the trouble of each service, measure by measure, those that explain most first.

    `of` are the spans of the usual stretch and of the incident; the parameters are these two windows, and the services
    to look at, without which all are. Where the spans are a sample, counts are those of the sample: shares and times
    hold for all.
    """
    usual, incident = (spans_of(answers, number) for number in reading.of)
    if usual is None or incident is None:
        return []
    before, now = windows_of(reading)
    asked: Iterable[str] | None = parameters_of(reading).get("services")  # type: ignore[assignment]
    scale = now.duration / before.duration if before.duration else 1.0

    def search() -> list[Effect]:
        seen = set(incident.service[incident.is_entry]) | set(usual.service[usual.is_entry])
        services = sorted(seen.intersection(asked) if asked is not None else seen)
        found = []
        for service in services:
            leaves = span_leaves(usual, incident, service, scale=scale)
            found += [effect for measure in MEASURES for effect in drill_down(leaves, measure)]
        told = [e for e in found if not any(is_secret(*pair) for pair in zip(e.attributes, e.values, strict=True))]
        return sorted(told, key=lambda e: (-e.explained[0] * e.fit, e.service, e.measure, e.attribute, e.value))

    return answers.once((reading.name, *reading.of, reading.parameters), search)


def drill_down_rows(answers: Answers, reading: Reading) -> pa.Table:
    """The same as rows."""
    effects = effects_in(answers, reading)
    return table_of_rows(COLUMNS, [tuple(_row(effect)) for effect in effects]) if effects else NO_ROWS


def _row(effect: Effect) -> Iterator[Scalar]:
    now, usual, extra = effect.sides.now, effect.sides.usual, effect.extra
    yield from (effect.service, effect.attribute, effect.value, effect.measure)
    yield from (usual.requests, now.requests, usual.errors, now.errors)
    yield from (extra.amount, extra.low, extra.high, UNITS[effect.measure])
    yield from (*effect.explained, effect.times_as_bad, effect.surprise, effect.fit)


def combinations_in(answers: Answers, reading: Reading) -> list[tuple[str, str]]:
    """Services with attributes that matter only together, as `take_scope` counts them exactly."""
    return list(dict.fromkeys((e.service, e.attribute) for e in effects_in(answers, reading) if len(e.attributes) > 1))


READINGS: Readings = {"drill-down": drill_down_rows}
"""By the name that evidence carries."""
