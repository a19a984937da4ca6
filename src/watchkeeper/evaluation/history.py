"""Runs that were made on this machine: their scorecards under the home, and an index that tells them apart."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from watchkeeper.domain import Noun
from watchkeeper.errors import ConfigError
from watchkeeper.evaluation.scorecard import Scorecard

FOLDER, INDEX = "evals", "history.ndjson"


class Entry(Noun):
    """One line of the index."""

    at: AwareDatetime
    suite: str
    data: str | None
    version: str
    commit: str
    without: tuple[str, ...] = ()
    alert_delay_seconds: float = 0.0
    until_seconds: float | None = None
    missing_edges_percent: float | None = None
    cases: int
    failed: int
    coverage: float
    top1: float
    forced_top1: float
    utility: float
    file: str
    """Where the scorecard is, absolute."""

    @property
    def is_whole(self) -> bool:
        """Whether the cases were run as they are: nothing left out, nothing later or earlier."""
        changed = (self.without, self.alert_delay_seconds, self.until_seconds is not None, self.missing_edges_percent)
        return not any(changed)


def default_file(home: Path, suite: str, at: datetime) -> Path:
    """Where a scorecard goes that was given no other place."""
    return home / FOLDER / f"{suite}-{at:%Y%m%dT%H%M%S}.json"


def keep(card: Scorecard, file: Path, home: Path) -> Path:
    """Write the scorecard and a line of the index; the file. Raises ConfigError where that cannot be written."""
    index = home / FOLDER / INDEX
    try:
        card.write(file)
        index.parent.mkdir(parents=True, exist_ok=True)
        with index.open("a", encoding="utf-8") as lines:
            lines.write(f"{_entry(card, file).model_dump_json()}\n")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}; expected a place for the result") from error
    return file


def entries(home: Path) -> list[Entry]:
    """All runs, the oldest first; raises ConfigError naming a line that is none."""
    index = home / FOLDER / INDEX
    if not index.exists():
        return []
    found = []
    for number, line in enumerate(index.read_text(encoding="utf-8").splitlines(), 1):
        try:
            found.append(Entry.model_validate_json(line))
        except ValidationError as error:
            raise ConfigError(f"{index}, line {number}: is no run; remove the line to go on") from error
    return found


def newest(runs: Iterable[Entry]) -> list[Path]:
    """The file of the last run of each suite and data set, left whole, that is still there."""
    last = {(run.suite, run.data): Path(run.file) for run in runs if run.is_whole and Path(run.file).is_file()}
    return [last[key] for key in sorted(last, key=str)]


def found(named: str, home: Path) -> Path:
    """A scorecard by its path, or by its name under the home; raises ConfigError where it is neither."""
    kept = home / FOLDER / f"{named.removesuffix('.json')}.json"
    for path in (Path(named), kept):
        if path.is_file():
            return path
    raise ConfigError(f"{named}: there is no such file, and no such run in {kept.parent} (see `eval history`)")


def _entry(card: Scorecard, file: Path) -> Entry:
    same = card.model_dump(include=set(Entry.model_fields) - {"file"})
    return Entry(**same, file=str(file.absolute()))
