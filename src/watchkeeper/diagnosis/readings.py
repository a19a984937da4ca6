"""What the diagnosis itself computes from evidence, as rows that a claim can cite and that code computes again."""

from collections.abc import Mapping
from dataclasses import asdict

import pyarrow as pa

from watchkeeper.analysis.series import Key, Red, added, red_series
from watchkeeper.analysis.symptoms import Sensitivity, Symptom
from watchkeeper.diagnosis.blame import Share, parts_of, shares_of
from watchkeeper.diagnosis.measured import Served
from watchkeeper.diagnosis.releases import Trial, try_change
from watchkeeper.diagnosis.restarts import restarts_of
from watchkeeper.diagnosis.seen import Seen
from watchkeeper.diagnosis.statements import Saying
from watchkeeper.diagnosis.timing import Timing, timing_of
from watchkeeper.domain import Change, EvidenceId, Reading, Window
from watchkeeper.evidence.answers import NO_ROWS, Answers, Readings, parameters_of
from watchkeeper.evidence.details import Details, changes_of
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.readings import RED_COLUMNS, VITALS, red_rows, table_of_rows, vital_ids
from watchkeeper.evidence.symptoms import symptoms_of
from watchkeeper.evidence.vitals import Vitals, vitals_of


def _vitals(answers: Answers, reading: Reading) -> Vitals:
    return vitals_of(answers, vital_ids(reading))


def _symptoms(answers: Answers, reading: Reading) -> list[Symptom]:
    given = parameters_of(reading)["sensitivity"]
    assert isinstance(given, dict)
    key = ("symptoms", *reading.of[: len(VITALS)], str(given))
    how = Sensitivity(**{**given, "longer_seconds": tuple(given["longer_seconds"])})
    return answers.once(key, lambda: symptoms_of(_vitals(answers, reading), how))


def _timing(answers: Answers, reading: Reading) -> Timing:
    symptoms = _symptoms(answers, reading)
    key = ("timing", *reading.of[: len(VITALS)], reading.parameters)
    return answers.once(key, lambda: timing_of(_vitals(answers, reading), symptoms))


def onsets(answers: Answers, reading: Reading) -> pa.Table:
    """When it began at each service, ± half a 90 % interval, the earliest first; and whether it shows a symptom."""
    timing, showing = _timing(answers, reading), {s.service for s in _symptoms(answers, reading)}
    rows = [
        (name, began.at, began.earliest, began.latest, began.uncertainty_seconds, name in showing)
        for name, began in sorted(timing.services.items(), key=lambda item: (item[1].at, item[0]))
    ]
    columns = ("service", "onset", "earliest", "latest", "uncertainty_seconds", "has_symptom")
    return table_of_rows(columns, rows)


def first_onset(answers: Answers, reading: Reading) -> pa.Table:
    """When the incident began: the earliest clear onset among the services that show symptoms. One row."""
    began = _timing(answers, reading).onset
    slowdown = parts_of(_vitals(answers, reading), _timing(answers, reading)).slowdown
    columns = ("onset", "latest", "uncertainty_seconds", "slowdown_of_all")
    return table_of_rows(columns, [(began.at, began.latest, began.uncertainty_seconds, slowdown)])


def blame_shares(answers: Answers, reading: Reading) -> dict[str, Share]:
    """Every component's share of the blame, computed once."""
    key = ("blame", *reading.of[: len(VITALS)], reading.parameters)
    symptoms = _symptoms(answers, reading)
    return answers.once(key, lambda: shares_of(_vitals(answers, reading), _timing(answers, reading), symptoms))


def blame(answers: Answers, reading: Reading) -> pa.Table:
    """What is left at each component of the failures and of the extra time, after what its callees explain."""
    rows = [
        (component, unit, amount, max(share.waits_for, key=lambda n: share.waits_for[n], default=None))
        for component, share in blame_shares(answers, reading).items()
        for unit, amount in (("failures", share.errors), ("extra time", share.latency))
        if amount > 0
    ]
    rows.sort(key=lambda row: (-row[2], row[0], row[1]))
    return table_of_rows(("component", "unit", "share", "waits_for"), rows)


def callers(answers: Answers, reading: Reading) -> pa.Table:
    """Requests to each component as its callers saw them, before and now."""
    vitals, timing = _vitals(answers, reading), _timing(answers, reading)
    by_callee: dict[Key, list[Red]] = {}
    for (_, callee, _), red in vitals.calls.items():
        by_callee.setdefault((callee,), []).append(red)
    series = {key: added(reds) for key, reds in by_callee.items()}
    return table_of_rows(("callee", *RED_COLUMNS), red_rows(series, parts_of(vitals, timing), vitals.grid.step_seconds))


def restarts(answers: Answers, reading: Reading) -> pa.Table:
    """Processes that came up around or after the onset though nobody deployed them."""
    found = restarts_of(_vitals(answers, reading), _changes(answers, reading), _timing(answers, reading))
    rows = [(service, len(times), times[0], times[-1]) for service, times in sorted(found.items())]
    return table_of_rows(("service", "started", "began", "last_started"), rows)


def _changes(answers: Answers, reading: Reading) -> tuple[Change, ...]:
    table = answers.answer(reading.of[len(VITALS)])
    return () if table is None else changes_of(table)


def trials_in(answers: Answers, reading: Reading) -> list[Trial]:
    """Every change on trial for the trouble of its own service, computed once."""
    return answers.once(("trials", *reading.of, reading.parameters), lambda: _trials(answers, reading))


def _trials(answers: Answers, reading: Reading) -> list[Trial]:
    vitals, timing = _vitals(answers, reading), _timing(answers, reading)
    table = answers.answer(reading.of[len(VITALS) + 1])
    versions: Mapping[Key, Red] = (
        {} if table is None else red_series(table, ["service_name", "service_version"], vitals.grid)
    )
    return [
        try_change(change, timing.services.get(change.service, timing.onset), vitals, versions)
        for change in _changes(answers, reading)
    ]


def trials(answers: Answers, reading: Reading) -> pa.Table:
    """Every change against the onset of its own service: whether its time fits, and what clears it."""
    rows = [
        (
            *(t.change.id, t.change.service, t.change.kind, t.change.version, t.change.began_at, t.onset, t.outcome),
            *(t.gap_seconds, abs(t.waited_seconds), t.margin_seconds, t.answered),
        )
        for t in trials_in(answers, reading)
    ]
    columns = ("id", "service", "kind", "version", "began", "onset", "outcome")
    seconds = ("gap_seconds", "waited_seconds", "margin_seconds", "answered_well")
    return table_of_rows((*columns, *seconds), rows) if rows else NO_ROWS


READINGS: Readings = {
    "onsets": onsets,
    "first onset": first_onset,
    "blame": blame,
    "as callers saw": callers,
    "restarts": restarts,
    "changes on trial": trials,
}
"""By the name that evidence carries."""


def derive(
    ledger: Ledger, vitals: Vitals, details: Mapping[str, EvidenceId], how: Sensitivity, window: Window
) -> dict[str, EvidenceId]:
    """Enter everything that the diagnosis computes into the ledger; by a short name, the evidence that holds it."""
    base = tuple(vitals.evidence[name] for name in VITALS)
    given = {"sensitivity": asdict(how)}
    changes = (*base, details["changes"])
    questions: tuple[tuple[str, str, str, tuple[EvidenceId, ...]], ...] = (
        ("first onset", "When did it begin?", "first onset", base),
        ("onsets", "When did it begin at each service?", "onsets", base),
        ("blame", "Whose own doing is it?", "blame", base),
        ("callers", "How did callers see each component?", "as callers saw", base),
        ("presence", "Who still reports?", "last seen", base),
        ("restarts", "Who started anew without a deploy?", "restarts", changes),
        ("trials", "Can a change have done it?", "changes on trial", (*changes, details["versions"])),
    )
    return {key: ledger.derive(question, name, of, given, window) for key, question, name, of in questions}


def gather(
    vitals: Vitals,
    details: Details,
    timing: Timing,
    symptoms: list[Symptom],
    how: Sensitivity,
    served: Served,
    ledger: Ledger,
) -> Seen:
    """Everything that a conclusion rests on, each part of it entered as evidence."""
    computed = derive(ledger, vitals, details.evidence, how, timing.incident)
    evidence = {**details.evidence, **vitals.evidence, "lines": vitals.evidence["logs"], **computed}
    evidence["logs"] = details.evidence["logs"]
    readings = {name: ledger.entry(number).reading for name, number in computed.items()}
    blamed, tried = readings["blame"], readings["trials"]
    assert blamed is not None
    assert tried is not None
    return Seen(
        vitals=vitals,
        details=details,
        timing=timing,
        symptoms=symptoms,
        shares=blame_shares(ledger, blamed),
        trials=trials_in(ledger, tried),
        saying=Saying(ledger, evidence),
        served=served,
        gaps=ledger.gaps,
    )
