"""A made shop in the layout in which PetShop is published: front → search → table and front → pay, five-minute rows."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

BEGAN, STEP = 1_700_000_100, 300
EDGES = (("front", "search"), ("front", "pay"), ("search", "table"))
OWN_SECONDS = {"front": 0.02, "search": 0.03, "pay": 0.05, "table": 0.01}
QUIET_ROWS, ROWS, CALM_ROWS = 40, 5, 2


def write_shop(folder: Path, slow: tuple[str, ...], names: Mapping[str, str] | None = None) -> Path:
    """One issue a slow node, each true to its name, with a fault-free series and the call graph."""
    traffic = folder / "dataset" / "some_traffic"
    called = {node: (names or {}).get(node, node) for node in OWN_SECONDS}
    for number, node in enumerate(slow, 1):
        issue = traffic / "test" / f"issue_{number}"
        _write(issue / "metrics.csv", _header(called), _rows(number, BEGAN, ROWS, node))
        asked = {"node": called["front"], "metric": "latency", "agg": "Average"}
        asked |= {"timestamp": BEGAN + CALM_ROWS * STEP}  # type: ignore[dict-item]
        cause = {"node": called[node], "metric": None}
        (issue / "target.json").write_text(json.dumps({"target": asked, "root_cause": cause}))
    _write(traffic / "noissue" / "metrics.csv", _header(called), _rows(0, BEGAN + 10**7, QUIET_ROWS))
    nodes = [called[node] for node in OWN_SECONDS]
    edges = {(called[a], called[b]) for a, b in EDGES}
    matrix = [[a, *(float((a, b) in edges) for b in nodes)] for a in nodes]
    _write(traffic / "graph.csv", [["", *nodes]], matrix)
    return folder


def _header(called: Mapping[str, str]) -> list[list[object]]:
    parts = (("requests", "Sum"), ("latency", "Average"), ("availability", "Average"))
    columns = [(called[node], *part) for node in OWN_SECONDS for part in parts]
    heads = [[label, *(c[i] for c in columns)] for i, label in enumerate(("microservice", "metric", "statistic"))]
    return [*heads, ["unix_timestamp", *("" for _ in columns)]]


def _rows(seed: int, began: int, count: int, slow: str | None = None) -> list[list[object]]:
    rng = np.random.default_rng(seed)
    rows: list[list[object]] = []
    for step in range(count):
        own = {n: s * float(rng.lognormal(0, 0.05)) for n, s in OWN_SECONDS.items()}
        if slow is not None and step >= CALM_ROWS:
            own[slow] += 0.5
        row: list[object] = [began + STEP * step]
        for node in OWN_SECONDS:
            row += [300, _took(node, own), 100.0]
        rows.append(row)
    return rows


def _took(node: str, own: Mapping[str, float]) -> float:
    return own[node] + sum(_took(callee, own) for caller, callee in EDGES if caller == node)


def _write(path: Path, head: list[list[object]], rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([*head, *rows])
