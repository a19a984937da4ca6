"""Values of OTLP as watchkeeper keeps them: text, and histograms with explicit bounds, the same for each encoding."""

import math
from datetime import UTC, datetime

import orjson

from watchkeeper.errors import PayloadRejected
from watchkeeper.telemetry.otlp_columns import (
    EARLIEST_NS,
    INT64_MAX,
    LATEST_NS,
    MAXIMUM_ATTRIBUTES,
    MAXIMUM_BUCKETS,
    MAXIMUM_SPAN_EVENTS,
    MAXIMUM_VALUE_CHARACTERS,
    Attributes,
    MetricRow,
)

Plain = str | bool | int | float | list["Plain"] | dict[str, "Plain"] | None
"""An AnyValue as Python has it; bytes are base64 text."""

MAXIMUM_DEPTH = 16
"""Lists and maps inside each other; what lies deeper is left out."""


def text_of(value: Plain) -> str | None:
    """An attribute's value as text: numbers and booleans as JSON writes them, lists and maps as JSON."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value) if math.isfinite(value) else _not_finite(value)
        case _:
            return orjson.dumps(value).decode()


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def events_text(events: list[tuple[int, str, Attributes]]) -> str | None:
    """A span's events, (time in ns, name, attributes) each, as a JSON list; null where there are none."""
    if not events:
        return None
    told = [
        {"time": time_text(time), "name": _cut(name), "attributes": _bounded(attributes)}
        for time, name, attributes in events[:MAXIMUM_SPAN_EVENTS]
    ]
    return orjson.dumps(told).decode()


def time_text(nanoseconds: int) -> str | None:
    """A time as ISO 8601 text in UTC, null where it is implausible."""
    if not EARLIEST_NS <= nanoseconds < LATEST_NS:
        return None
    whole, rest = divmod(nanoseconds // 1_000, 1_000_000)
    return datetime.fromtimestamp(whole, UTC).replace(microsecond=rest).isoformat()


def _bounded(attributes: Attributes) -> Attributes:
    return {key: value and _cut(value) for key, value in list(attributes.items())[:MAXIMUM_ATTRIBUTES]}


def _cut(text: str) -> str:
    return text.replace("\0", "")[:MAXIMUM_VALUE_CHARACTERS]


def explicit_buckets(counts: list[int], bounds: list[float], metric: str) -> tuple[list[int], list[float]]:
    """A histogram's buckets as they came, checked: one more count than bounds, or none of either."""
    if (counts or bounds) and len(counts) != len(bounds) + 1:
        raise PayloadRejected(
            f"histogram {metric[:80]!r} has {len(counts)} bucket counts for {len(bounds)} bounds, "
            f"expected {len(bounds) + 1}"
        )
    _check_number(len(counts), metric)
    return [min(count, INT64_MAX) for count in counts], bounds


def exponential_buckets(
    scale: int,
    zero_count: int,
    positive: tuple[int, list[int]],
    negative: tuple[int, list[int]],
    metric: str,
) -> tuple[list[int], list[float]]:
    """An exponential histogram's buckets with explicit bounds; `positive` and `negative` are offset and counts.

    Bucket i lies between base**(offset + i) and base**(offset + i + 1), with base = 2**(2**-scale)
    (OpenTelemetry metrics data model, "ExponentialHistogram"). Returns counts (n + 1) and bounds (n).
    """
    _check_number(len(positive[1]) + len(negative[1]), metric)
    bounds: list[float] = []
    counts: list[int] = [0]
    if negative[1]:
        bounds += [-edge for edge in reversed(_edges(scale, *negative))]
        counts += reversed(negative[1])
    if positive[1] or not bounds:
        edges = _edges(scale, *positive) if positive[1] else [0.0]
        bounds += edges
        counts = [*counts, zero_count, *positive[1], 0] if negative[1] else [zero_count, *positive[1], 0]
    else:
        counts.append(zero_count)
    return [min(count, INT64_MAX) for count in counts], bounds


def _edges(scale: int, offset: int, counts: list[int]) -> list[float]:
    return [_power(scale, offset + index) for index in range(len(counts) + 1)]


def _power(scale: int, index: int) -> float:
    """base**index, kept within what a float can hold."""
    exponent = math.ldexp(index, -max(-64, min(64, scale)))
    return math.pow(2.0, max(-1_074.0, min(1_023.999, exponent)))


def summary_rows(
    place: int,
    time: int,
    name: str,
    unit: str,
    total: float,
    count: int,
    quantiles: list[tuple[float, float]],
    attributes: Attributes,
) -> list[MetricRow]:
    """A summary's point: one row with sum and count, and one gauge `NAME.quantile` for each quantile."""
    whole: MetricRow = (place, time, name, unit, "summary", None, None, total, count, None, None, attributes)
    return [
        whole,
        *(
            (
                place,
                time,
                f"{name}.quantile",
                unit,
                "gauge",
                None,
                None,
                value,
                None,
                None,
                None,
                {**attributes, "quantile": text_of(quantile)},
            )
            for quantile, value in quantiles
        ),
    ]


def _check_number(buckets: int, metric: str) -> None:
    if buckets > MAXIMUM_BUCKETS:
        raise PayloadRejected(f"histogram {metric[:80]!r} has {buckets} buckets, at most {MAXIMUM_BUCKETS} are taken")
