"""Series of Prometheus in the words of our tables: whose they are, what kind and unit a name tells, attributes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from watchkeeper.telemetry.prometheus_conventions import INSTANCES, VERSIONS, first_of

UNKNOWN_SERVICE = "unknown_service"
SERVICE_CHARACTERS = 256
MAXIMUM_ATTRIBUTES = 128
_COUNTERS = ("_total", "_sum", "_count", "_bucket")
_UNITS: tuple[tuple[str, str], ...] = (
    ("milliseconds", "ms"),
    ("microseconds", "us"),
    ("seconds", "s"),
    ("bytes", "By"),
    ("ratio", "1"),
    ("percent", "%"),
)
_ATTRIBUTES = {
    label.replace(".", "_"): label
    for label in (
        *("http.response.status_code", "http.request.method", "http.route", "http.status_code", "http.method"),
        *("error.type", "server.address", "server.port", "url.scheme", "url.template", "db.system.name", "db.system"),
        *("db.namespace", "db.operation.name", "rpc.service", "rpc.method", "rpc.system", "rpc.grpc.status_code"),
        *("deployment.environment.name", "k8s.pod.name", "k8s.namespace.name", "host.name", "network.protocol.version"),
    )
}
"""Labels whose name in OpenTelemetry is known; any other keeps its own."""
_IMPORTANT = re.compile(r"request|duration|latency|error|cpu|memory|rss|pending|queue|backlog|connection|pool", re.I)


@dataclass(frozen=True)
class Shape:
    """What the name of a metric tells of it, in the words of `tables.METRICS`."""

    kind: Literal["gauge", "sum"]
    temporality: str | None
    is_monotonic: bool | None
    unit: str | None


def shape_of(name: str) -> Shape:
    """Kind and unit by Prometheus' rules for names: what a server's memory of types says changes with time."""
    plain = name
    for ending in _COUNTERS:
        plain = plain.removesuffix(ending)
    unit = next((unit for word, unit in _UNITS if plain.endswith(word)), None)
    if name.endswith(_COUNTERS):
        return Shape("sum", "cumulative", True, None if name.endswith(("_count", "_bucket")) else unit)
    return Shape("gauge", None, None, unit)


def service_of(labels: Mapping[str, str], service_labels: tuple[str, ...]) -> str:
    """The service that a series is of."""
    return first_of(labels, service_labels)[:SERVICE_CHARACTERS] or UNKNOWN_SERVICE


def instance_of(labels: Mapping[str, str]) -> str | None:
    """The instance, if a label tells it."""
    return first_of(labels, INSTANCES) or None


def version_of(labels: Mapping[str, str]) -> str | None:
    """The service's version, if a label tells it."""
    return first_of(labels, VERSIONS) or None


def attributes_of(labels: Mapping[str, str], service_labels: tuple[str, ...]) -> list[tuple[str, str]] | None:
    """What the other labels say, in order of their names; None where there is nothing."""
    told = {next((name for name in group if labels.get(name)), "") for group in (service_labels, INSTANCES, VERSIONS)}
    rest = sorted((k, v) for k, v in labels.items() if k not in told and k != "__name__")[:MAXIMUM_ATTRIBUTES]
    return [(_ATTRIBUTES.get(key, key), value) for key, value in rest] or None


def importance(name: str) -> tuple[int, str]:
    """Orders names: what speaks of requests and resources comes before the rest."""
    return (0 if _IMPORTANT.search(name) else 1, name)
