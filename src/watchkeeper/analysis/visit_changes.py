"""Everything that changed inside visits since an onset that is not quite known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.analysis.links import read_links
from watchkeeper.analysis.series import Floats
from watchkeeper.analysis.spans import Ints, Spans, entry_of, read_spans
from watchkeeper.analysis.visit_calls import let_down, read_calls
from watchkeeper.analysis.visit_durations import outside_durations, own_durations
from watchkeeper.analysis.visit_findings import (
    KINDS,
    STEP,
    Finding,
    Signal,
    findings_table,
    parts_of,
    shortened,
    totals,
)
from watchkeeper.analysis.visit_metrics import PAST, read_mesh, read_processors
from watchkeeper.analysis.visit_patterns import patterns_of
from watchkeeper.analysis.visit_shares import FAINT, FEW
from watchkeeper.analysis.visit_splits import (
    PAST_SECONDS,
    Split,
    Waits,
    behaviour,
    busier,
    delays_found,
    longer_times,
    unanswered,
)
from watchkeeper.analysis.visits import in_order, read_visits
from watchkeeper.domain import Window

ONSETS = tuple(range(-180, 1, int(STEP.total_seconds())))
"""Seconds after the signal at which it may have begun: what was noticed may be older."""
DECISIVE = 4.0
"""By how much more one onset's findings must say than another's to weigh almost three times as much."""
UNSURE = 2.8
"""What an onset loses against the others where nothing is known of the time just before it."""
EXPLAINED = 0.25
"""Which part of a caller's changed behaviour a callee explains whose behaviour changed as much."""

WAITED = 0.9
"""Which part of a caller's own time a callee explains whose own time rose as surely."""


@dataclass(frozen=True)
class Inputs:
    """What sources said about the stretch; None where there is none of that kind."""

    spans: pa.Table | None = None
    logs: pa.Table | None = None
    buckets: pa.Table | None = None
    """Of a `MetricBucketQuery` with steps of `visit_metrics.STEP_SECONDS`."""


def visit_changes(inputs: Inputs, references: Sequence[Window], at: datetime, until: datetime) -> pa.Table:
    """Findings as `visit_findings.FINDINGS`, the weightiest first.

    `references` are known to be good; the minutes before each supposed onset are past too. `at` is when somebody
    noticed; the present ends at `until`. Scores are means over the supposed onsets (`ONSETS`), figures those of the
    onset at which the change is clearest.
    """
    measures = _measures(inputs, references, at, until)
    splits = [Split(tuple(references), at + timedelta(seconds=offset), until) for offset in ONSETS]
    findings = [
        _callees_first(
            [replace(f, began=split.onset) for find in measures.finders for f in find(split)], measures.calls
        )
        for split in splits
    ]
    says = np.array([sum(totals(parts_of(found)).values()) for found in findings], dtype=np.float64)
    says -= [0.0 if measures.has_past(split) else UNSURE for split in splits]
    quiet = _quiet(measures, references, at)
    return findings_table([replace(f, quiet=quiet.get(f.signal)) for f in shortened(_averaged(findings, says))])


def _quiet(measures: "_Measures", references: Sequence[Window], at: datetime) -> dict[Signal, float]:
    """By signal, the most that it says against anybody when minutes before any supposed onset play the present.

    The same look at minutes of which nobody complained tells what this system does anyway. Empty where there is
    nothing to compare: then nothing is known of that. An onset before all that are supposed makes it too large, and
    whoever is blamed less sure.
    """
    earliest = at + timedelta(seconds=ONSETS[0])
    split = Split(tuple(references), earliest - timedelta(seconds=PAST_SECONDS / 2), earliest)
    pasts, now = split.masks(measures.times)
    if np.logical_or.reduce(pasts).sum() < FEW or now.sum() < FEW:
        return {}
    most: dict[Signal, float] = dict.fromkeys(KINDS, 0.0)
    for parts in parts_of(f for find in measures.finders for f in find(split)).values():
        most.update({signal: max(most[signal], says) for signal, says in parts.items()})
    return most


def _averaged(onsets: list[list[Finding]], says: Floats) -> list[Finding]:
    """Findings of several supposed onsets as one list; an onset weighs more, the more its findings say together."""
    weights = np.exp((says - says.max()) / DECISIVE)
    weights /= weights.sum()
    sums: dict[tuple[str, ...], float] = {}
    best: dict[tuple[str, ...], Finding] = {}
    for weight, findings in zip(weights.tolist(), onsets, strict=True):
        for finding in findings:
            sums[finding.key] = sums.get(finding.key, 0.0) + weight * finding.score
            if finding.key not in best or finding.score > best[finding.key].score:
                best[finding.key] = finding
    return [replace(best[key], score=score) for key, score in sums.items() if score >= FAINT]


def _callees_first(findings: list[Finding], calls: frozenset[tuple[str, str]]) -> list[Finding]:
    """Findings that count less where a callee changed too, and may be the reason.

    A caller behaves otherwise because its callee does; and whoever waits for a slow callee holds a worker meanwhile,
    for which other requests wait in turn (back pressure), which looks like time of its own.
    """
    otherwise = _below(findings, calls, ("behaviour",))
    slowness = _below(findings, calls, ("own time", "outside"))
    return [replace(f, score=f.score * _left(f, otherwise, slowness)) for f in findings]


def _below(
    findings: list[Finding], calls: frozenset[tuple[str, str]], signals: tuple[Signal, ...]
) -> dict[str, tuple[float, float]]:
    """By component, the weightiest finding of those signals of any of its callees, and of its own."""
    own: dict[str, float] = {}
    for finding in findings:
        if finding.signal in signals:
            own[finding.component] = max(own.get(finding.component, 0.0), finding.score)
    below: dict[str, float] = {}
    for caller, callee in calls:
        if caller != callee:
            below[caller] = max(below.get(caller, 0.0), own.get(callee, 0.0))
    return {component: (below.get(component, 0.0), score) for component, score in own.items()}


def _left(
    finding: Finding, otherwise: dict[str, tuple[float, float]], slowness: dict[str, tuple[float, float]]
) -> float:
    """Which part of a finding its callees do not explain."""
    if finding.signal == "behaviour":
        callees, own = otherwise[finding.component]
        return 1 - EXPLAINED * min(1.0, callees / own)
    if finding.signal == "own time":
        callees, own = slowness[finding.component]
        return 1 - WAITED * min(1.0, callees / own)
    return 1.0


@dataclass(frozen=True)
class _Measures:
    """What can be measured with what was answered."""

    finders: list[Callable[[Split], list[Finding]]]
    calls: frozenset[tuple[str, str]]
    """Caller and callee."""
    times: Ints
    """When visits began."""

    def has_past(self, split: Split) -> bool:
        """Whether there is anything just before that onset, by which drift since the references can be told."""
        _, near = split.masks(self.times)[0]
        return bool(near.sum() >= FEW)


Past = Callable[[Ints], NDArray[np.bool_]]
"""Which times surely lie before the onset."""


def _measures(inputs: Inputs, references: Sequence[Window], at: datetime, until: datetime) -> _Measures:
    out = _Measures([], frozenset(), np.zeros(0, dtype=np.int64))
    if inputs.spans is not None and inputs.spans.num_rows:
        earliest = Split(tuple(references), at + timedelta(seconds=ONSETS[0]), until)
        logs = _comparable(inputs.logs, references, at)
        out = _inside_traces(inputs.spans, logs, lambda times: np.logical_or.reduce(earliest.masks(times)[0]))
    buckets = inputs.buckets
    if buckets is not None and buckets.num_rows:
        processors = read_processors(buckets)
        out.finders.append(lambda split: busier(processors, split))
        now = Split(tuple(references), at + timedelta(seconds=ONSETS[0]), until).masks(out.times)[1]
        if not now.any():
            out = _without_traces(buckets, out.finders)
    return out


def _inside_traces(table: pa.Table, logs: pa.Table | None, past: Past) -> _Measures:
    spans = read_spans(in_order(table))
    calls = read_calls(spans)
    unmet = calls.misses(past(calls.start_us))
    visits = read_visits(spans, logs, calls, unmet)
    own = own_durations(spans, let_down(calls, unmet, entry_of(spans)))
    links, outside = read_links(spans), outside_durations(spans, calls)
    patterns, waits = patterns_of(visits), _waits(spans)
    return _Measures(
        [
            lambda split: behaviour(visits, patterns, split),
            lambda split: unanswered(calls, split),
            lambda split: delays_found(links, waits, split),
            lambda split: longer_times(*own, "own time", waits, split),
            lambda split: longer_times(*outside, "outside", waits, split),
        ],
        frozenset(zip(links.caller, links.callee, strict=True)),
        visits.start_us,
    )


def _waits(spans: Spans) -> Waits:
    roots = np.flatnonzero((spans.parent < 0) & spans.is_entry)
    return spans.start_us[roots], spans.duration_us[roots] / 1e3


def _without_traces(buckets: pa.Table, others: list[Callable[[Split], list[Finding]]]) -> _Measures:
    mesh = read_mesh(buckets)
    patterns = patterns_of(mesh.visits, has_order=False)
    past = PAST.total_seconds()
    waits = mesh.links.gaps.start_us, mesh.links.gaps.whole_ms
    return _Measures(
        [
            *others,
            lambda split: behaviour(mesh.visits, patterns, split, past),
            lambda split: delays_found(mesh.links, waits, split, past),
        ],
        frozenset(zip(mesh.links.caller, mesh.links.callee, strict=True)),
        mesh.visits.start_us,
    )


def _comparable(logs: pa.Table | None, references: Sequence[Window], at: datetime) -> pa.Table | None:
    """Lines of services that logged in the past too: where logging itself is new, every line would be."""
    if logs is None or logs.num_rows == 0:
        return None
    split = Split(tuple(references), at, at + timedelta(seconds=1))
    pasts, _ = split.masks(pc.cast(logs["time"], pa.int64()).to_numpy())
    known = logs.filter(pa.array(np.logical_or.reduce(pasts)))["service_name"].unique()
    return logs.filter(pc.is_in(logs["service_name"], value_set=known))
