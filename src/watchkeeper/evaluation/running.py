"""A suite from its first case to its scorecard: all answers first, the truth after them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from watchkeeper.diagnosis.audit import audit
from watchkeeper.domain import CaseFile
from watchkeeper.errors import ConfigError, DatasetRejected
from watchkeeper.evaluation.attempts import Asking, Baseline, Inspect, InvestigatorOf, KeepTrace, attempts
from watchkeeper.evaluation.lost_calls import Lost
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
    lost: Lost | None = None,
) -> Scorecard:
    """Run the suite's cases, or the first `limit` of them, and score them; with a model, by the `graph` that is named.

    With `lost` calls each case is run once for each drawing. A case that fails is counted; `inspect` goes over every
    finished case. Raises DatasetRejected for an empty run and for data that cannot be read.
    """
    made = answered(
        suite,
        limit=limit,
        without=without,
        say=say,
        keep_trace=keep_trace,
        inspect=inspect,
        investigator_of=investigator_of,
        lost=lost,
    )
    setting = Setting(
        suite=suite.name,
        at=at,
        commit=commit,
        data=suite.data,
        limit=limit,
        without=tuple(source for source in SOURCES if source in without),
        alert_delay_seconds=suite.alert_delay_seconds,
        until_seconds=suite.until_seconds,
        missing_edges_percent=lost.percent if lost else None,
        seeds=lost.seeds if lost else 1,
        engine="rules" if graph is None else "model",
        graph=graph,
    )
    guilty = suite.guilty_changes() if suite.guilty_changes else None
    return mark(setting, made, suite.answers(), MATCHERS[suite.answer], guilty)


def answered(
    suite: Suite,
    *,
    limit: int | None = None,
    without: Without = frozenset(),
    say: Say = lambda _: None,
    keep_trace: KeepTrace = lambda _: None,
    inspect: Inspect | None = None,
    investigator_of: InvestigatorOf = lambda _: None,
    lost: Lost | None = None,
) -> list[Attempt]:
    """What is answered for each case; no truth is read. Raises DatasetRejected where there is no case."""
    asked = suite.problems[:limit]
    if not asked:
        raise DatasetRejected(f"{suite.name}: there is no case to run in {suite.data or 'the suite'}")
    asking = Asking(suite.answer, named(suite.baselines), without, keep_trace, inspect, investigator_of, lost)
    made: list[Attempt] = []
    for number, problem in enumerate(asked, 1):
        draws = list(attempts(problem, number, asking))
        say(f"{number}/{len(asked)}  {problem.name}: {_told(draws)} in {sum(each.seconds for each in draws):.1f} s")
        made += draws
    return made


def _told(draws: Sequence[Attempt]) -> str:
    """What was answered, and how often where that was asked more than once."""
    said = Counter(f"{each.status} {each.ranked[0] if each.ranked else ''}".strip() for each in draws)
    first, times = said.most_common(1)[0]
    return first if len(draws) == 1 else f"{first} in {times} of {len(draws)} draws"


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
