"""What the baselines look at where a service has no metrics: its requests, errors and durations, counted from spans."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.datasets.cases import Trigger
from watchkeeper.evaluation.baseline_series import (
    Aspect,
    Floats,
    Ints,
    Series,
    completed,
    inside,
    may_be_read,
    micros_of,
    pool,
    times_of,
)
from watchkeeper.tables import SPANS

FINE_SECONDS, COARSE_SECONDS = 10, 60
LONGEST_FINE = timedelta(hours=1)
"""Up to this length of recording spans are counted in fine steps."""


@dataclass(frozen=True)
class _Steps:
    """The steps in which spans were counted: only those in which something was recorded, and that are over."""

    micros: Ints
    """When each begins, shape (n,)."""
    of_span: Ints
    """The place of each span's step among them, -1 for none, shape (spans,)."""


def span_series(table: pa.Table, trigger: Trigger, lead_seconds: float) -> list[Series]:
    """Requests, errors and mean duration (ns) of each service, in steps of which one begins at the signal's lead.

    Requests are the spans that answer a caller; all spans, where a service has none of these. A step in which no
    service has a span was not recorded, and is none in which there were no requests.
    """
    spans = completed(table, SPANS, ("time", "service_name", "duration_ns"))
    begins = times_of(spans)
    durations = np.asarray(spans["duration_ns"].to_numpy(), dtype=np.float64)
    ends = begins + (durations / 1e3).astype(np.int64)
    may = np.flatnonzero(may_be_read(begins, ends, trigger))
    if may.size == 0:
        return []
    readable = spans.take(pa.array(may))
    steps = _steps(begins[may], trigger, lead_seconds)
    is_failed = pc.fill_null(pc.equal(readable["status_code"], "error"), False).to_numpy().astype(np.float64)
    return [
        pool(service, aspect, [(steps.micros, figure)])
        for service, rows in _requests(readable)
        for aspect, figure in _counted(steps, rows, is_failed, durations[may])
    ]


def _counted(steps: _Steps, rows: Ints, is_failed: Floats, durations: Floats) -> Iterator[tuple[Aspect, Floats]]:
    rows = rows[steps.of_span[rows] >= 0]
    places, size = steps.of_span[rows], steps.micros.size
    requests = np.bincount(places, minlength=size).astype(np.float64)
    yield "requests", requests
    yield "errors", np.bincount(places, is_failed[rows], size).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        yield "duration", np.bincount(places, durations[rows], size) / requests


def _steps(begins: Ints, trigger: Trigger, lead_seconds: float) -> _Steps:
    is_short = int(np.ptp(begins)) <= LONGEST_FINE // timedelta(microseconds=1)
    length = (FINE_SECONDS if is_short else COARSE_SECONDS) * 1_000_000
    origin = micros_of(trigger.signal.at - timedelta(seconds=lead_seconds))
    numbers, of_span = np.unique((begins - origin) // length, return_inverse=True)
    starts = origin + numbers * length
    ends = starts + length
    begins_good, ends_good = inside(starts, trigger.references), inside(ends - 1, trigger.references)
    # Recordings and good stretches begin and end somewhere within a step: such steps would look like a lull.
    is_recorded = (starts >= begins.min()) & (ends <= micros_of(trigger.until))
    is_whole = np.where(begins_good | ends_good, begins_good & ends_good, is_recorded)
    places = np.where(is_whole, np.cumsum(is_whole) - 1, -1)
    return _Steps(starts[is_whole], places[of_span.reshape(-1)])


def _requests(spans: pa.Table) -> Iterator[tuple[str, Ints]]:
    """Each service and the rows of its requests."""
    encoded = spans["service_name"].combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy()
    is_answer = pc.fill_null(pc.is_in(spans["kind"], pa.array(["server", "consumer"])), False).to_numpy()
    for code, service in enumerate(encoded.dictionary.to_pylist()):
        own = np.flatnonzero(codes == code)
        answers = own[is_answer[own]]
        yield service, answers if answers.size else own
