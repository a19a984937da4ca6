"""What is wrong with the spans themselves: broken, duplicated, sampled, and kept because they failed or were slow.

Requests, failures and durations read from a tail-sampled stream lie: it holds the bad requests and few others.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.analysis.robust import ratio_rise
from watchkeeper.analysis.series import Floats
from watchkeeper.analysis.spans import Spans, read_spans

T = TypeVar("T")

FULL_COVERAGE = 0.8
"""Of the requests that metrics count, from which share on spans are taken to be all of them: clocks and exports lag."""
SIGNIFICANCE, LEAST_TIMES, LEAST_REQUESTS = 1e-3, 2.0, 30
"""How sure, by how many times worse, and among how many requests spans must look worse than metrics."""
FAILING_TRACES, CUT_RATIO, TAIL_RATIO = 0.3, 1.5, 2.0
"""Without metrics: so many traces fail in calm times; successes begin within this ratio below their median, as if cut
off, and reach as far above it as a tail does."""
_POLICY = ("tailsampling.", "tail_sampling.", "sampling.policy")
_RATIOS = ("sampling.ratio", "sampling.probability")
_COUNTS = ("sampling.adjusted_count", "samplerate", "sample_rate")
_THRESHOLD_BITS = 56


@dataclass(frozen=True)
class Served:
    """Requests to one service over a stretch, as spans or as metrics count them; NaN where a mean is not known."""

    requests: float
    errors: float
    mean_ms: float


@dataclass(frozen=True)
class TraceQuality:
    """How far the spans of one service can be believed; shares are of its spans, NaN where there is nothing to tell."""

    service: str
    spans: int
    orphans: float
    """Whose parent is missing, though it should have begun within these spans."""
    duplicates: float
    """That were exported before."""
    sampled: float
    """The share of requests that is kept, by what spans say of it; 1 where they say nothing."""
    coverage: float
    """Requests that spans show per request that metrics count, both over the same stretch."""
    is_tail_sampled: bool
    because: str
    """What tells it, in words; empty where it is not tail-sampled."""


def trace_quality(
    table: pa.Table, counted: Mapping[str, Served] | None = None, measured: Mapping[str, Served] | None = None
) -> list[TraceQuality]:
    """The quality of every service's spans, from a `SpanQuery` answer or any table of spans, services in order.

    `counted` is what all spans say of requests and `measured` what metrics say of the same; where both are known they
    decide about tail sampling, else marks of samplers do, else the shape of durations. The last needs a calm stretch:
    in an incident many traces fail anyway.
    """
    if table.num_rows == 0:
        return []
    spans, ratios = read_spans(table), sampling_ratios(table)
    duplicated, orphaned, may_be = _duplicated(table), *_orphans(spans)
    marked, shaped = _marked(table), _is_cut(spans)
    found = []
    for service in sorted(set(spans.service.tolist())):
        own = spans.service == service
        ratio = float(1 / np.mean(1 / ratios[own]))
        pair = ((counted or {}).get(service), (measured or {}).get(service))
        verdict = _verdict(*pair, bool(marked[own].any()), shaped)
        coverage = pair[0].requests / pair[1].requests if pair[0] and pair[1] and pair[1].requests else float("nan")
        orphans = float(orphaned[own].sum() / may_be[own].sum()) if may_be[own].any() else float("nan")
        found.append(
            TraceQuality(
                service=service,
                spans=int(own.sum()),
                orphans=orphans,
                duplicates=float(duplicated[own].mean()),
                sampled=ratio,
                coverage=coverage,
                is_tail_sampled=bool(verdict),
                because=verdict,
            )
        )
    return found


def sampling_ratios(table: pa.Table) -> Floats:
    """With which probability each span was kept, as its attributes or trace state say, shape (rows,); else 1.

    Understood are `sampling.ratio|probability`, `sampling.adjusted_count`, `SampleRate`, Jaeger's probabilistic
    `sampler.param`, and OpenTelemetry's consistent probability (`th` and `p` in `tracestate`). Its inverse is the
    weight with which a span stands for those that were dropped.
    """
    return np.array(_each(table, _ratio_of, ("sampl", "tracestate"), 1.0))


def _each(table: pa.Table, read: Callable[[dict[str, str]], T], marks: tuple[str, ...], otherwise: T) -> list[T]:
    """What a function reads in each span's attributes, where any key holds one of the marks."""
    column = table["attributes"].combine_chunks()
    keys = column.keys.dictionary_encode().dictionary.to_pylist() if len(column) else []
    if not any(mark in key.lower() for key in keys for mark in marks):
        return [otherwise] * table.num_rows
    return [read({key.lower(): value for key, value in entries or () if value}) for entries in column.to_pylist()]


def _ratio_of(attributes: dict[str, str]) -> float:
    if attributes.get("sampler.type") == "probabilistic" and "sampler.param" in attributes:
        return _within(attributes["sampler.param"])
    if ratio := next((attributes[key] for key in _RATIOS if key in attributes), None):
        return _within(ratio)
    if count := next((attributes[key] for key in _COUNTS if key in attributes), None):
        return 1 / max(1.0, _number(count) or 1.0)
    return _of_tracestate(attributes.get("tracestate") or attributes.get("w3c.tracestate") or "")


def _of_tracestate(text: str) -> float:
    told = [entry.partition("=")[2] for entry in text.split(",") if entry.strip().startswith("ot=")]
    fields = dict(pair.split(":", 1) for each in told for pair in each.split(";") if ":" in pair)
    try:
        if "th" in fields:
            return _within(str(1 - int(fields["th"][:14].ljust(14, "0"), 16) / 2**_THRESHOLD_BITS))
        return _within(str(2.0 ** -int(fields["p"]))) if "p" in fields else 1.0
    except (ValueError, OverflowError):
        return 1.0


def _within(text: str) -> float:
    value = _number(text)
    return value if value is not None and 0 < value <= 1 else 1.0


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _duplicated(table: pa.Table) -> NDArray[np.bool_]:
    ids = pc.binary_join_element_wise(table["trace_id"].combine_chunks(), table["span_id"].combine_chunks(), "/")
    return np.asarray(pc.index_in(ids, value_set=ids).to_numpy() != np.arange(table.num_rows), dtype=bool)


def _orphans(spans: Spans) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which spans' parents are missing, of those whose parent should be here, as it began within these spans."""
    names = np.asarray(pc.fill_null(spans.table["parent_span_id"], "").to_numpy(zero_copy_only=False), dtype=object)
    longest = float(np.quantile(spans.duration_us, 0.99))
    may_be = (names != "") & (spans.start_us >= spans.start_us.min() + longest)
    return may_be & (spans.parent < 0), may_be


def _marked(table: pa.Table) -> NDArray[np.bool_]:
    marks = _each(table, lambda own: any(key.startswith(_POLICY) for key in own), ("sampling",), False)
    return np.array(marks, dtype=bool)


def _is_cut(spans: Spans) -> bool:
    """Whether traces fail often though it is calm, and successes look cut off below."""
    traces = pc.dictionary_encode(spans.table["trace_id"].combine_chunks()).indices.to_numpy()
    longest, failed = np.zeros(traces.max() + 1), np.zeros(traces.max() + 1, dtype=bool)
    np.maximum.at(longest, traces, spans.duration_us)
    np.logical_or.at(failed, traces, spans.is_error)
    good = longest[~failed]
    if failed.mean() < FAILING_TRACES or good.size < LEAST_REQUESTS or good.min() <= 0:
        return False
    lowest, middle, highest = np.quantile(good, (0.01, 0.5, 0.95))
    has_short_failures = longest[failed].min() < lowest
    return bool(middle <= CUT_RATIO * lowest and highest >= TAIL_RATIO * middle and has_short_failures)


def _verdict(counted: Served | None, measured: Served | None, is_marked: bool, is_cut: bool) -> str:
    """Why the spans are those of a tail sampler; empty where they are not."""
    if is_marked:
        return "spans carry the mark of a tail sampler"
    if counted is None or measured is None or measured.requests < LEAST_REQUESTS:
        return "many traces fail in calm times and short successes are missing" if is_cut else ""
    if counted.requests >= FULL_COVERAGE * measured.requests or not counted.requests:
        return ""
    return "; ".join(_worse(counted, measured))


def _worse(counted: Served, measured: Served) -> Iterator[str]:
    shares = counted.errors / counted.requests, (measured.errors + 0.5) / (measured.requests + 1)
    p = ratio_rise(counted.errors, counted.requests, measured.errors, measured.requests)
    few = f"spans show {counted.requests / measured.requests:.0%} of the requests that metrics count"
    if shares[0] >= LEAST_TIMES * shares[1] and p <= SIGNIFICANCE:
        yield f"{few}, and {shares[0]:.1%} of them fail against {measured.errors / measured.requests:.1%}"
    if counted.requests >= LEAST_REQUESTS and counted.mean_ms >= LEAST_TIMES * measured.mean_ms > 0:
        yield f"{few}, which take {counted.mean_ms:.0f} ms on average against {measured.mean_ms:.0f} ms"
