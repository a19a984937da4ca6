"""Made-up incidents with a history of commits (`evals/commits`), as the tables that sources answer with."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from watchkeeper.domain import Signal
from watchkeeper.tables import TableName, table_of

CASES = Path(__file__).parents[1] / "evals" / "commits"
BEGAN = datetime(2026, 3, 4, 8, tzinfo=UTC)
SEVERITY = {"INFO": 9, "WARN": 13, "WARNING": 13, "DEBUG": 5, "ERROR": 17}


@dataclass(frozen=True)
class MadeCase:
    """One made-up incident, with its truth beside it."""

    name: str
    signal: Signal
    tables: dict[TableName, pa.Table]
    truth: str | None
    decoys: frozenset[str]


def minute(number: float) -> datetime:
    return BEGAN + timedelta(minutes=number)


def made_cases(folder: Path = CASES) -> list[MadeCase]:
    found = [case for path in sorted(folder.glob("*.yaml")) for case in yaml.safe_load(path.read_text("utf-8"))]
    return [made(case) for case in found]


def made(case: dict[str, Any]) -> MadeCase:
    alert = case["alert"]
    signal = Signal(
        kind="alert",
        at=minute(alert["at"]),
        service=alert["service"],
        measure=alert["metric"],
        direction="up" if alert["observed"] >= alert["threshold"] else "down",
        observed=alert["observed"],
        text=alert["text"],
    )
    until = alert["at"] + 3
    tables: dict[TableName, pa.Table] = {
        "metrics": table_of("metrics", [p for m in case["metrics"] for p in points(*m, until=until)]),
        "logs": table_of("logs", [line for each in case["logs"] for line in lines(*each)]),
        "spans": table_of("spans", [span(*each) for each in case["spans"]]),
        "changes": table_of("changes", [*map(change, case["changes"]), *commits_of(case)]),
    }
    return MadeCase(case["name"], signal, tables, case["truth"], frozenset(case["decoys"]))


def commits_of(case: dict[str, Any]) -> list[dict[str, object]]:
    """The case's own, among what every repository holds where it asks for that."""
    filler = FILLER if case.get("filler") else ()
    return [commit(row) for row in (*case["commits"], *filler)]


FILLER: tuple[dict[str, Any], ...] = tuple(
    {"sha": f"f111{i:03d}", "at": 2 + 5 * i, "message": message, "files": [path], "diff": diff}
    for i, (message, path, diff) in enumerate(
        (
            ("docs: update the API reference", "docs/api.md", None),
            ("test: cover the retry backoff", "pkg/retry/backoff_test.go", None),
            ("style: format everything", "pkg/cart/cart.go", None),
            ("perf: reuse buffers in the encoder", "pkg/codec/pool.go", "+var pool = sync.Pool{New: newBuffer}\n"),
            ("fix: close the body in the health check", "internal/health/check.go", "+\tdefer resp.Body.Close()\n"),
            ("feat: request id header", "internal/middleware/reqid.go", '+\tw.Header().Set("X-Request-Id", id)\n'),
            ("chore: bump the cloud SDK", "go.mod", "-\tsdk/config v1.27.0\n+\tsdk/config v1.27.1\n"),
            ("feat: count cache hits", "pkg/cache/metrics.go", '+var hits = NewCounter("cache_hits_total")\n'),
            ("ci: cache the build", ".github/workflows/build.yml", None),
            (
                "refactor: load settings with a library",
                "internal/config/load.go",
                "-\tv := New()\n+\tv := NewWith(dots)\n",
            ),
            ("fix: an empty list in pagination", "pkg/paginate/page.go", "+\tif len(items) == 0 { return nil }\n"),
            ("chore: rotate the staging certificate", "deploy/staging/tls.yaml", None),
        )
    )
)


def points(
    service: str, name: str, usual: float, now: float, since: int, shape: str, until: int
) -> Iterator[dict[str, object]]:
    for at in range(until):
        share = 0.0 if at < since else 1.0 if shape == "step" else (at - since + 1) / max(1, until - since)
        # A little noise that is the same each time.
        value = (usual + (now - usual) * share) * (1 + 0.03 * ((at * 7919) % 11 - 5) / 5)
        yield {"time": minute(at), "service_name": service, "name": name, "kind": "gauge", "value": value}


def lines(since: int, until: int, every: int, service: str, severity: str, text: str) -> Iterator[dict[str, object]]:
    for at in range(since, until, every):
        body = text.replace("{n}", str(100 + (at * 7919) % 97))
        told = {"severity_text": severity, "severity_number": SEVERITY[severity]}
        yield {"time": minute(at), "service_name": service, "body": body, **told}


def span(
    at: int,
    own: str,
    parent: str | None,
    service: str,
    name: str,
    ms: float,
    status: str,
    message: str | None,
    attributes: dict[str, str],
) -> dict[str, object]:
    return {
        "time": minute(at),
        "duration_ns": int(ms * 1e6),
        "service_name": service,
        "trace_id": f"t{at}",
        "span_id": own,
        "parent_span_id": parent,
        "name": name,
        "kind": "server",
        "status_code": "error" if status == "ERROR" else "ok",
        "status_message": message,
        "attributes": list(attributes.items()),
    }


def change(row: list[Any]) -> dict[str, object]:
    at, kind, service, version, sha = row
    told = {"id": f"{service}-{version}", "kind": kind, "service_name": service, "version": version}
    return {**told, "commits": [sha] if sha else [], "time": minute(at), "title": version}


def commit(row: dict[str, Any]) -> dict[str, object]:
    told = [("files_changed", json.dumps(row["files"])), ("diff", row.get("diff") or "")]
    return {
        "id": row["sha"],
        "kind": "commit",
        "service_name": "",
        "commits": [row["sha"]],
        "time": minute(row["at"]),
        "title": row["message"],
        "attributes": told,
    }
