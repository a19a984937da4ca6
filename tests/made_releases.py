"""Releases and series that are made up, on a grid of five seconds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np

from watchkeeper.analysis.release_candidates import Candidates, reach_of, undoings_of
from watchkeeper.analysis.release_onsets import Onsets
from watchkeeper.analysis.release_series import Panel, Row
from watchkeeper.analysis.release_verdicts import Verdict, verdicts
from watchkeeper.analysis.releases import Case, Rules, Tried, try_releases
from watchkeeper.analysis.rollout import Arm
from watchkeeper.analysis.series import Floats, Grid
from watchkeeper.domain import Change
from watchkeeper.domain.ground import ChangeKind

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
STEP_SECONDS = 5.0
REQUESTS = 40.0


def grid_of(steps: int, zone: tzinfo = UTC) -> Grid:
    return Grid(START.astimezone(zone), STEP_SECONDS, steps)


def change_at(
    step: float,
    service: str = "cart",
    name: str = "",
    seconds: float = 10.0,
    kind: ChangeKind = "deploy",
    version: str | None = None,
    zone: tzinfo = UTC,
) -> Change:
    began = (START + timedelta(seconds=step * STEP_SECONDS)).astimezone(zone)
    return Change(
        id=name or f"{service}-{step:g}",
        kind=kind,
        service=service,
        version=version,
        began_at=began,
        ended_at=began + timedelta(seconds=seconds),
    )


def latency(
    steps: int, jumps: Sequence[tuple[int, float]] = (), service: str = "cart", seed: int = 0, base_ms: float = 50.0
) -> Row:
    """Durations whose level is multiplied by a factor from each step on."""
    logs = np.log(base_ms) + 0.1 * np.random.default_rng(seed).standard_normal(steps)
    for step, times in jumps:
        logs[step:] += np.log(times)
    return Row(f"mean latency of {service}", service, "level", np.exp(logs), np.full(steps, REQUESTS))


def failures(steps: int, share: Floats, service: str = "cart", seed: int = 0, requests: float = REQUESTS) -> Row:
    chance = np.random.default_rng(seed)
    failed = chance.binomial(int(requests), np.clip(share, 0.0, 1.0), steps)
    return Row(f"error ratio of {service}", service, "share", failed / requests, np.full(steps, requests))


def from_step(steps: int, step: int, before: float, after: float) -> Floats:
    return np.where(np.arange(steps) < step, before, after)


def case_of(
    rows: Sequence[Row],
    changes: Sequence[Change],
    onsets: Sequence[tuple[int, float, float]],
    calls: Sequence[tuple[str, str]] = (("gateway", "cart"),),
    arms: Sequence[Arm] = (),
    harmless: Sequence[str] = (),
    touches: dict[str, frozenset[str]] | None = None,
    awaited: Floats | None = None,
    zone: tzinfo = UTC,
) -> Case:
    """A case; onsets are (row, step, uncertainty)."""
    panel = Panel.of(grid_of(rows[0].values.size, zone), rows)
    candidates = Candidates.of(changes, touches, frozenset(harmless))
    found = np.array(onsets, dtype=np.float64).reshape(len(onsets), 3)
    return Case(
        panel=panel,
        candidates=candidates,
        onsets=Onsets(found[:, 0].astype(np.int64), found[:, 1], found[:, 2]),
        reach=reach_of(candidates.touches, panel.services, calls),
        arms=arms,
        undoings=undoings_of(changes),
        awaited=awaited,
    )


def tried(case: Case, seed: int = 5) -> Tried:
    return try_releases(case, np.random.default_rng(seed), Rules())


def judged(case: Case, seed: int = 5) -> Verdict:
    """The verdict on the first onset."""
    return verdicts(tried(case, seed))[0]


def blamed(verdict: Verdict) -> list[str]:
    return [accused.change.id for accused in verdict.guilty]
