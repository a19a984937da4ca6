"""A suite from its first case to its scorecard: all answers first, the truth after them."""

from collections.abc import Callable, Mapping
from datetime import datetime

from watchkeeper.diagnosis.audit import audit
from watchkeeper.domain import CaseFile
from watchkeeper.errors import ConfigError, DatasetRejected
from watchkeeper.evaluation.attempts import Baseline, Inspect, InvestigatorOf, KeepTrace, attempt
from watchkeeper.evaluation.marking import Setting, mark
from watchkeeper.evaluation.problems import SOURCES, Without
from watchkeeper.evaluation.scorecard import Graph, Scorecard
from watchkeeper.evaluation.scores import Attempt
from watchkeeper.evaluation.suites import MATCHERS, Suite
from watchkeeper.pipeline import READINGS
from watchkeeper.telemetry.sources import Sources

Say = Callable[[str], None]


def run(
    suite: Suite,
    *,
    at: datetime,
    commit: str = "",
    limit: int | None = None,
    without: Without = frozenset(),
    say: Say = lambda _: None,
    keep_trace: KeepTrace = lambda _: None,
    inspect: Inspect | None = None,
    investigator_of: InvestigatorOf = lambda _: None,
    graph: Graph | None = None,
) -> Scorecard:
    """Run the suite's cases, or the first `limit` of them, and score them; with a model, by the `graph` that is named.

    A case that fails is counted; `inspect` goes over every finished case. Raises DatasetRejected for an empty run and
    for data that cannot be read.
    """
    attempts = answered(
        suite,
        limit=limit,
        without=without,
        say=say,
        keep_trace=keep_trace,
        inspect=inspect,
        investigator_of=investigator_of,
    )
    setting = Setting(
        suite=suite.name,
        at=at,
        commit=commit,
        data=suite.data,
        limit=limit,
        without=tuple(source for source in SOURCES if source in without),
        alert_delay_seconds=suite.alert_delay_seconds,
        engine="rules" if graph is None else "model",
        graph=graph,
    )
    guilty = suite.guilty_changes() if suite.guilty_changes else None
    return mark(setting, attempts, suite.answers(), MATCHERS[suite.answer], guilty)


def answered(
    suite: Suite,
    *,
    limit: int | None = None,
    without: Without = frozenset(),
    say: Say = lambda _: None,
    keep_trace: KeepTrace = lambda _: None,
    inspect: Inspect | None = None,
    investigator_of: InvestigatorOf = lambda _: None,
) -> list[Attempt]:
    """What is answered for each case; no truth is read. Raises DatasetRejected where there is no case."""
    asked = suite.problems[:limit]
    if not asked:
        raise DatasetRejected(f"{suite.name}: there is no case to run in {suite.data or 'the suite'}")
    baselines = named(suite.baselines)
    attempts: list[Attempt] = []
    for number, problem in enumerate(asked, 1):
        made = attempt(problem, number, suite.answer, baselines, without, keep_trace, inspect, investigator_of)
        first = f" {made.ranked[0]}" if made.ranked else ""
        say(f"{number}/{len(asked)}  {problem.name}: {made.status}{first} in {made.seconds:.1f} s")
        attempts.append(made)
    return attempts


def not_found_again(case: CaseFile, sources: Sources) -> tuple[str, ...]:
    """What a case claims that does not hold when its sources are asked again, and its numbers without a source."""
    return audit(case, sources, READINGS)


def named(names: tuple[str, ...]) -> Mapping[str, Baseline]:
    """The baselines by name; raises ConfigError for one that is not there."""
    if not names:
        return {}
    from watchkeeper.evaluation.baselines import BASELINES

    missing = [name for name in names if name not in BASELINES]
    if missing:
        raise ConfigError(f"there is no baseline {missing[0]} (known: {', '.join(BASELINES)})")
    return {name: BASELINES[name] for name in names}
