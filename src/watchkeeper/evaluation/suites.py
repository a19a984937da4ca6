"""Suites: which cases, what counts as an answer, and against which simple methods; each a file of `evals/suites`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BaseModel, Field

from watchkeeper import library
from watchkeeper.datasets.cases import Answer, Dataset
from watchkeeper.errors import ConfigError, DatasetRejected
from watchkeeper.evaluation import injected_problems, problems
from watchkeeper.evaluation.measures import DatasetName
from watchkeeper.evaluation.problems import Problem
from watchkeeper.evaluation.scores import Matcher, is_same, is_same_commit
from watchkeeper.library import did_you_mean

FOLDER = library.HOME / "evals" / "suites"

AnswerKind = Literal["component", "commit"]
BaselineName = Literal["max_z", "nsigma", "baro", "traversal", "latest_deploy"]
MATCHERS: dict[AnswerKind, Matcher] = {"component": is_same, "commit": is_same_commit}


class DrillsFile(BaseModel, frozen=True, extra="forbid"):
    """A suite of recorded drills."""

    kind: Literal["drills"]
    recordings: tuple[str, ...] = Field(min_length=1)
    baselines: tuple[BaselineName, ...] = ()


class DatasetFile(BaseModel, frozen=True, extra="forbid"):
    """A suite over a published data set, which lies outside the repository."""

    kind: Literal["dataset"]
    dataset: Literal["nezha", "petshop", "rcaeval", "rootcausebench"]
    answer: AnswerKind
    baselines: tuple[BaselineName, ...] = ()


class InjectedFile(BaseModel, frozen=True, extra="forbid"):
    """A suite of faults put into quiet telemetry, which lies outside the suite."""

    kind: Literal["injected"]
    cases: int = Field(ge=1)
    seed: int = Field(ge=0)
    share: Literal["material", "faint", "all"] = "material"
    baselines: tuple[BaselineName, ...] = ()


class MetricsFile(BaseModel, frozen=True, extra="forbid"):
    """A suite that ranks nothing: figures over a published data set."""

    kind: Literal["metrics"]
    dataset: DatasetName


class SuiteFile(BaseModel, frozen=True, extra="forbid"):
    """One of them."""

    suite: Annotated[DrillsFile | DatasetFile | InjectedFile | MetricsFile, Field(discriminator="kind")]


@dataclass(frozen=True)
class Suite:
    """One suite, ready to be run."""

    name: str
    answer: AnswerKind
    problems: tuple[Problem, ...]
    answers: Callable[[], Mapping[str, Answer]]
    """The truth by case: to be called when all answers are in, and not before."""
    baselines: tuple[str, ...] = ()
    data: str | None = None
    """The name of the data set's folder."""
    guilty_changes: Callable[[], Mapping[str, str | None]] | None = None
    """The change that did it by case, where the suite asks for it; None where none did."""
    alert_delay_seconds: float = 0.0
    until_seconds: float | None = None


@dataclass(frozen=True)
class Opening:
    """What a suite is opened with, whatever its kind."""

    data: Path | None = None
    alert_delay_seconds: float = 0.0
    until_seconds: float | None = None
    """Only what is known so long after the signal may be read; None for all that a case lets be read."""


def known() -> tuple[str, ...]:
    """The names of all suites."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def for_folder(folder: Path) -> str | None:
    """The ranking suite that an unpacked data set belongs to, by its folder's name: `nezha-boutique` to `nezha`."""
    ranking = [name for name in known() if metrics_of(name) is None]
    names = [name for name in ranking if folder.name == name or folder.name.startswith(f"{name}-")]
    return max(names, key=len, default=None)


def open_suite(
    name: str, data: Path | None = None, *, alert_delay_seconds: float = 0.0, until_seconds: float | None = None
) -> Suite:
    """The named suite over its data.

    Raises ConfigError for a suite that does not exist or data that it does not take, DatasetRejected for data that
    is not in its published layout.
    """
    file = _file(name)
    if isinstance(file, MetricsFile):
        raise ConfigError(f"the suite {name} ranks nothing: there are no cases to open, only `eval run {name}`")
    opening = Opening(data, alert_delay_seconds, until_seconds)
    if isinstance(file, InjectedFile):
        return _injected(name, file, opening)
    return _drills(name, file, opening) if isinstance(file, DrillsFile) else _dataset(name, file, opening)


def metrics_of(name: str) -> MetricsFile | None:
    """The file of a suite that ranks nothing, None for one that does; raises ConfigError for none that exists."""
    file = _file(name)
    return file if isinstance(file, MetricsFile) else None


def _file(name: str) -> DrillsFile | DatasetFile | InjectedFile | MetricsFile:
    path = FOLDER / f"{name}.yaml"
    if name not in known():
        raise ConfigError(f"there is no suite {name}{did_you_mean(name, known())}")
    return library.checked({"suite": library.read_yaml(path)}, SuiteFile, lambda _: str(path)).suite


def _injected(name: str, file: InjectedFile, opening: Opening) -> Suite:
    if opening.until_seconds is not None:
        raise ConfigError(f"--until: the suite {name} is diagnosed at the watch's own alarm, expected no --until")
    delay = opening.alert_delay_seconds
    asked = injected_problems.opened(opening.data, file.cases, file.seed, file.share, delay, name)
    return Suite(
        name=name,
        answer="component",
        problems=asked.problems(),
        answers=asked.answers,
        baselines=file.baselines,
        data=opening.data.resolve().name if opening.data is not None else None,
        alert_delay_seconds=delay,
    )


def _drills(name: str, file: DrillsFile, opening: Opening) -> Suite:
    folders = [library.HOME / recording for recording in file.recordings]
    if opening.data is not None:
        folders = _recorded_in(opening.data)
    delay, until = opening.alert_delay_seconds, opening.until_seconds
    return Suite(
        name=name,
        answer="component",
        problems=problems.of_recordings(folders, alert_delay_seconds=delay, until_seconds=until),
        answers=lambda: problems.answers_of(problems.truths_of(folders)),
        baselines=file.baselines,
        data=opening.data.resolve().name if opening.data is not None else None,
        guilty_changes=lambda: {name: t.change_id for name, t in problems.truths_of(folders).items()},
        alert_delay_seconds=delay,
        until_seconds=until,
    )


def _recorded_in(folder: Path) -> list[Path]:
    """The recorded drills of a folder, one a folder inside it; raises DatasetRejected where there is none."""
    found = sorted(path.parent for path in folder.glob(f"*/{problems.TELEMETRY}") if path.is_dir())
    if not found:
        raise DatasetRejected(f"{folder}: holds no recorded drill; expected <drill>/{problems.TELEMETRY}/")
    return found


def _dataset(name: str, file: DatasetFile, opening: Opening) -> Suite:
    data, delay = opening.data, opening.alert_delay_seconds
    if data is None:
        raise ConfigError(f"--data: the suite {name} needs the folder of the unpacked data set {file.dataset}")
    if not data.is_dir():
        raise DatasetRejected(f"{data}: there is no such folder; expected the unpacked data set {file.dataset}")
    dataset = cast(Dataset, import_module(f"watchkeeper.datasets.{file.dataset}"))
    asked = dataset.cases(data, alert_delay_seconds=delay)
    return Suite(
        name=name,
        answer=file.answer,
        problems=problems.of_cases(asked, until_seconds=opening.until_seconds),
        answers=lambda: dataset.answers(data),
        baselines=file.baselines,
        data=data.resolve().name,
        alert_delay_seconds=delay,
        until_seconds=opening.until_seconds,
    )
