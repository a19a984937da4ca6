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
from watchkeeper.evaluation import problems
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
    dataset: Literal["nezha", "petshop", "rootcausebench"]
    answer: AnswerKind
    baselines: tuple[BaselineName, ...] = ()


class SuiteFile(BaseModel, frozen=True, extra="forbid"):
    """Either of them."""

    suite: Annotated[DrillsFile | DatasetFile, Field(discriminator="kind")]


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


def known() -> tuple[str, ...]:
    """The names of all suites."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def for_folder(folder: Path) -> str | None:
    """The suite that an unpacked data set belongs to, by its folder's name: `nezha-boutique` to `nezha`."""
    names = [name for name in known() if folder.name == name or folder.name.startswith(f"{name}-")]
    return max(names, key=len, default=None)


def open_suite(name: str, data: Path | None = None, *, alert_delay_seconds: float = 0.0) -> Suite:
    """The named suite over its data.

    Raises ConfigError for a suite that does not exist or data that it does not take, DatasetRejected for data that
    is not in its published layout.
    """
    path = FOLDER / f"{name}.yaml"
    if name not in known():
        raise ConfigError(f"there is no suite {name}{did_you_mean(name, known())}")
    raw = library.read_yaml(path)
    file = library.checked({"suite": raw}, SuiteFile, lambda _: str(path)).suite
    if isinstance(file, DrillsFile):
        if data is not None:
            raise ConfigError(f"--data: the suite {name} brings its recordings, expected no folder")
        if alert_delay_seconds:
            raise ConfigError(f"--alert-delay: the suite {name} begins at the watch's own alarm, expected no delay")
        return _drills(name, file)
    if data is None:
        raise ConfigError(f"--data: the suite {name} needs the folder of the unpacked data set {file.dataset}")
    return _dataset(name, file, data, alert_delay_seconds)


def _drills(name: str, file: DrillsFile) -> Suite:
    folders = [library.HOME / recording for recording in file.recordings]
    return Suite(
        name=name,
        answer="component",
        problems=problems.of_recordings(folders),
        answers=lambda: problems.answers_of(problems.truths_of(folders)),
        baselines=file.baselines,
        guilty_changes=lambda: {name: t.change_id for name, t in problems.truths_of(folders).items()},
    )


def _dataset(name: str, file: DatasetFile, data: Path, alert_delay_seconds: float) -> Suite:
    if not data.is_dir():
        raise DatasetRejected(f"{data}: there is no such folder; expected the unpacked data set {file.dataset}")
    dataset = cast(Dataset, import_module(f"watchkeeper.datasets.{file.dataset}"))
    asked = problems.of_cases(dataset.cases(data, alert_delay_seconds=alert_delay_seconds))
    return Suite(
        name=name,
        answer=file.answer,
        problems=asked,
        answers=lambda: dataset.answers(data),
        baselines=file.baselines,
        data=data.resolve().name,
        alert_delay_seconds=alert_delay_seconds,
    )
