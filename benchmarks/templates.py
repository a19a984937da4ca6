"""Templates of log lines: lines a second beside Drain, on real logs read over and over, side by side in one run.

The logs are those of the recorded drills, and of loghub where `LOGHUB` names its unpacked folder. Drain is drain3 where
that is installed (it is no dependency of ours), and in any case the tree of the paper, written here.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq

from watchkeeper.analysis.log_templates import Templates
from watchkeeper.datasets import loghub

Section = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
Adder = Callable[[str], object]

ROOT = Path(__file__).parents[1]
LINES = 2_000
"""Of each log."""
REPEATS = 20
ROUNDS = 5
"""All methods take turns in each round; what is told is the median of the rounds."""


def section() -> Section:
    """The table for docs/benchmarks.md: every log with every method, new lines and repeated ones."""
    methods = list(_methods())
    header = ("log", *(f"{name}, lines/s" for name, _ in methods), "times the fastest Drain", "new lines/s")
    rows = [_row(name, lines, [make for _, make in methods]) for name, lines in _logs()]
    return f"Templates of log lines, {REPEATS} times the same lines", header, rows


def _row(name: str, lines: Sequence[str], makes: Sequence[Callable[[], Adder]]) -> tuple[str, ...]:
    rounds = [[_seconds(make(), lines, REPEATS) for make in makes] for _ in range(ROUNDS)]
    ratios = [min(others) / own for own, *others in rounds]
    rates = [REPEATS * len(lines) / statistics.median(column) for column in zip(*rounds, strict=True)]
    once = len(lines) / statistics.median(_seconds(makes[0](), lines, 1) for _ in range(ROUNDS))
    return name, *(f"{rate:,.0f}" for rate in rates), f"{statistics.median(ratios):.1f}", f"{once:,.0f}"


def _seconds(add: Adder, lines: Sequence[str], repeats: int) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        for line in lines:
            add(line)
    return time.perf_counter() - began


def _logs() -> Iterator[tuple[str, Sequence[str]]]:
    recorded = sorted((ROOT / "evals" / "incidents").glob("*/telemetry/logs.parquet"))
    bodies = [body for path in recorded for body in pq.read_table(path, columns=["body"])["body"].to_pylist() if body]
    yield "the lab's shop", bodies[:LINES]
    if "LOGHUB" in os.environ:
        for system in loghub.systems(Path(os.environ["LOGHUB"])):
            yield system.name, system.lines


def _methods() -> Iterator[tuple[str, Callable[[], Adder]]]:
    yield "watchkeeper", lambda: Templates().add
    yield "Drain, ours", lambda: Drain().add
    if find_spec("drain3"):
        miner, config = import_module("drain3"), import_module("drain3.template_miner_config")
        yield "drain3", lambda: miner.TemplateMiner(config=config.TemplateMinerConfig()).add_log_message


@dataclass
class Cluster:
    """Lines that Drain takes for one template."""

    words: list[str]


@dataclass
class Drain:
    """Drain as in the paper (He et al., ICWS 2017), without masks, with the parameters of drain3."""

    depth: int = 4
    similarity: float = 0.4
    children: int = 100
    _root: dict[object, object] = field(default_factory=dict)

    def add(self, line: str) -> Cluster:
        """The cluster of a line, which it is merged into."""
        words = line.split()
        leaf = self._leaf(words)
        best, most = None, -1.0
        for cluster in leaf:
            alike = sum(a == b for a, b in zip(cluster.words, words, strict=True) if a != "<*>") / max(1, len(words))
            if alike > most:
                best, most = cluster, alike
        if best is None or most < self.similarity:
            best = Cluster(words)
            leaf.append(best)
        else:
            best.words = [a if a == b else "<*>" for a, b in zip(best.words, words, strict=True)]
        return best

    def _leaf(self, words: list[str]) -> list[Cluster]:
        node: dict[object, object] = self._root.setdefault(len(words), {})  # type: ignore[assignment]
        for word in words[: self.depth - 2]:
            key = "<*>" if any(character.isdigit() for character in word) else word
            if key not in node and len(node) >= self.children:
                key = "<*>"
            node = node.setdefault(key, {})  # type: ignore[assignment]
        return node.setdefault(None, [])  # type: ignore[return-value]
