"""Cases from a signal to a folder and a record: diagnosed, routed, drafted, and without what must not leave."""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from watchkeeper import catalogue, library, pipeline
from watchkeeper.assembly.sources import Say, latest
from watchkeeper.diagnosis.dossier import Investigator
from watchkeeper.domain import CaseFile, Change, Signal, Window
from watchkeeper.drafts.evidence_page import evidence_page
from watchkeeper.drafts.writing import as_files, write_drafts
from watchkeeper.errors import ConfigError, QueryRejected, RecordsUnavailable, SourceUnavailable
from watchkeeper.evidence.details import CHANGES_SECONDS, changes_of
from watchkeeper.pipeline import Scan
from watchkeeper.redaction import redact
from watchkeeper.routing import routes
from watchkeeper.routing.assignment import assign
from watchkeeper.settings import Settings
from watchkeeper.telemetry.sources import ChangeQuery, ExtentQuery, Sources

if TYPE_CHECKING:
    # SQLAlchemy is slow to import: only what opens the records does so.
    from watchkeeper.records.store import Records

WATCHED_HOURS = 1.0
"""How long after its first signal a case is looked at again by itself."""


def scan_of(settings: Settings) -> Scan:
    """Which stretch of telemetry these settings have looked at."""
    windows = settings.diagnosis
    return Scan(
        lookback_seconds=windows.lookback_minutes * 60,
        follow_seconds=windows.follow_seconds,
        lag_seconds=windows.lag_seconds,
    )


def diagnose(
    settings: Settings,
    signal: Signal,
    sources: Sources,
    say: Say,
    *,
    is_recording: bool = False,
    until: datetime | None = None,
    investigator: Investigator | None = None,
) -> CaseFile:
    """The pipeline as these settings want it; the case has a number of its own, and what must not leave is gone.

    In a recording time stands still at its end: what was never recorded after it is no silence. Nothing after `until`
    is looked at, where that is given. Before an investigator
    begins, the case is kept as the rules diagnosed it. Raises ConfigError for routes or a catalogue that cannot be
    read, before anything is asked.
    """
    require_configuration(settings)
    now = datetime.now(UTC)
    if is_recording:
        ends = latest(sources) + timedelta(seconds=settings.diagnosis.lag_seconds)
        now = min(now, ends) if signal.at <= ends else now
    if until is not None:
        now = min(now, until + timedelta(seconds=settings.diagnosis.lag_seconds))
    number = _next_number(settings, signal.at.year, say)

    def done(case: CaseFile) -> CaseFile:
        incident = case.incident.model_copy(update={"is_recorded": is_recording})
        return finished(settings, case.model_copy(update={"incident": incident}), now)

    case = pipeline.diagnose(
        signal,
        sources,
        now=now,
        say=say,
        number=number,
        scan=scan_of(settings),
        investigator=investigator,
        keep=lambda case: save_case(settings, done(case), say),
    )
    return done(case)


def diagnose_again(
    settings: Settings,
    case: CaseFile,
    sources: Sources,
    say: Say,
    *,
    why: str,
    now: datetime | None = None,
    investigator: Investigator | None = None,
) -> CaseFile:
    """The case with one more diagnosis, of what can be known now; of a recorded incident, at the recording's end.

    With an investigator it is two, the rules' (which is kept before a model is asked) and the joint one.
    """
    require_configuration(settings)
    now = now or datetime.now(UTC)
    if case.incident.is_recorded:
        now = min(now, latest(sources) + timedelta(seconds=settings.diagnosis.lag_seconds))
    at = now
    again = pipeline.diagnose_again(
        case,
        sources,
        now=at,
        occasion=why,
        say=say,
        scan=scan_of(settings),
        investigator=investigator,
        keep=lambda rules: save_case(settings, finished(settings, rules, at), say),
    )
    return finished(settings, again, at)


def require_configuration(settings: Settings) -> None:
    """Raise ConfigError where the routes or the service catalogue cannot be read: better at once than at the end."""
    catalogue.load(settings.home)
    routes.load(settings.home)


def require_same_telemetry(case: CaseFile, sources: Sources) -> None:
    """Raise QueryRejected where the sources hold nothing of the time of the incident: they are those of another one."""
    known = sources.extent(ExtentQuery(window=case.incident.window)).rows
    if known.num_rows == 0:
        window = case.incident.window
        raise QueryRejected(
            f"{case.incident.id} is of {window.start:%Y-%m-%d %H:%M} to {window.end:%H:%M %Z}, "
            "and there is no telemetry of that time here: name the recording that it was diagnosed from"
        )


def changes_known(sources: Sources, case: CaseFile, now: datetime) -> list[Change]:
    """What was changed around the incident, as it is known now; nothing where that cannot be asked."""
    window = Window(start=case.incident.signals[0].at - timedelta(seconds=CHANGES_SECONDS), end=now)
    try:
        return list(changes_of(sources.changes(ChangeQuery(window=window)).rows))
    except SourceUnavailable:
        return []


def finished(settings: Settings, case: CaseFile, now: datetime) -> CaseFile:
    """The case routed, without what must not leave, and with its drafts; what a person approved or rejected stays."""
    return drafted(settings, redacted(settings, routed(settings, case, catalogue.load(settings.home))), now)


def drafted(settings: Settings, case: CaseFile, now: datetime) -> CaseFile:
    """The case with drafts of what it says now, beside those that a person approved, rejected or edited."""
    decided = tuple(draft for draft in case.drafts if draft.state != "proposed" or draft.edited_by is not None)
    known = catalogue.load(settings.home)
    return case.model_copy(update={"drafts": (*decided, *write_drafts(case, known, now))})


def routed(settings: Settings, case: CaseFile, known: catalogue.Catalogue) -> CaseFile:
    """The case with who should do what; a case that nobody diagnosed stays as it is."""
    if case.latest is None:
        return case
    assignment = assign(case, known, routes.load(settings.home))
    incident = case.incident.model_copy(update={"severity": assignment.severity})
    return case.model_copy(update={"assignment": assignment, "incident": incident})


def redacted(settings: Settings, case: CaseFile) -> CaseFile:
    """The case without what must not leave; ids and queries stay, so that each can be asked again."""
    wanted = settings.redaction
    if not wanted.enabled:
        return case
    clean = partial(redact, ip_addresses=wanted.ip_addresses, extra_patterns=wanted.extra_patterns)
    return CaseFile.model_validate(_cleaned(case.model_dump(), clean))


_PROSE = {
    *("headline", "text", "question", "failure", "inconclusive_because", "reason", "title", "author"),
    *("expected_impact", "suggested_fix", "settled_by", "gaps", "notes", "values", "operation", "measure", "link"),
    *("selector", "because", "changed", "value", "command", "occasion", "explanation", "model", "rejected_because"),
    *("id", "version", "environment", "commits", "service", "component", "about", "dependency", "attribute"),
}
"""Fields that hold text from outside, or text made from it; the others are names, ids, queries and fixed words."""


def _cleaned(value: object, clean: Callable[[str], str], key: str = "") -> object:
    if isinstance(value, str):
        return clean(value) if key in _PROSE else value
    if isinstance(value, dict):
        return {name: _cleaned(inner, clean, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner, clean, key) for inner in value]
    return value


@contextmanager
def open_records(settings: Settings) -> "Iterator[Records]":
    """What is kept of cases; raises RecordsUnavailable, ConfigError."""
    from watchkeeper.records.store import Records

    with Records.open(settings.records_place) as records:
        yield records


def case(settings: Settings, name: str) -> CaseFile:
    """The case of an incident from the records, else from its folder, or one in a case.json that is named.

    Raises QueryRejected where there is none, ConfigError for a file that holds no case.
    """
    if name.endswith(".json"):
        return _case_in(Path(name))
    folder = settings.home / "cases" / Path(name).name / "case.json"
    try:
        with open_records(settings) as records:
            return records.case(name)
    except (QueryRejected, RecordsUnavailable):
        if folder.exists():
            return _case_in(folder)
        raise


def _case_in(path: Path) -> CaseFile:
    try:
        return CaseFile.model_validate_json(library.read_text(path))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "its begin"
        raise ConfigError(f"{path}: expected a case as `diagnose` writes it, the first fault is at {where}") from error


def as_json(case: CaseFile) -> str:
    """The case as JSON in plain ASCII: what a terminal or a page might take for a command is escaped."""
    return json.dumps(case.model_dump(mode="json"), indent=2, ensure_ascii=True)


def save_case(settings: Settings, case: CaseFile, say: Say = lambda _: None) -> Path | None:
    """Keep the case in the records and write its folder: `case.json`, its drafts, its evidence; answers where.

    Where the records or the folder cannot be written, that is said, and the other one is; None without a folder.
    """
    return write_case(settings, _kept(settings, case, say), say)


def write_case(settings: Settings, case: CaseFile, say: Say = lambda _: None) -> Path | None:
    """Write the case's folder only; where that cannot be done, it is said, and the answer is None."""
    folder = settings.home / "cases" / case.incident.id
    try:
        return _write_folder(folder, case)
    except OSError as error:
        say(f"{folder} cannot be written ({error.strerror}); the case is not kept there")
        return None


def _write_folder(folder: Path, case: CaseFile) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    files = {**as_files(case.drafts), "evidence.md": evidence_page(case)}
    written = {path.name for path in folder.iterdir() if _DRAFTED.fullmatch(path.name)}
    for stale in written - set(files):
        (folder / stale).unlink(missing_ok=True)
    for name, text in files.items():
        _write(folder / name, text)
    return _write(folder / "case.json", as_json(case))


_DRAFTED = re.compile(r"(?:ticket|incident-report|post-mortem|internal-update|status-page)(?:-\d+)?\.(?:md|json)")
"""Files that are drafts of ours; whatever else lies in a case's folder is somebody's."""


def _write(path: Path, text: str) -> Path:
    """Write a file, whole or not at all."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8") as file:
        file.write(text)
    return Path(file.name).replace(path)


def _kept(settings: Settings, case: CaseFile, say: Say) -> CaseFile:
    try:
        with open_records(settings) as records:
            return records.save(case)
    except RecordsUnavailable as error:
        say(f"{error}; the case is kept in its folder only")
        return case


def _next_number(settings: Settings, year: int, say: Say) -> int:
    taken = [path.name.rpartition("-")[2] for path in (settings.home / "cases").glob(f"INC-{year}-*")]
    last = max((int(number) for number in taken if number.isdigit()), default=0)
    try:
        with open_records(settings) as records:
            return int(records.next_incident_id(year, after=last).rpartition("-")[2])
    except RecordsUnavailable as error:
        say(f"{error}; the case is numbered by its folder only")
        return _claimed(settings.home / "cases", year, last + 1)


def _claimed(folder: Path, year: int, number: int) -> int:
    """The first number from there on whose folder nobody else has made; made here, it is taken."""
    while True:
        try:
            (folder / f"INC-{year}-{number:04d}").mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError:
            return number
        else:
            return number
