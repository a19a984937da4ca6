import math
import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from watchkeeper.analysis.trace_quality import Served, TraceQuality, sampling_ratios, trace_quality
from watchkeeper.tables import table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
Row = dict[str, object]


def span(second: float, id_: str, parent: str | None = None, ms: float = 10.0, **more: object) -> Row:
    return {
        "time": NOON + timedelta(seconds=second),
        "duration_ns": int(ms * 1e6),
        "service_name": "pay",
        "trace_id": f"t{int(second)}",
        "span_id": id_,
        "parent_span_id": parent,
        "name": "POST /pay",
        "kind": "server",
        "status_code": "unset",
    } | more


def table(*rows: Row) -> pa.Table:
    return table_of("spans", list(rows))


def quality(*rows: Row, **counts: dict[str, Served]) -> TraceQuality:
    (found,) = trace_quality(table(*rows), **counts)
    return found


def pairs(count: int) -> list[Row]:
    return [row for n in range(count) for row in (span(n, "a"), span(n, "b", "a"))]


def test_whole_traces_have_no_fault() -> None:
    found = quality(*pairs(50))
    assert (found.spans, found.orphans, found.duplicates, found.sampled) == (100, 0.0, 0.0, 1.0)
    assert (found.is_tail_sampled, math.isnan(found.coverage)) == (False, True)


def test_a_span_whose_parent_is_missing_is_an_orphan() -> None:
    rows = [row for row in pairs(41) if row["span_id"] == "b" or row["trace_id"] != "t7"]
    assert quality(*rows).orphans == pytest.approx(1 / 40)


def test_a_parent_that_began_before_these_spans_is_not_missing() -> None:
    assert math.isnan(quality(span(0.0, "b", "a"), span(0.001, "c", "a")).orphans)


def test_a_span_that_was_exported_twice_counts_as_a_duplicate_once() -> None:
    assert quality(span(1, "a"), span(1, "a"), span(2, "a"), span(3, "a")).duplicates == 0.25


@pytest.mark.parametrize(
    ("attributes", "ratio"),
    [
        ({"sampling.ratio": "0.25"}, 0.25),
        ({"sampling.probability": "0.1"}, 0.1),
        ({"SampleRate": "20"}, 0.05),
        ({"sampler.type": "probabilistic", "sampler.param": "0.5"}, 0.5),
        ({"sampler.type": "const", "sampler.param": "1"}, 1.0),
        ({"tracestate": "ot=th:c;rv:fe,vendor=1"}, 0.25),
        ({"tracestate": "ot=p:3;r:5"}, 0.125),
        ({"tracestate": "ot=th:zzz"}, 1.0),
        ({"sampling.ratio": "7"}, 1.0),
        ({"other": "x"}, 1.0),
    ],
)
def test_the_ratio_of_sampling_is_read_where_spans_tell_it(attributes: dict[str, str], ratio: float) -> None:
    assert sampling_ratios(table(span(1, "a", attributes=list(attributes.items())))).tolist() == [ratio]


def test_the_share_that_is_kept_weighs_every_span_by_what_it_stands_for() -> None:
    rows = [span(n, "a", attributes=[("sampling.ratio", "1" if n % 2 else "0.25")]) for n in range(10)]
    assert quality(*rows).sampled == pytest.approx(2 / 5)


ALL = {"pay": Served(1000, 10, 50)}


@pytest.mark.parametrize(
    ("counted", "is_tail_sampled"),
    [
        (Served(1000, 10, 50), False),
        (Served(900, 10, 55), False),
        (Served(100, 1, 50), False),
        (Served(100, 10, 60), True),
        (Served(100, 1, 200), True),
        (Served(0, 0, math.nan), False),
    ],
    ids=["all", "nearly all", "a fair sample", "more failures", "slower", "none"],
)
def test_spans_that_look_worse_than_metrics_and_are_fewer_are_tail_sampled(
    counted: Served, is_tail_sampled: bool
) -> None:
    found = quality(*pairs(3), counted={"pay": counted}, measured=ALL)
    assert (found.is_tail_sampled, bool(found.because)) == (is_tail_sampled, is_tail_sampled)
    assert found.coverage == counted.requests / 1000


def test_the_mark_of_a_tail_sampler_tells() -> None:
    assert quality(span(1, "a", attributes=[("tailsampling.policy", "errors")])).is_tail_sampled


def tail_sampled(*, keeps_short: bool) -> list[Row]:
    """Traces that failed, and of the others those of a second and more, or all."""
    rng = random.Random(3)
    rows = []
    for n in range(4000):
        ms, failed = rng.lognormvariate(5.0, 1.2), n % 20 == 0
        if failed or ms > 1000 or (keeps_short and n % 4):
            rows.append(span(n, "a", ms=ms, status_code="error" if failed else "ok"))
    return rows


def test_without_metrics_failures_and_a_missing_lower_half_of_durations_tell() -> None:
    assert quality(*tail_sampled(keeps_short=False)).is_tail_sampled
    assert not quality(*tail_sampled(keeps_short=True)).is_tail_sampled


def test_failing_fast_while_successes_are_steady_is_no_tail_sampling() -> None:
    rows = [span(n, "a", ms=2 if n % 2 else 40 + n % 5, status_code="error" if n % 2 else "ok") for n in range(200)]
    assert not quality(*rows).is_tail_sampled


def test_the_order_of_rows_does_not_matter() -> None:
    rows = [*tail_sampled(keeps_short=False), *pairs(20), span(9000, "z", "gone")]
    mixed = rows[:]
    random.Random(1).shuffle(mixed)
    counts = {"counted": ALL, "measured": ALL}
    assert quality(*rows, **counts) == quality(*mixed, **counts)


def test_no_spans_have_no_quality() -> None:
    assert trace_quality(table()) == []
