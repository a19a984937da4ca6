"""What one run of a suite is kept as: the JSON that is written, read again, compared and shown."""

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from watchkeeper.casebook.calibration import Bin
from watchkeeper.domain import Cost, Noun
from watchkeeper.errors import ConfigError
from watchkeeper.evaluation.intervals import Interval

Status = Literal["answered", "none", "abstained", "failed"]
Engine = Literal["rules", "model"]
Graph = Literal["single", "specialists"]
NOTHING = "none"
"""How the truth is written where nothing is to blame."""


class Result(Noun):
    """One case: what was true, what was answered."""

    case: str
    truth: str
    """The component or commit, or `none`."""
    ranked: tuple[str, ...]
    """Every candidate that was named, the most probable first, whatever the status."""
    probability: float | None
    """Of the first of them."""
    probabilities: tuple[float, ...] = ()
    """Of all of them, in the same order; what is left to 1 is on none of them."""
    status: Status
    hit_rank: int | None
    """Where the truth stands in the ranking, from 1, whatever the status; a truth `none` is at 1 if that was said."""
    seconds: float
    """Of the diagnosis alone, without reading the data."""
    is_hit: bool
    """Whether it counts for `top1`: the truth was first, and the status is `answered` or `none`."""
    blames_decoy: bool = False
    """Whether it answered with what a careless reader would blame."""
    kind: str = ""
    system: str = ""
    reason: str = ""
    """Why it abstained or failed, on one line."""
    is_release_right: bool | None = None
    """Whether the guilty change, and no innocent one, was blamed; None where the suite does not ask."""
    unsupported: tuple[str, ...] | None = None
    """What the diagnosis says that cannot be found again when its sources are asked; None where nobody looked."""
    cost: Cost | None = None
    """What the diagnosis took; None where there is none."""
    baseline_ranks: dict[str, int | None] = Field(default_factory=dict)
    """Where the truth stands in each baseline's ranking."""
    brier_ranked: float | None = None
    """The square error over all candidates, and none of them; None in runs from before it was measured."""
    brier_base: float | None = None
    """The same of whoever knows nothing but how often each is true in this system."""
    draw: int = 0
    """Which drawing of lost calls this is, from 0."""
    lost_calls: int | None = None
    """How many calls were taken out of the call graph; None where none were to be."""


class Sure(Noun):
    """Answers that are stated with a probability above .9."""

    answers: int
    """Of how many."""
    sure: int
    right: int
    """How many of the sure ones are right."""
    share_right: float | None
    """None where none is sure."""
    interval: Interval | None
    of_right: int
    """How many answers are right, sure or not."""
    share_of_right: float | None
    """The share of the right answers that are sure."""


class Calibration(Noun):
    """What the stated probabilities are worth."""

    bins: tuple[Bin, ...]
    """Of the first candidate's probability, in fifths, whatever the status: what was stated, and what was right."""
    risk_coverage: tuple[tuple[float, float], ...]
    """Which share is answered when only the surest are, and which share of that is wrong."""
    sure: Sure
    brier_ranked: float
    """Mean square error over all candidates, and none of them: 0 is perfect, 2 surely wrong."""
    brier_base: float
    """The same of whoever knows nothing but how often each is true in its system."""
    brier_skill: float | None
    """1 is perfect, 0 no better than the base rate; None where that is perfect."""


class Group(Noun):
    """The cases that have something in common: a kind of fault, a system, a truth."""

    cases: int
    """How many different ones."""
    answered: int
    none: int
    abstained: int
    failed: int
    top1: float
    top3: float
    forced_top1: float
    forced_top3: float
    intervals: dict[str, Interval]
    calibration: Calibration | None = None
    """None in runs that were made before it was measured."""


class BaselineScore(Noun):
    """How a simple method did on the same cases; it always answers."""

    top1: float
    top3: float
    top5: float
    intervals: dict[str, Interval]
    """Of `random`: what guessing reaches with 95 %; of the others, Wilson's."""
    decoy_blamed: int | None = None
    failed: int = 0


class Seconds(Noun):
    """How long a diagnosis took."""

    median: float
    p95: float


class Totals(Noun):
    """What a model took and said over all cases of a run."""

    calls: int
    tokens: int
    usd: float
    claims_made: int
    claims_struck: int
    trouble: int
    """Cases in which the model did not get to its end, and the rules' diagnosis stood."""


class Scorecard(Noun):
    """One run of one suite. Shares are of all cases unless said otherwise."""

    suite: str
    engine: Engine
    graph: Graph | None = None
    """Of the model's engine."""
    version: str
    commit: str = ""
    data: str | None = None
    """The name of the data set's folder."""
    at: AwareDatetime
    limit: int | None = None
    without: tuple[str, ...] = ()
    alert_delay_seconds: float = 0.0
    until_seconds: float | None = None
    """How long after the signal anything could be read; None for as long as a case lets it."""
    missing_edges_percent: float | None = None
    """How much was taken out of the call graph."""
    seeds: int = 1
    """How often each case was run; how they ended is counted in runs, and so are the results."""
    cases: int = Field(ge=1)
    """How many different ones."""
    answered: int
    none: int
    abstained: int
    failed: int
    coverage: float
    """Answered or `none`."""
    top1: float
    top3: float
    top5: float
    mrr: float
    forced_top1: float
    """The ranking whatever the status."""
    forced_top3: float
    selective_accuracy: float | None
    """The share of hits among the cases that were answered or `none`; None where there are no such."""
    utility: float
    """The mean of right +1, abstained or failed 0, wrong −1."""
    decoy_blamed: int
    """How many answers were a listed decoy."""
    brier: float | None
    """Mean squared error of the first candidate's probability, over all cases that rank one, whatever the status."""
    calibration: Calibration | None = None
    """None in runs that were made before it was measured."""
    release_right: float | None = None
    unsupported: int | None = None
    """In how many cases something is said that cannot be found again; None where nobody looked."""
    intervals: dict[str, Interval]
    seconds_per_case: Seconds
    baselines: dict[str, BaselineScore]
    totals: Totals | None = None
    """Of the model's engine."""
    by_kind: dict[str, Group]
    by_system: dict[str, Group]
    by_truth: dict[str, Group]
    results: tuple[Result, ...]

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_text(f"{self.model_dump_json(indent=2)}\n", encoding="utf-8")
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Scorecard":
        """One that was written before; raises ConfigError for anything else."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ConfigError(
                f"{path}: cannot be read: {error.strerror}; expected the JSON of an `eval run`"
            ) from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(f"{path}: is not the JSON of an `eval run`: {where}: {first['msg']}") from error
