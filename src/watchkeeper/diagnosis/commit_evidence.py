"""What is asked to judge commits, and the rows that claims about them cite: what moved, what no commit did, which did.

Text of commits is untrusted and leaves no house: rows hold a line of a diff at most, redacted, and never its whole.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from watchkeeper.analysis.commit_symptoms import Picture, picture
from watchkeeper.analysis.commits import Candidate, Commit, Release, Verdict, judge
from watchkeeper.analysis.diffs import spelled
from watchkeeper.domain import EvidenceId, Reading, Signal, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.evidence.answers import NO_ROWS, Answers, Readings, parameters_of
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.readings import table_of_rows
from watchkeeper.redaction import redact
from watchkeeper.telemetry.sources import ChangeQuery, LogQuery, MetricBucketQuery, Sources, SpanQuery

HISTORY = timedelta(hours=24)
"""How long before it was noticed commits and what brought them out are looked for."""
PAST = timedelta(hours=6)
"""How far back telemetry is looked at: what grows slowly began hours ago."""
STEP_SECONDS = 60.0
ROWS = 20_000
MOST_COMMITS = 500
COMMIT = "commit"
"""The kind of a row of changes that is a commit: its id is the commit's, its title the message; `files_changed` (JSON)
and `diff` are attributes."""
NO_RELEASE = frozenset({COMMIT, "flag", "scaling"})
SHOWN = 120
ROWS_TOLD = 40


@dataclass(frozen=True)
class CommitsAsked:
    """The evidence that holds the rows, and what is in them."""

    moved: EvidenceId
    outside: EvidenceId
    commits: EvidenceId
    history: EvidenceId
    """The changes themselves, from which all the rest is told."""
    seen: Picture
    verdict: Verdict


def ask_commits(sources: Sources, ledger: Ledger, signal: Signal, now: datetime) -> CommitsAsked | None:
    """Ask for commits and for what they are compared with; None where no commit is on record, or nobody is named.

    Nothing is entered into the ledger then. Never raises for a source that is down.
    """
    at = signal.at
    past = Window(start=at - HISTORY, end=max(now, at) + timedelta(seconds=1))
    query = ChangeQuery(window=past, with_commits=True)
    if signal.service is None or not _has_commits(sources, query):
        return None
    near = Window(start=at - PAST, end=past.end)
    asked = [
        ledger.ask("Which commits came out before it?", "changes", sources.changes, query)[0],
        ledger.ask(
            "Which figures left their usual level?",
            "metrics",
            sources.metric_buckets,
            MetricBucketQuery(window=near, step_seconds=STEP_SECONDS),
        )[0],
        ledger.ask("What is logged now that was not?", "logs", sources.records, LogQuery(window=near, limit=ROWS))[0],
        ledger.ask("What do requests do now?", "traces", sources.spans, SpanQuery(window=near, limit=ROWS))[0],
    ]
    given = {"service": signal.service, "measure": signal.measure or "", "text": signal.text, "at": at.isoformat()}
    ledger.read(asked[0], "changes without diffs", {})
    moved, outside, commits = (
        ledger.derive(question, name, asked, given, near)
        for question, name in (
            ("What moved, and since when?", "what moved"),
            ("What else than a commit may it be?", "causes outside of the history"),
            ("Which commit fits it?", "which commit"),
        )
    )
    reading = ledger.entry(commits).reading
    assert reading is not None, "what was derived has a reading"
    return CommitsAsked(moved, outside, commits, asked[0], _seen(ledger, reading), _judged(ledger, reading))


def _has_commits(sources: Sources, query: ChangeQuery) -> bool:
    try:
        rows = sources.changes(query).rows
    except SourceUnavailable:
        return False
    return COMMIT in rows["kind"].unique().to_pylist()


def history_of(table: pa.Table) -> tuple[list[Commit], list[Release]]:
    """Commits, the latest where there are too many, and what may have brought them out, from rows of changes."""
    commits, releases = [], []
    for row in table.to_pylist():
        if row["kind"] == COMMIT:
            attributes = dict(row["attributes"] or ())
            files = _files(attributes.get("files_changed"))
            commits.append(Commit(row["id"], row["time"], row["title"] or "", files, attributes.get("diff")))
        elif row["kind"] not in NO_RELEASE:
            made = tuple(row["commits"] or ())
            releases.append(Release(row["id"], row["service_name"], row["ended_at"] or row["time"], made))
    return commits[-MOST_COMMITS:], releases


def _files(text: str | None) -> tuple[str, ...]:
    try:
        listed = json.loads(text or "[]")
    except json.JSONDecodeError:
        return ()
    return tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()


def _seen(answers: Answers, reading: Reading) -> Picture:
    """The picture of the trouble; what a source did not answer is empty in it."""
    given = {name: str(value) for name, value in parameters_of(reading).items()}
    at = datetime.fromisoformat(given["at"])
    tables = [answers.answer(number) for number in reading.of]
    metrics, logs, spans = (table if table is not None else _none_of(i) for i, table in enumerate(tables[1:]))
    key = ("picture", *reading.of, reading.parameters)
    return answers.once(
        key,
        lambda: picture(given["service"], given["measure"] or None, given["text"], at, metrics, logs, spans),
    )


def _none_of(place: int) -> pa.Table:
    columns = (
        ("time", "service_name", "name", "mean", "temporality", "is_monotonic"),
        ("time", "service_name", "severity_number", "body"),
        ("time", "service_name", "status_code", "status_message", "name", "attributes", "span_id", "parent_span_id"),
    )[place]
    return pa.table({name: pa.array([], pa.null()) for name in columns})


def _judged(answers: Answers, reading: Reading) -> Verdict:
    changes = answers.answer(reading.of[0])
    commits, releases = history_of(changes) if changes is not None else ([], [])
    seen = _seen(answers, reading)
    return answers.once(("judged", *reading.of, reading.parameters), lambda: judge(commits, releases, seen))


def what_moved(answers: Answers, reading: Reading) -> pa.Table:
    """Figures that left their level for good, those of the service that was named first."""
    columns = ("service", "metric", "value_before", "value", "began", "give_seconds")
    moves = _seen(answers, reading).moves
    return table_of_rows(columns, ((m.service, m.metric, m.before, m.now, m.began, m.give_seconds) for m in moves))


def outside_rows(answers: Answers, reading: Reading) -> pa.Table:
    """Causes that no commit has, with what speaks for each; figures are lines, or levels of a figure."""
    columns = ("service", "kind", "share", "count_before", "count", "example", "began")
    found = _judged(answers, reading).outside
    return table_of_rows(
        columns, ((o.service, o.kind, p, float(o.before), float(o.now), _shown(o.example), o.began) for o, p in found)
    )


def commit_rows(answers: Answers, reading: Reading) -> pa.Table:
    """Commits by how probably each did it, with what speaks for it and when it came out."""
    columns = ("component", "id", "short", "share", "began", "release", "message", "effect", "words", "file")
    found = _judged(answers, reading).candidates[:ROWS_TOLD]
    return table_of_rows(columns, (_row(each, share) for each, share in found))


def _row(each: Candidate, share: float) -> Sequence[str | float | datetime]:
    effect = each.effects[0] if each.effects else None
    return (
        each.component,
        each.commit.sha,
        each.commit.sha[:8],
        share,
        each.out_at,
        _shown(each.release.id if each.release else ""),
        _shown(each.commit.message),
        _shown(f"{effect.kind}: {effect.detail}" if effect else ""),
        _shown(", ".join(spelled(each.words, _text_of(each.commit)))),
        _shown(", ".join(each.commit.files[:2])),
    )


def _text_of(commit: Commit) -> str:
    read = commit.read
    return "\n".join((*read.added, *read.removed, *read.context, commit.message, *commit.files))


def _shown(text: str) -> str:
    """A text from outside on one line, redacted and bounded."""
    return " ".join(redact(text[: 4 * SHOWN]).split())[:SHOWN]


def without_diffs(answers: Answers, reading: Reading) -> pa.Table:
    """The changes as they were answered, without attributes: code does not go into a case file."""
    table = answers.answer(reading.of[0])
    return NO_ROWS if table is None else table.drop_columns(["attributes"])


READINGS: Readings = {
    "what moved": what_moved,
    "causes outside of the history": outside_rows,
    "which commit": commit_rows,
    "changes without diffs": without_diffs,
}
"""By the name that evidence carries."""


def names_of(asked: CommitsAsked) -> Iterable[str]:
    """Names in which a digit is no figure."""
    yield from asked.seen.services
    for each, _ in asked.verdict.candidates[:ROWS_TOLD]:
        yield each.commit.sha[:8]
        if each.release is not None:
            yield from (each.release.id, each.release.service)
