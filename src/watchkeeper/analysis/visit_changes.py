"""Everything that changed inside visits since an onset that is not quite known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.analysis.links import Links, delays, read_links
from watchkeeper.analysis.series import Floats
from watchkeeper.analysis.spans import Ints, read_spans
from watchkeeper.analysis.visit_durations import Durations, Rises, own_durations, pooled, rises
from watchkeeper.analysis.visit_findings import Finding, Signal, findings_table, parts_of, shortened, totals
from watchkeeper.analysis.visit_metrics import PAST, busy, read_mesh
from watchkeeper.analysis.visit_patterns import FAINT, FEW, Patterns, changes, patterns_of
from watchkeeper.analysis.visits import Event, Visits, in_order, read_visits
from watchkeeper.domain import Window

ONSETS = tuple(range(-180, 1, 30))
"""Seconds after the signal at which it may have begun: what was noticed may be older."""
GUARD_SECONDS = 30.0
"""Before a supposed onset, what is neither past nor present."""
PAST_SECONDS = 180.0
"""How much before a supposed onset is its past."""
DECISIVE = 4.0
"""By how much more one onset's findings must say than another's to weigh almost three times as much."""
UNSURE = 2.8
"""What an onset loses against the others where nothing is known of the time just before it."""
EXPLAINED = 0.25
"""Which part of a caller's changed behaviour a callee explains whose behaviour changed as much."""


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
    splits = [_Split(tuple(references), at + timedelta(seconds=offset), until) for offset in ONSETS]
    findings = [
        _callees_first(
            [replace(f, began=split.onset) for find in measures.finders for f in find(split)], measures.calls
        )
        for split in splits
    ]
    says = np.array([sum(totals(parts_of(found)).values()) for found in findings], dtype=np.float64)
    says -= [0.0 if measures.has_past(split) else UNSURE for split in splits]
    return findings_table(shortened(_averaged(findings, says)))


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
    """Findings with changed behaviour counting less where a callee's changed too, and may be the reason."""
    behaviour: dict[str, float] = {}
    for finding in findings:
        if finding.signal == "behaviour":
            behaviour[finding.component] = max(behaviour.get(finding.component, 0.0), finding.score)
    below: dict[str, float] = {}
    for caller, callee in calls:
        below[caller] = max(below.get(caller, 0.0), behaviour.get(callee, 0.0))
    return [
        replace(f, score=f.score * (1 - EXPLAINED * min(1.0, below.get(f.component, 0.0) / behaviour[f.component])))
        if f.signal == "behaviour"
        else f
        for f in findings
    ]


@dataclass(frozen=True)
class _Split:
    """Past and present around one supposed onset."""

    references: tuple[Window, ...]
    onset: datetime
    until: datetime

    def masks(
        self, time_us: Ints, past_seconds: float = PAST_SECONDS
    ) -> tuple[list[NDArray[np.bool_]], NDArray[np.bool_]]:
        """Which times belong to the pasts (the references, and the time just before), and which to the present."""
        good = np.zeros(time_us.size, dtype=bool)
        for window in self.references:
            good |= (time_us >= _us(window.start)) & (time_us < _us(window.end))
        onset = _us(self.onset)
        near = time_us < onset - GUARD_SECONDS * 1e6
        near &= (time_us >= onset - past_seconds * 1e6) & ~good
        return [good, near], ~good & (time_us >= onset) & (time_us < _us(self.until))


@dataclass(frozen=True)
class _Measures:
    """What can be measured with what was answered."""

    finders: list[Callable[[_Split], list[Finding]]]
    calls: frozenset[tuple[str, str]]
    """Caller and callee."""
    times: Ints
    """When visits began."""

    def has_past(self, split: _Split) -> bool:
        """Whether there is anything just before that onset, by which drift since the references can be told."""
        _, near = split.masks(self.times)[0]
        return bool(near.sum() >= FEW)


def _us(moment: datetime) -> float:
    return moment.timestamp() * 1e6


def _measures(inputs: Inputs, references: Sequence[Window], at: datetime, until: datetime) -> _Measures:
    out = _Measures([], frozenset(), np.zeros(0, dtype=np.int64))
    if inputs.spans is not None and inputs.spans.num_rows:
        out = _inside_traces(inputs.spans, _comparable(inputs.logs, references, at))
    buckets = inputs.buckets
    if buckets is not None and buckets.num_rows:
        out.finders.append(lambda split: _busy(buckets, split))
        now = _Split(tuple(references), at + timedelta(seconds=ONSETS[0]), until).masks(out.times)[1]
        if not now.any():
            out = _without_traces(buckets, out.finders)
    return out


def _inside_traces(table: pa.Table, logs: pa.Table | None) -> _Measures:
    spans = read_spans(in_order(table))
    visits, links, (own, names) = read_visits(spans, logs), read_links(spans), own_durations(spans)
    patterns = patterns_of(visits)
    return _Measures(
        [
            lambda split: _behaviour(visits, patterns, split),
            lambda split: _delays(links, split),
            lambda split: _own_times(own, names, split),
        ],
        frozenset(zip(links.caller, links.callee, strict=True)),
        visits.start_us,
    )


def _without_traces(buckets: pa.Table, others: list[Callable[[_Split], list[Finding]]]) -> _Measures:
    mesh = read_mesh(buckets)
    patterns = patterns_of(mesh.visits, has_order=False)
    past = PAST.total_seconds()
    return _Measures(
        [
            *others,
            lambda split: _behaviour(mesh.visits, patterns, split, past),
            lambda split: _delays(mesh.links, split, past),
        ],
        frozenset(zip(mesh.links.caller, mesh.links.callee, strict=True)),
        mesh.visits.start_us,
    )


def _comparable(logs: pa.Table | None, references: Sequence[Window], at: datetime) -> pa.Table | None:
    """Lines of services that logged in the past too: where logging itself is new, every line would be."""
    if logs is None or logs.num_rows == 0:
        return None
    split = _Split(tuple(references), at, at + timedelta(seconds=1))
    pasts, _ = split.masks(pc.cast(logs["time"], pa.int64()).to_numpy())
    known = logs.filter(pa.array(np.logical_or.reduce(pasts)))["service_name"].unique()
    return logs.filter(pc.is_in(logs["service_name"], value_set=known))


def _behaviour(visits: Visits, patterns: Patterns, split: _Split, past_seconds: float = PAST_SECONDS) -> list[Finding]:
    found = changes(visits, patterns, *split.masks(visits.start_us, past_seconds))
    out = []
    for number in np.flatnonzero(found.score >= FAINT):
        event = visits.events[patterns.event[number]]
        after = int(patterns.after[number])
        counts = found.shares
        before_of, now_of = counts.before_of[number], counts.now_of[number]
        out.append(
            Finding(
                event.service,
                "behaviour",
                event.operation,
                _said(event),
                _said(visits.events[after]) if after >= 0 else "",
                "share",
                float(counts.before[number] / max(before_of, 1)),
                float(counts.now[number] / max(now_of, 1)),
                int(before_of),
                int(now_of),
                float(found.score[number]),
            )
        )
    return out


def _said(event: Event) -> str:
    return f"{event.kind} {event.text}".strip()


def _delays(links: Links, split: _Split, past_seconds: float = PAST_SECONDS) -> list[Finding]:
    found, strata = delays(links, *split.masks(links.gaps.start_us, past_seconds))
    out = []
    for delay in found:
        weight = strata.weight[delay.strata] * np.sqrt(strata.now_of[delay.strata])
        clearest = int(delay.strata[int(np.argmax(weight))])
        event = f"{links.caller[clearest]} → {links.callee[clearest]}"
        out.append(
            _longer(delay.component, "delay", str(links.operation[clearest]), event, clearest, strata, delay.score)
        )
    return out


def _own_times(own: Durations, names: list[tuple[str, str]], split: _Split) -> list[Finding]:
    found = rises(own, len(names), *split.masks(own.start_us), only_longer=True)
    felt = np.flatnonzero(found.weight > 0)
    pairs = [(int(number), *pooled(found, np.array([number]))) for number in felt]
    return [
        _longer(names[number][0], "own time", "", names[number][1], number, found, z**2 * weight)
        for number, z, weight in pairs
        if z**2 * weight >= FAINT
    ]


def _longer(
    component: str, signal: Signal, operation: str, event: str, number: int, found: Rises, score: float
) -> Finding:
    return Finding(
        component,
        signal,
        operation,
        event,
        "",
        "ms",
        round(float(found.before_ms[number]), 3),
        round(float(found.now_ms[number]), 3),
        int(found.before_of[number]),
        int(found.now_of[number]),
        score,
    )


def _busy(buckets: pa.Table, split: _Split) -> list[Finding]:
    return [
        Finding(b.component, "cpu", "", b.metric, "", b.unit, b.before, b.now, b.before_of, b.now_of, b.score)
        for b in busy(buckets, split.onset, split.until)
        if b.score >= FAINT
    ]
