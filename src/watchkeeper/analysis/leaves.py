"""Requests by every combination of some attributes' values, the leaves of a drill-down, from spans or from metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from watchkeeper.analysis.contrasts import Figures, Sides
from watchkeeper.analysis.series import Floats
from watchkeeper.analysis.spans import Spans

MOST_VALUES = 50
"""An attribute with more values in a service tells requests apart, not portions of them."""
COLUMNS = {"service.version": "service_version", "service.instance.id": "service_instance_id"}
"""Attributes that spans have as columns; `operation` is their name."""

Values = tuple[str | None, ...]
REQUESTS, ERRORS, SPENT, LOGS, SQUARES = range(5)


@dataclass(frozen=True)
class Leaves:
    """One service's requests by the values of some attributes, in the incident and usually."""

    service: str
    attributes: tuple[str, ...]
    values: tuple[Values, ...]
    """One a leaf, in the attributes' order; None where a request does not have the attribute."""
    now: Floats
    """Shape (leaves, 5): requests, errors, ms spent, sum of the logarithms of ms, sum of their squares."""
    usual: Floats
    scale: float = 1.0
    """How many times as long the incident is as the usual stretch."""

    def sides(self, chosen: NDArray[np.bool_]) -> Sides:
        """The figures of those leaves together."""
        return Sides(*(_figures(part[chosen].sum(axis=0)) for part in (self.now, self.usual)))

    def column(self, attribute: str) -> NDArray[np.object_]:
        """Every leaf's value of an attribute, shape (leaves,)."""
        place = self.attributes.index(attribute)
        return np.array([values[place] for values in self.values], dtype=object)

    def by(self, attributes: Sequence[str]) -> "Leaves":
        """The same requests by fewer attributes."""
        columns = [self.column(name) for name in attributes]
        keys: list[Values] = list(zip(*columns, strict=True)) if columns else [()] * len(self.values)
        places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        sums = np.zeros((2, len(places), 5))
        for side, part in enumerate((self.usual, self.now)):
            np.add.at(sums[side], [places[key] for key in keys], part)
        return Leaves(self.service, tuple(attributes), tuple(places), sums[1], sums[0], self.scale)


def _figures(sums: Floats) -> Figures:
    return Figures(int(sums[0]), int(sums[1]), *(float(each) for each in sums[2:]))


def make_leaves(
    service: str, attributes: Sequence[str], rows: Sequence[tuple[Values, bool, Sequence[float]]], scale: float = 1.0
) -> Leaves:
    """Leaves from rows of values, whether they belong to the incident, and five sums; rows that agree are added up."""
    places: dict[Values, int] = {}
    for values, _, _ in rows:
        places.setdefault(values, len(places))
    sums = np.zeros((2, len(places), 5))
    for values, is_now, figures in rows:
        sums[int(is_now), places[values]] += figures
    return Leaves(service, tuple(attributes), tuple(places), sums[1], sums[0], scale)


def span_leaves(
    usual: Spans, incident: Spans, service: str, attributes: Sequence[str] | None = None, scale: float = 1.0
) -> Leaves:
    """Leaves from the requests that a service answered, read from two `SpanQuery` answers.

    Without attributes, those are taken that have 2 to 50 values, a success among their requests, and do not tell the
    consequences of a failure; the caller gives their names where they are known better, as from `portions`.
    """
    sides = [(spans, np.flatnonzero(spans.is_entry & (spans.service == service)), is_now) for spans, is_now in
             ((usual, False), (incident, True))]  # fmt: skip
    told = [(is_now, _values_of(spans, rows), _sums(spans, rows)) for spans, rows, is_now in sides]
    names = attributes if attributes is not None else _telling([values for _, values, _ in told])
    rows = [
        (tuple(values.get(name) for name in names), is_now, sums)
        for is_now, listed, figures in told
        for values, sums in zip(listed, figures.tolist(), strict=True)
    ]
    return make_leaves(service, names, rows, scale)


def _values_of(spans: Spans, rows: NDArray[np.int64]) -> list[dict[str, str]]:
    table = spans.table.take(pa.array(rows))
    found: list[dict[str, str]] = []
    for name, own, inherited in zip(*(table[c].to_pylist() for c in ("name", "attributes", "resource")), strict=True):
        known = {**dict(inherited or ()), **dict(own or ()), "operation": name}
        found.append({key: value for key, value in known.items() if value is not None})
    for attribute, column in COLUMNS.items():
        for values, value in zip(found, table[column].to_pylist(), strict=True):
            if value is not None:
                values[attribute] = value
    return found


def _sums(spans: Spans, rows: NDArray[np.int64]) -> Floats:
    ms = spans.duration_us[rows] / 1e3
    logs = np.log(np.maximum(ms, 1e-3))
    return np.column_stack([np.ones(rows.size), spans.is_error[rows], ms, logs, logs**2])


def _telling(sides: Sequence[Sequence[dict[str, str]]]) -> tuple[str, ...]:
    variety: dict[str, set[str]] = {}
    for values in (each for side in sides for each in side):
        for key, value in values.items():
            known = variety.setdefault(key, set())
            if len(known) <= MOST_VALUES:
                known.add(value)
    return tuple(sorted(key for key, known in variety.items() if 2 <= len(known) <= MOST_VALUES))
