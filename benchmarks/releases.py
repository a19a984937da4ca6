"""Time of a release verdict, against how many releases and symptoms there are."""

import statistics
import time
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.queries import Section
from watchkeeper.analysis.release_candidates import Candidates, reach_of, undoings_of
from watchkeeper.analysis.release_onsets import Onsets
from watchkeeper.analysis.release_series import Panel, Row
from watchkeeper.analysis.release_verdicts import verdicts
from watchkeeper.analysis.releases import Case, try_releases
from watchkeeper.analysis.rollout import Arm
from watchkeeper.analysis.series import Floats, Grid
from watchkeeper.domain import Change

SIZES = ((5, 10), (50, 50), (500, 200))
"""Releases and symptoms."""
STEPS, STEP_SECONDS = 1440, 5.0
SERVICES = 40
SHARE_OF_SHARES = 0.5
SIDE_BY_SIDE = 0.2
"""Of the releases: how many have old and new side by side."""
ROLLBACKS = 0.1
REPEATS = 5
START = datetime(2026, 3, 2, tzinfo=UTC)
SEED = 7


def section() -> Section:
    """The whole test with its placebos and verdicts on every symptom, in one process."""
    rows = []
    for releases, symptoms in SIZES:
        case = _case(releases, symptoms)
        taken, spent, parts = [], [], {"test": [], "verdicts": []}
        for _ in range(REPEATS):
            began, busy = time.perf_counter(), time.process_time()
            tried = try_releases(case, np.random.default_rng(SEED))
            tested = time.process_time()
            verdicts(tried)
            parts["test"].append(tested - busy)
            parts["verdicts"].append(time.process_time() - tested)
            taken.append(time.perf_counter() - began)
            spent.append(time.process_time() - busy)
        figures = (statistics.median(taken), max(taken), statistics.median(spent))
        shares = [f"{statistics.median(each) / statistics.median(spent):.0%}" for each in parts.values()]
        pairs = f"{statistics.median(spent) / (releases * symptoms) * 1e6:.1f}"
        rows.append((f"{releases:,}", f"{symptoms:,}", *(f"{figure:.3f}" for figure in figures), *shares, pairs))
    header = ("releases", "symptoms", "median s", "slowest s", "CPU s", "of it test", "of it verdicts", "µs a pair")
    return f"Which release did it, {STEPS:,} steps of {STEP_SECONDS:g} s", header, rows


def _case(releases: int, symptoms: int) -> Case:
    chance = np.random.default_rng(SEED)
    grid = Grid(START, STEP_SECONDS, STEPS)
    names = [f"service-{number:02}" for number in range(SERVICES)]
    changes = [_change(number, names, chance) for number in range(releases)]
    onset = chance.integers(STEPS // 2, STEPS - 60, symptoms)
    rows = [_row(number, names, int(step), chance) for number, step in enumerate(onset)]
    panel = Panel.of(grid, rows)
    candidates = Candidates.of(changes, harmless={change.id for change in changes[: releases // 2]})
    calls = [(names[number], names[int(chance.integers(number))]) for number in range(1, SERVICES)]
    arms = [_arm(number, rows, chance) for number in range(round(SIDE_BY_SIDE * releases))]
    return Case(
        panel=panel,
        candidates=candidates,
        onsets=Onsets(np.arange(symptoms), onset.astype(np.float64), np.full(symptoms, 2.0)),
        reach=reach_of(candidates.touches, panel.services, calls),
        arms=arms,
        undoings=undoings_of(changes),
    )


def _change(number: int, names: list[str], chance: np.random.Generator) -> Change:
    began = START + timedelta(seconds=float(chance.uniform(0, STEPS * STEP_SECONDS)))
    return Change(
        id=f"release-{number}",
        kind="rollback" if chance.random() < ROLLBACKS else "deploy",
        service=names[int(chance.integers(SERVICES))],
        version=f"1.{number}.0",
        began_at=began,
        ended_at=began + timedelta(seconds=float(chance.uniform(5, 60))),
    )


def _row(number: int, names: list[str], onset: int, chance: np.random.Generator) -> Row:
    service, is_share = names[number % SERVICES], chance.random() < SHARE_OF_SHARES
    requests = chance.poisson(30, STEPS).astype(np.float64)
    after = np.arange(STEPS) >= onset
    if is_share:
        errors = chance.binomial(requests.astype(np.int64), np.where(after, 0.15, 0.002))
        values: Floats = errors / np.maximum(requests, 1.0)
        return Row(f"error ratio {number}", service, "share", values, requests)
    values = np.exp(4 + 0.1 * chance.standard_normal(STEPS) + 0.7 * after)
    return Row(f"latency {number}", service, "level", values, requests)


def _arm(number: int, rows: list[Row], chance: np.random.Generator) -> Arm:
    place = int(chance.integers(len(rows)))
    row, share = rows[place], np.clip(np.linspace(-1, 2, STEPS), 0.0, 1.0)
    sides = [
        Row(row.name, row.service, row.kind, row.values, np.round(row.weights * portion))
        for portion in (share, 1 - share)
    ]
    return Arm(number, place, *sides)
