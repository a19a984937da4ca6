"""A whole run held against the truth: the scorecard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from watchkeeper import __version__
from watchkeeper.datasets.cases import Answer
from watchkeeper.errors import DatasetRejected
from watchkeeper.evaluation import scores
from watchkeeper.evaluation.calibration import calibrated
from watchkeeper.evaluation.repeats import mean_of, rounded
from watchkeeper.evaluation.scorecard import Engine, Graph, Result, Scorecard
from watchkeeper.evaluation.scores import Attempt, Matcher


@dataclass(frozen=True)
class Setting:
    """What was run, and how: what a reader needs to run it again."""

    suite: str
    at: datetime
    commit: str = ""
    data: str | None = None
    limit: int | None = None
    without: tuple[str, ...] = ()
    alert_delay_seconds: float = 0.0
    until_seconds: float | None = None
    missing_edges_percent: float | None = None
    seeds: int = 1
    engine: Engine = "rules"
    graph: Graph | None = None


def mark(
    setting: Setting,
    attempts: Sequence[Attempt],
    answers: Mapping[str, Answer],
    matches: Matcher,
    guilty: Mapping[str, str | None] | None = None,
) -> Scorecard:
    """Score all attempts. Raises DatasetRejected for an empty run, and for a case whose truth is not told."""
    if not attempts:
        raise DatasetRejected(f"{setting.suite}: there is no case to score; an empty run has no figures")
    unknown = [a.case for a in attempts if a.case not in answers]
    if unknown:
        raise DatasetRejected(f"{setting.suite}: the data set does not tell the truth of the case {unknown[0]}")
    results = scores.with_base_rates([scores.judged(a, answers[a.case], matches, guilty) for a in attempts])
    cases = [r.case for r in results]
    figures, intervals = scores.shares(results)
    mrr, intervals["mrr"] = mean_of(cases, [scores.reciprocal(r) for r in results])
    utility, intervals["utility"] = mean_of(cases, [scores.worth(r) for r in results])
    selective = scores.selective(results)
    if selective is not None:
        intervals["selective_accuracy"] = selective[1]
    errors = [(r.case, error) for r in results if (error := scores.squared_error(r)) is not None]
    brier = mean_of([case for case, _ in errors], [error for _, error in errors]) if errors else None
    if brier is not None:
        intervals["brier"] = brier[1]
    return Scorecard(
        version=__version__,
        **vars(setting),
        cases=len(set(cases)),
        **scores.counts(results),
        **figures,
        mrr=mrr,
        utility=utility,
        selective_accuracy=selective[0] if selective else None,
        decoy_blamed=sum(r.blames_decoy for r in results),
        brier=brier[0] if brier else None,
        calibration=calibrated(results),
        release_right=None if guilty is None else rounded(fmean(bool(r.is_release_right) for r in results)),
        unsupported=_unsupported(results),
        intervals=intervals,
        seconds_per_case=scores.timing(results),
        totals=scores.totals(results) if setting.engine == "model" else None,
        baselines=scores.baselines(attempts, answers, results, matches),
        by_kind=scores.grouped(results, lambda r: r.kind),
        by_system=scores.grouped(results, lambda r: r.system),
        by_truth=scores.grouped(results, lambda r: r.truth),
        results=tuple(results),
    )


def _unsupported(results: Sequence[Result]) -> int | None:
    """In how many cases something is said that cannot be found again; None where nobody looked."""
    looked = [r.unsupported for r in results if r.unsupported is not None]
    return sum(bool(problems) for problems in looked) if looked else None
