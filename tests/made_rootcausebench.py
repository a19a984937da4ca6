"""A made case in the layout in which RootCauseBench is published: nothing of the data set itself."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path

from made_shop import Shop, at

CULPRIT, DECOY, IDLE = "c0ffee" + "1" * 34, "decaf0" + "2" * 34, "abcdef" + "3" * 34


def iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def write_case(folder: Path, name: str, shop: Shop, *, truth: str = CULPRIT, service: str = "checkout") -> Path:
    """One case of a made shop: a deploy of the service before the onset, another elsewhere, a commit that idles."""
    data = folder / name / "data"
    (data / "context").mkdir(parents=True)
    alert = {"service": shop.name(service), "metric": "p95_ms", "threshold": 100, "observed": 400}
    alert |= {"fired_at": iso(at(shop.seconds)), "severity": "high", "monitor": "m", "summary": "it is slow"}
    write(data / "alert.json", alert)
    tables = shop.tables()
    write(data / "traces.json", [span_of(row) for row in tables["spans"]])
    logs = [log_of(row) for row in tables["logs"][:200]]
    (data / "logs.ndjson").write_text("".join(f"{json.dumps(log)}\n" for log in logs))
    (data / "metrics.csv").write_text(metrics_of(tables["metrics"]))
    write(data / "patterns.json", [])
    write(data / "context" / "commits.json", [commit(sha) for sha in (CULPRIT, DECOY, IDLE)])
    deploys = [(service, CULPRIT, 238), ("gateway", DECOY, 200)]
    write(
        data / "context" / "deploys.json",
        [
            {"timestamp": iso(at(s)), "service": shop.name(who), "commit_sha": sha, "version": f"v{s}"}
            for who, sha, s in deploys
        ],
    )
    flag = {"timestamp": iso(at(100)), "flag": "new_rail", "service": shop.name("gateway"), "change": "off->on"}
    write(data / "context" / "flags.json", [flag | {"actor": "ann"}])
    told = {"scenario": name, "root_cause_commit": truth, "remediation": "rollback", "decoy_deploy_commits": [DECOY]}
    write(folder / name / "ground_truth.json", told)
    return folder / name


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def commit(sha: str) -> dict[str, object]:
    said = {"sha": sha, "author": "ann", "timestamp": iso(at(0)), "message": f"change {sha[:7]}"}
    return said | {"files_changed": ["a.go"], "diff": None}


def span_of(row: dict[str, object]) -> dict[str, object]:
    time, took = row["time"], row["duration_ns"]
    assert isinstance(time, datetime)
    assert isinstance(took, int)
    return {
        # As published: only a root carries its trace's id.
        "trace_id": row["trace_id"] if row["parent_span_id"] is None else "same",
        "span_id": row["span_id"],
        "parent_id": row["parent_span_id"],
        "service": row["service_name"],
        "name": row["name"],
        "start": time.isoformat().replace("+00:00", "Z"),
        "duration_ms": took / 1e6,
        "status": "ERROR" if row["status_code"] == "error" else "OK",
    }


def log_of(row: dict[str, object]) -> dict[str, object]:
    time = row["time"]
    assert isinstance(time, datetime)
    said = {"timestamp": iso(time), "service": row["service_name"], "severity_text": "INFO", "msg": row["body"]}
    return said | {"trace_id": "f" * 32, "http.status_code": 200}


def metrics_of(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["timestamp", "service", "metric", "value"])
    for row in rows:
        time = row["time"]
        assert isinstance(time, datetime)
        lines.writerow([iso(time), row["service_name"], row["name"], row["value"]])
    return text.getvalue()
