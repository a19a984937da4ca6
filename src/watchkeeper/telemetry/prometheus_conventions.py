"""Under which names instrumentation tells Prometheus of requests: one table, the most telling first.

Where a service reports by several conventions, the first of the table counts and no other: they may be the same
requests.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Convention:
    """One way in which requests are counted and timed."""

    requests: str
    """A counter of requests."""
    durations: str | None
    """A histogram or summary, without `_sum`, `_count` and `_bucket`."""
    milliseconds: float = 1e3
    """What makes its durations milliseconds."""
    callees: tuple[str, ...] = ()
    """Of calls to others: the labels that name who is called, the first that a series has."""

    @property
    def counts_its_durations(self) -> bool:
        """Whether the counter is that of the histogram."""
        return self.requests == f"{self.durations}_count"


def _histogram(name: str, milliseconds: float = 1e3, callees: tuple[str, ...] = ()) -> Convention:
    return Convention(f"{name}_count", name, milliseconds, callees)


_PEERS = ("peer_service", "server_address", "net_peer_name", "client_name", "host")
_DATABASES = ("server_address", "db_system_name", "db_system")

SERVED = (
    # OpenTelemetry: since 1.23 of the semantic conventions, and before.
    _histogram("http_server_request_duration_seconds"),
    _histogram("http_server_duration_milliseconds", 1.0),
    _histogram("http_server_duration_seconds"),
    _histogram("rpc_server_duration_milliseconds", 1.0),
    _histogram("rpc_server_duration_seconds"),
    # Micrometer (Spring).
    _histogram("http_server_requests_seconds"),
    # Prometheus' own clients: a counter with a histogram or a summary beside it, one of both, other names for it.
    Convention("http_requests_total", "http_request_duration_seconds"),
    _histogram("http_request_duration_seconds"),
    _histogram("http_request_duration_milliseconds", 1.0),
    _histogram("request_duration_seconds"),
    Convention("grpc_server_handled_total", "grpc_server_handling_seconds"),
)
"""What services say of the requests that they answered."""

CALLED = (
    _histogram("http_client_request_duration_seconds", callees=_PEERS),
    _histogram("http_client_duration_milliseconds", 1.0, callees=_PEERS),
    _histogram("http_client_requests_seconds", callees=_PEERS),
    _histogram("rpc_client_duration_milliseconds", 1.0, callees=("peer_service", "server_address", "rpc_service")),
    _histogram("db_client_operation_duration_seconds", callees=_DATABASES),
)
"""What services say of the requests that they made."""

STATUSES = (
    *("http_response_status_code", "http_status_code", "status_code", "response_code", "rpc_grpc_status_code"),
    *("grpc_code", "code", "status", "outcome", "error_type"),
)
"""Labels that may say how a request ended; each that a series has counts."""
METHODS = ("http_request_method", "http_method", "method", "rpc_method", "grpc_method", "db_operation_name")
ROUTES = ("http_route", "route", "uri", "handler", "path", "endpoint", "url_template", "grpc_service", "rpc_service")
VERSIONS = ("service_version", "version")
INSTANCES = ("service_instance_id", "instance")

CPU_COUNTERS: Mapping[str, tuple[str, str]] = {
    "process_cpu_seconds_total": ("process.cpu.utilization", "1"),
    "container_cpu_usage_seconds_total": ("container.cpu.usage", "{cpu}"),
}
"""Counters of seconds of CPU, and the gauge of OpenTelemetry's (name, unit) that their rate is."""

_FAILED = re.compile(
    r"5\d\d|5xx|server_error|error|failed|failure|unknown|internal|unavailable|data_?loss|deadline_?exceeded", re.I
)
_GRPC_NUMBERS = {"2", "4", "13", "14", "15"}
_NAMED_ERROR = "error_type"


def first_of(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The value of the first of those labels that a series has; empty where it has none."""
    return next((labels[name] for name in names if labels.get(name)), "")


def operation_of(labels: Mapping[str, str]) -> str:
    """What was asked for, as spans are named: `GET /cart`."""
    return " ".join(part for part in (first_of(labels, METHODS), first_of(labels, ROUTES)) if part)


def is_failure(labels: Mapping[str, str]) -> bool:
    """Whether the labels say that requests failed; a named error counts where no status says otherwise."""
    told = [(name, labels[name]) for name in STATUSES if name != _NAMED_ERROR and labels.get(name)]
    if any(_FAILED.fullmatch(value) or ("grpc" in name and value in _GRPC_NUMBERS) for name, value in told):
        return True
    return not told and bool(labels.get(_NAMED_ERROR))
