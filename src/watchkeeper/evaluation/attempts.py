"""One problem put to the plain pipeline: what it answered, or why it could not."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from watchkeeper.datasets.cases import Case, Tables, Trigger
from watchkeeper.diagnosis.dossier import Investigator
from watchkeeper.domain import CaseFile, Diagnosis
from watchkeeper.errors import DatasetRejected
from watchkeeper.evaluation.lost_calls import Lost, without_calls
from watchkeeper.evaluation.problems import Posed, Problem, Without, services_in
from watchkeeper.evaluation.scorecard import Status
from watchkeeper.evaluation.scores import Attempt
from watchkeeper.evaluation.suites import AnswerKind
from watchkeeper.pipeline import Scan, diagnose
from watchkeeper.telemetry.sources import Sources

Baseline = Callable[[Case, Tables], Sequence[str]]
KeepTrace = Callable[[Exception], None]
Inspect = Callable[[CaseFile, Sources], tuple[str, ...]]
"""Goes over a finished case once more: what it says that cannot be found again, one sentence each."""
InvestigatorOf = Callable[[str], Investigator | None]
"""Who looks further at the case of that name; nobody for the rules alone."""
READ_CALLS = frozenset({"traversal"})
"""Baselines that go by the call graph: the others say the same whatever is lost of it."""
UNNOTICED = "the standing watch raised nothing"


@dataclass(frozen=True)
class Asking:
    """How every problem of a run is put."""

    answer: AnswerKind
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    without: Without = frozenset()
    keep_trace: KeepTrace = lambda _: None
    inspect: Inspect | None = None
    investigator_of: InvestigatorOf = lambda _: None
    lost: Lost | None = None


def attempts(problem: Problem, number: int, asking: Asking) -> Iterator[Attempt]:
    """Diagnose one problem, once for each drawing of lost calls; its telemetry is read once.

    An exception is a failed attempt, and its trace is handed to `keep_trace`. Raises DatasetRejected for data that
    cannot be read: that is no fault of the diagnosis.
    """
    draws = asking.lost.seeds if asking.lost else 1
    try:
        posed = problem.pose(asking.without)
    except DatasetRejected:
        raise
    except Exception as error:  # noqa: BLE001  a run goes on where one case fails: it is counted, and kept
        asking.keep_trace(error)
        failed = Attempt(problem.name, "failed", reason=_reason(error), candidates=problem.candidates)
        yield from (replace(failed, draw=draw) for draw in range(draws))
        return
    with posed.sources:
        told: Mapping[str, tuple[str, ...] | None] = {}
        for draw in range(draws):
            made = _drawn(problem, posed, number, draw, asking, told)
            told = made.baselines
            yield made


def _drawn(
    problem: Problem,
    posed: Posed,
    number: int,
    draw: int,
    asking: Asking,
    told: Mapping[str, tuple[str, ...] | None],
) -> Attempt:
    """One drawing of lost calls diagnosed; baselines that read no calls say what they were `told` to say before."""
    here, lost = posed, None
    if asking.lost is not None:
        here, lost = without_calls(posed, asking.lost.percent, (number, draw))
    try:
        made = _diagnosed(problem, here, number, asking)
    finally:
        if here.sources is not posed.sources:
            here.sources.close()
    candidates = problem.candidates or services_in(posed.tables)
    case = Case(problem.name, here.trigger, lambda: here.tables, candidates)
    asked = {
        name: told[name] if name in told and name not in READ_CALLS else _simply(baseline, case, asking.keep_trace)
        for name, baseline in asking.baselines.items()
    }
    return replace(made, candidates=candidates, baselines=asked, draw=draw, lost_calls=lost)


def _diagnosed(problem: Problem, posed: Posed, number: int, asking: Asking) -> Attempt:
    if not posed.is_noticed:
        return Attempt(problem.name, "none", reason=UNNOTICED)
    trigger, began = posed.trigger, time.monotonic()
    try:
        case = diagnose(
            trigger.signal,
            posed.sources,
            now=trigger.until,
            number=number,
            scan=scan_for(trigger, posed.follow_seconds),
            investigator=asking.investigator_of(problem.name),
        )
        seconds = time.monotonic() - began
        unsupported = asking.inspect(case, posed.sources) if asking.inspect is not None else None
    except Exception as error:  # noqa: BLE001  the same
        asking.keep_trace(error)
        return Attempt(problem.name, "failed", seconds=time.monotonic() - began, reason=_reason(error))
    found = case.diagnoses[-1]
    blamed = found.release.change.id if found.release.change else None
    read = replace(_READ[asking.answer](found), case=problem.name, seconds=seconds, blamed_change=blamed)
    return replace(read, cost=found.cost, reason=found.inconclusive_because or "", unsupported=unsupported)


def scan_for(trigger: Trigger, follow_seconds: float | None = None) -> Scan:
    """What a diagnosis may look at: known good stretches and the call graph, where they are declared.

    With `follow_seconds` so much of what comes after the signal, and the past as far back as without: as when somebody
    looks again while it lasts.
    """
    how = Scan(references=trigger.references, topology=trigger.topology)
    if follow_seconds is None:
        return how
    return replace(
        how,
        follow_seconds=max(how.follow_seconds, follow_seconds),
        lookback_seconds=how.lookback_seconds + follow_seconds,
    )


def components(diagnosis: Diagnosis) -> Attempt:
    """The answer as components: those of all hypotheses in order, each once."""
    statuses: dict[str, Status] = {"diagnosed": "answered", "nothing-wrong": "none", "inconclusive": "abstained"}
    ranked = _once(h.component for h in diagnosis.hypotheses)
    probability = diagnosis.hypotheses[0].probability if ranked else None
    stated = [(h.component, h.probability) for h in diagnosis.hypotheses]
    return Attempt("", statuses[diagnosis.status], ranked, probability, probabilities=_summed(ranked, stated))


def commits(diagnosis: Diagnosis) -> Attempt:
    """The answer as commits: those of the change that is blamed, then of the hypotheses' changes in order.

    `none` is said where nothing is wrong, or where a cause is stated and no release did it.
    """
    named = [(h.probability, c) for h in diagnosis.hypotheses if h.change for c in h.change.commits]
    blamed = diagnosis.release.change
    first = blamed.commits if blamed else ()
    ranked = _once([*first, *(commit for _, commit in named)])
    probability = next((p for p, commit in named if ranked and commit == ranked[0]), None)
    if probability is None and ranked and diagnosis.hypotheses:
        probability = diagnosis.hypotheses[0].probability
    # Of the commits of one change one is guilty at most: they share its probability.
    stated = [
        (commit, h.probability / len(h.change.commits))
        for h in diagnosis.hypotheses
        if h.change
        for commit in h.change.commits
    ]
    return Attempt("", _said_of_commits(diagnosis, ranked), ranked, probability, probabilities=_summed(ranked, stated))


def _said_of_commits(diagnosis: Diagnosis, ranked: Sequence[str]) -> Status:
    if diagnosis.status == "inconclusive" or diagnosis.release.status == "undetermined":
        return "none" if diagnosis.status == "nothing-wrong" else "abstained"
    if diagnosis.release.status == "caused":
        # A change without a commit (a flag) is no commit's fault.
        return "answered" if diagnosis.release.change and diagnosis.release.change.commits and ranked else "none"
    return "none"


_READ: dict[AnswerKind, Callable[[Diagnosis], Attempt]] = {"component": components, "commit": commits}


def _summed(ranked: Sequence[str], stated: Iterable[tuple[str, float]]) -> tuple[float, ...]:
    """The probability of each name in the ranking, 0 where none is stated; scaled down where they exceed 1 in all."""
    sums = dict.fromkeys(ranked, 0.0)
    for name, probability in stated:
        sums[name] += probability
    total = max(1.0, sum(sums.values()))
    return tuple(round(value / total, 6) for value in sums.values())


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _simply(baseline: Baseline, case: Case, keep_trace: KeepTrace) -> tuple[str, ...] | None:
    try:
        return _once(baseline(case, case.load()))
    except Exception as error:  # noqa: BLE001  a baseline that cannot answer is counted as such
        keep_trace(error)
        return None


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
