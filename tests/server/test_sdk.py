"""What the real OpenTelemetry SDK exports arrives as it was meant; needs the extra `lab`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from watchkeeper.domain import Window
from watchkeeper.server.access import OpenToAll
from watchkeeper.server.running import running_server
from watchkeeper.telemetry.live import LiveStore
from watchkeeper.telemetry.sources import LogQuery, MetricQuery, RedQuery, SpanQuery

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra `lab`")

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

RESOURCE = Resource.create({"service.name": "cart", "service.version": "3.1", "service.instance.id": "cart-1"})


@pytest.fixture
def window() -> Window:
    now = datetime.now(UTC)
    return Window(start=now - timedelta(hours=1), end=now + timedelta(hours=1))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LiveStore]:
    with LiveStore(tmp_path / "store.duckdb") as store:
        yield store


@pytest.fixture
def url(store: LiveStore) -> Iterator[str]:
    with running_server(store, gate=OpenToAll()) as url:
        yield url


def test_spans_arrive_with_parents_errors_and_exceptions(url: str, store: LiveStore, window: Window) -> None:
    provider = TracerProvider(resource=RESOURCE)
    exporter = OTLPSpanExporter(f"{url}/v1/traces", compression=Compression.Gzip)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with (
        pytest.raises(KeyError),
        tracer.start_as_current_span("GET /cart", kind=SpanKind.SERVER),
        tracer.start_as_current_span("load"),
    ):
        raise KeyError("no such cart")
    provider.shutdown()
    root, child = store.reader.spans(SpanQuery(window=window)).rows.to_pylist()
    assert (root["service_name"], root["service_version"], root["service_instance_id"]) == ("cart", "3.1", "cart-1")
    assert (root["parent_span_id"], child["parent_span_id"]) == (None, root["span_id"])
    assert child["status_code"] == "error"
    assert "no such cart" in child["events"]
    red = store.reader.red(RedQuery(window=window)).rows
    assert (red["requests"].to_pylist(), red["errors"].to_pylist()) == ([1], [1])


def test_metrics_arrive_as_sums_and_histograms(url: str, store: LiveStore, window: Window) -> None:
    exporter = OTLPMetricExporter(f"{url}/v1/metrics", compression=Compression.Gzip)
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 3_600_000)], RESOURCE)
    meter = provider.get_meter("test")
    meter.create_counter("shop.orders").add(3, {"region": "eu"})
    meter.create_histogram("http.server.request.duration", "s").record(0.2)
    provider.shutdown()
    rows = {row["name"]: row for row in store.reader.points(MetricQuery(window=window)).rows.to_pylist()}
    orders, duration = rows["shop.orders"], rows["http.server.request.duration"]
    assert (orders["kind"], orders["value"], orders["temporality"]) == ("sum", 3.0, "cumulative")
    assert (duration["kind"], duration["count"], duration["unit"]) == ("histogram", 1, "s")
    assert sum(duration["bucket_counts"]) == 1


def test_logs_arrive_with_severity_and_scope(url: str, store: LiveStore, window: Window) -> None:
    provider = LoggerProvider(RESOURCE)
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs")))
    provider.get_logger("shop.cart").emit(
        LogRecord(body="no such cart", severity_number=SeverityNumber.ERROR, severity_text="ERROR")
    )
    provider.shutdown()
    (row,) = store.reader.records(LogQuery(window=window)).rows.to_pylist()
    assert (row["body"], row["severity_number"]) == ("no such cart", 17)
    assert ("otel.scope.name", "shop.cart") in row["attributes"]
