"""Traces, metrics and logs of one process of the shop, over OTLP/HTTP."""

import logging
import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urljoin

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span, Status, StatusCode, Tracer

from watchkeeper.lab.shop.settings import ServiceSettings

METRIC_INTERVAL_MS = 5000
BATCH_DELAY_MS = 1500
LAB_FOLDER = str(Path(__file__).parents[1])
PACKAGES = re.compile(r"/[^\s\"]*/(?:site-packages|dist-packages)/")
LOGGERS = {"shop": logging.INFO, "uvicorn.error": logging.INFO, "psycopg": logging.WARNING}
SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


class Gate:
    """Whether telemetry leaves the process; what is exported behind a closed gate is dropped."""

    def __init__(self) -> None:
        self.is_open = True


class _Spans(OTLPSpanExporter):
    gate: Gate

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return super().export(spans) if self.gate.is_open else SpanExportResult.SUCCESS


class _Metrics(OTLPMetricExporter):
    gate: Gate

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: object
    ) -> MetricExportResult:
        return super().export(metrics_data, timeout_millis) if self.gate.is_open else MetricExportResult.SUCCESS


class _Logs(OTLPLogExporter):
    gate: Gate

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return super().export(batch) if self.gate.is_open else LogRecordExportResult.SUCCESS


def describe_exception(error: BaseException) -> dict[str, str]:
    """The `exception.*` attributes of OpenTelemetry, with paths as they would be in a container."""
    kind = type(error)
    module = kind.__module__.removeprefix("watchkeeper.lab.")
    stack = "".join(traceback.format_exception(error)).replace("watchkeeper.lab.", "")
    stack = PACKAGES.sub("/usr/lib/python3/site-packages/", stack.replace(LAB_FOLDER, "/app"))
    for prefix in (sys.prefix, sys.base_prefix):
        stack = stack.replace(prefix, "/usr")
    return {
        "exception.type": kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}",
        "exception.message": str(error),
        "exception.stacktrace": stack,
    }


def mark_failed(span: Span, error: BaseException) -> None:
    """Give the span the exception as an event, and the status ERROR."""
    about = describe_exception(error)
    span.add_event("exception", about)
    span.set_attribute("error.type", about["exception.type"])
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"[:200]))


class LogBridge(logging.Handler):
    """Hands records of `logging` to OpenTelemetry, with the ids of the span that they were written in."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__(logging.INFO)
        self._provider = provider

    def emit(self, record: logging.LogRecord) -> None:
        """Export one record; its traceback goes into the `exception.*` attributes."""
        attributes: dict[str, str | int] = {
            "code.function.name": record.funcName,
            "thread.name": record.threadName or "",
        }
        if record.exc_info and record.exc_info[1] is not None:
            attributes |= describe_exception(record.exc_info[1])
        self._provider.get_logger(record.name).emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                severity_number=SEVERITIES.get(record.levelno, SeverityNumber.INFO),
                severity_text="WARN" if record.levelno == logging.WARNING else record.levelname,
                body=record.getMessage(),
                attributes=attributes,
            )
        )


class Telemetry:
    """The three signals of one process."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.gate = Gate()
        resource = _resource(settings)
        spans, metrics, logs = _exporters(settings, self.gate)
        self._tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracing.add_span_processor(
            BatchSpanProcessor(spans, schedule_delay_millis=BATCH_DELAY_MS, max_queue_size=8192)
        )
        reader = PeriodicExportingMetricReader(metrics, export_interval_millis=METRIC_INTERVAL_MS)
        self._metering = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._logging = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._logging.add_log_record_processor(BatchLogRecordProcessor(logs, schedule_delay_millis=BATCH_DELAY_MS))
        self.tracer: Tracer = self._tracing.get_tracer("shop")
        self.meter: Meter = self._metering.get_meter("shop")
        bridge = LogBridge(self._logging)
        for name, level in LOGGERS.items():
            logging.getLogger(name).addHandler(bridge)
            logging.getLogger(name).setLevel(level)

    def shut_down(self) -> None:
        """Send what is left and stop."""
        self._tracing.shutdown()
        self._logging.shutdown()
        self._metering.shutdown(timeout_millis=2000)


def _resource(settings: ServiceSettings) -> Resource:
    return Resource.create(
        {
            "service.name": settings.name,
            "service.version": settings.release.version,
            "service.instance.id": settings.instance,
            "service.namespace": "shop",
            "deployment.environment.name": "production",
            "host.name": settings.host,
            "process.pid": os.getpid(),
        }
    )


def _exporters(settings: ServiceSettings, gate: Gate) -> tuple[_Spans, _Metrics, _Logs]:
    def target(signal: str) -> str:
        return urljoin(settings.endpoint.rstrip("/") + "/", f"v1/{signal}")

    headers = settings.headers
    spans = _Spans(target("traces"), headers=headers, timeout=5, compression=Compression.Gzip)
    metrics = _Metrics(target("metrics"), headers=headers, timeout=5, compression=Compression.Gzip)
    logs = _Logs(target("logs"), headers=headers, timeout=5, compression=Compression.Gzip)
    spans.gate = metrics.gate = logs.gate = gate
    return spans, metrics, logs
