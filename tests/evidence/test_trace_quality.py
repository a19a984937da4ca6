import random

from telemetry_rows import at, point, span, spans

from watchkeeper.domain import Window
from watchkeeper.evidence.answers import window_text
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.trace_quality import COLUMNS, READINGS
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import MetricBucketQuery, RedQuery, SpanQuery

USUAL = Window(start=at(0), end=at(1200))
Row = dict[str, object]


def shop(*, keeps_all: bool) -> dict[str, object]:
    """A request a second, every fiftieth fails, all counted by a histogram; a tail sampler keeps the failures."""
    rng = random.Random(2)
    rows: list[Row] = []
    points: list[Row] = []
    for second in range(1, 1200):
        failed = second % 50 == 0
        if failed or keeps_all or rng.random() < 0.05:
            rows.append(span(second, status_code="error" if failed else "ok"))
        name = {"name": "http.server.request.duration", "kind": "histogram", "temporality": "delta", "unit": "s"}
        failure = [("error.type", "boom")] if failed else []
        points.append(point(second, value=0.005, count=1, attributes=failure, **name))
    return {"spans": spans(*rows), "metrics": table_of("metrics", points)}


def found(world: dict[str, object]) -> Row:
    ledger = Ledger(readings=READINGS)
    with store_of(world) as store:  # type: ignore[arg-type]
        of = [
            ledger.ask("?", "traces", store.spans, SpanQuery(window=USUAL))[0],
            ledger.ask("?", "traces", store.red, RedQuery(window=USUAL, step_seconds=5))[0],
            ledger.ask("?", "metrics", store.metric_buckets, MetricBucketQuery(window=USUAL, step_seconds=5))[0],
        ]
    number = ledger.derive("Can spans be believed?", "trace quality", of, {"usual": window_text(USUAL)}, USUAL)
    (row,) = ledger.rows(number).to_pylist()
    assert tuple(row) == COLUMNS
    return row


def test_spans_of_a_tail_sampler_are_told_by_what_metrics_count() -> None:
    row = found(shop(keeps_all=False))
    assert row["is_tail_sampled"]
    assert row["coverage"] < 0.1
    assert "of them fail against" in str(row["because"])


def test_spans_that_metrics_agree_with_are_believed() -> None:
    row = found(shop(keeps_all=True))
    assert not row["is_tail_sampled"]
    assert 0.95 < row["coverage"] < 1.05
