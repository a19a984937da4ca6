"""A shop made of numbers: gateway → checkout → payment → bank, with telemetry as OpenTelemetry would report it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.store import Store

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
CHAIN = ("gateway", "checkout", "payment", "bank")
OWN_MS = {"gateway": 5.0, "checkout": 15.0, "payment": 10.0, "bank": 20.0}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@dataclass
class Shop:
    """What happens from `onset` seconds on, in a run of `seconds`."""

    seconds: int = 300
    onset: float = 240.0
    per_second: float = 4.0
    slow: dict[str, float] = field(default_factory=dict)
    """By component: milliseconds more."""
    failing: dict[str, float] = field(default_factory=dict)
    """By component: share of requests that fail, in one currency only."""
    silent: tuple[str, ...] = ()
    changes: list[dict[str, object]] = field(default_factory=list)
    versions: dict[str, tuple[float, str]] = field(default_factory=dict)
    """By component: from when on another version serves."""
    names: dict[str, str] = field(default_factory=dict)
    """Other names for the components."""
    seed: int = 1

    def deploy(self, component: str, seconds: float, version: str) -> None:
        self.changes.append(
            {
                "id": f"{component}-{version}",
                "kind": "deploy",
                "service_name": self.name(component),
                "version": version,
                "time": at(seconds),
                "ended_at": at(seconds + 2),
            }
        )
        self.versions[component] = (seconds, version)

    def name(self, component: str) -> str:
        return self.names.get(component, component)

    def store(self) -> Store:
        return store_of({name: table_of(name, rows) for name, rows in self.tables().items()})  # type: ignore[arg-type]

    def tables(self) -> dict[str, list[dict[str, object]]]:
        self.rng = np.random.default_rng(self.seed)
        spans: list[dict[str, object]] = []
        for number, second in enumerate(
            np.sort(self.rng.uniform(0, self.seconds, int(self.seconds * self.per_second)))
        ):
            spans += self._trace(number, float(second))
        metrics = [m for c in CHAIN[:3] for s in range(0, self.seconds, 5) for m in self._metrics(c, s)]
        return {"spans": spans, "metrics": metrics, "logs": self._logs(spans), "changes": self.changes}

    def _is_silent(self, component: str, second: float) -> bool:
        return component in self.silent and second >= self.onset

    def _trace(self, number: int, second: float) -> list[dict[str, object]]:
        currency = ("EUR", "USD", "JPY")[number % 3]
        took: dict[str, float] = {}
        failed: dict[str, bool] = {}
        below_ms, below_failed = 0.0, False
        for component in reversed(CHAIN):
            faulty = second >= self.onset
            own = OWN_MS[component] * float(self.rng.lognormal(0, 0.15)) + (
                self.slow.get(component, 0.0) if faulty else 0
            )
            bad = faulty and currency == "JPY" and self.rng.random() < 3 * self.failing.get(component, 0.0)
            below_ms, below_failed = below_ms + own, below_failed or bad
            took[component], failed[component] = below_ms, below_failed
        return self._spans(number, second, took, failed, currency)

    def _spans(
        self, number: int, second: float, took: dict[str, float], failed: dict[str, bool], currency: str
    ) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        parent: str | None = None
        for depth, component in enumerate(CHAIN[:3]):
            callee = CHAIN[depth + 1]
            server, client = f"{number:010x}{depth}aaaaa", f"{number:010x}{depth}bbbbb"
            offset = sum(OWN_MS[c] / 3 for c in CHAIN[: depth + 1]) / 1e3
            if not self._is_silent(component, second):
                rows.append(
                    self._span(
                        component,
                        second,
                        server,
                        parent,
                        "server",
                        f"POST /{component}",
                        took[component],
                        failed[component],
                    )
                    | {"attributes": [("app.currency", currency)], "trace_id": f"{number:032x}"}
                )
                rows.append(
                    self._span(
                        component,
                        second + offset,
                        client,
                        server,
                        "client",
                        f"POST {callee}",
                        took[callee],
                        failed[callee],
                    )
                    | {"attributes": [("server.address", self.name(callee))], "trace_id": f"{number:032x}"}
                )
            parent = client
        return rows

    def _span(
        self, component: str, second: float, id_: str, parent: str | None, kind: str, name: str, ms: float, failed: bool
    ) -> dict[str, object]:
        since, version = self.versions.get(component, (0.0, "1.0.0"))
        return {
            "time": at(second),
            "duration_ns": int(ms * 1e6),
            "service_name": self.name(component),
            "service_version": version if second >= since else "1.0.0",
            "service_instance_id": f"{component}-{version if second >= since else '1.0.0'}",
            "span_id": id_,
            "parent_span_id": parent,
            "name": name,
            "kind": kind,
            "status_code": "error" if failed else "unset",
        }

    def _metrics(self, component: str, second: int) -> list[dict[str, object]]:
        if self._is_silent(component, second):
            return []
        since, version = self.versions.get(component, (0.0, "1.0.0"))
        who = {
            "time": at(second),
            "service_name": self.name(component),
            "service_instance_id": f"{component}-{version if second >= since else '1.0.0'}",
            "kind": "gauge",
        }
        return [
            who | {"name": "process.cpu.utilization", "unit": "1", "value": 0.1 + float(self.rng.normal(0, 0.01))},
            who | {"name": "process.memory.usage", "unit": "By", "value": 80e6 + float(self.rng.normal(0, 1e5))},
        ]

    def _logs(self, spans: list[dict[str, object]]) -> list[dict[str, object]]:
        return [
            {
                "time": span["time"],
                "service_name": span["service_name"],
                "severity_number": 17 if span["status_code"] == "error" else 9,
                "body": f"cannot convert order {i}" if span["status_code"] == "error" else f"served order {i}",
            }
            for i, span in enumerate(spans)
            if span["kind"] == "server"
        ]
