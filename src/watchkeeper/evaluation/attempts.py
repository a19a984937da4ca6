"""One problem put to the plain pipeline: what it answered, or why it could not."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from watchkeeper.datasets.cases import Case, Tables, Trigger
from watchkeeper.diagnosis.dossier import Investigator
from watchkeeper.domain import CaseFile, Diagnosis
from watchkeeper.errors import DatasetRejected
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
UNNOTICED = "the standing watch raised nothing"


def attempt(
    problem: Problem,
    number: int,
    answer: AnswerKind,
    baselines: Mapping[str, Baseline],
    without: Without,
    keep_trace: KeepTrace,
    inspect: Inspect | None = None,
    investigator_of: InvestigatorOf = lambda _: None,
) -> Attempt:
    """Diagnose one problem; an exception is a failed attempt, and its trace is handed to `keep_trace`.

    Raises DatasetRejected for data that cannot be read: that is no fault of the diagnosis.
    """
    try:
        posed = problem.pose(without)
    except DatasetRejected:
        raise
    except Exception as error:  # noqa: BLE001  a run goes on where one case fails: it is counted, and kept
        keep_trace(error)
        return Attempt(problem.name, "failed", reason=_reason(error), candidates=problem.candidates)
    with posed.sources:
        made = _diagnosed(problem, posed, number, answer, keep_trace, inspect, investigator_of)
    candidates = problem.candidates or services_in(posed.tables)
    case = Case(problem.name, posed.trigger, lambda: posed.tables, candidates)
    asked = {name: _simply(baseline, case, posed.tables, keep_trace) for name, baseline in baselines.items()}
    return replace(made, candidates=candidates, baselines=asked)


def _diagnosed(
    problem: Problem,
    posed: Posed,
    number: int,
    answer: AnswerKind,
    keep_trace: KeepTrace,
    inspect: Inspect | None,
    investigator_of: InvestigatorOf,
) -> Attempt:
    if not posed.is_noticed:
        return Attempt(problem.name, "none", reason=UNNOTICED)
    trigger, began = posed.trigger, time.monotonic()
    try:
        case = diagnose(
            trigger.signal,
            posed.sources,
            now=trigger.until,
            number=number,
            scan=scan_for(trigger),
            investigator=investigator_of(problem.name),
        )
        seconds = time.monotonic() - began
        unsupported = inspect(case, posed.sources) if inspect is not None else None
    except Exception as error:  # noqa: BLE001  the same
        keep_trace(error)
        return Attempt(problem.name, "failed", seconds=time.monotonic() - began, reason=_reason(error))
    found = case.diagnoses[-1]
    blamed = found.release.change.id if found.release.change else None
    read = replace(_READ[answer](found), case=problem.name, seconds=seconds, blamed_change=blamed, cost=found.cost)
    return replace(read, reason=found.inconclusive_because or "", unsupported=unsupported)


def scan_for(trigger: Trigger) -> Scan:
    """What a diagnosis may look at: known good stretches and the call graph, where they are declared."""
    return Scan(references=trigger.references, topology=trigger.topology)


def components(diagnosis: Diagnosis) -> Attempt:
    """The answer as components: those of all hypotheses in order, each once."""
    statuses: dict[str, Status] = {"diagnosed": "answered", "nothing-wrong": "none", "inconclusive": "abstained"}
    ranked = _once(h.component for h in diagnosis.hypotheses)
    probability = diagnosis.hypotheses[0].probability if ranked else None
    return Attempt("", statuses[diagnosis.status], ranked, probability)


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
    return Attempt("", _said_of_commits(diagnosis, ranked), ranked, probability)


def _said_of_commits(diagnosis: Diagnosis, ranked: Sequence[str]) -> Status:
    if diagnosis.status == "inconclusive" or diagnosis.release.status == "undetermined":
        return "none" if diagnosis.status == "nothing-wrong" else "abstained"
    if diagnosis.release.status == "caused":
        # A change without a commit (a flag) is no commit's fault.
        return "answered" if diagnosis.release.change and diagnosis.release.change.commits and ranked else "none"
    return "none"


_READ: dict[AnswerKind, Callable[[Diagnosis], Attempt]] = {"component": components, "commit": commits}


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _simply(baseline: Baseline, case: Case, tables: Tables, keep_trace: KeepTrace) -> tuple[str, ...] | None:
    try:
        return _once(baseline(case, tables))
    except Exception as error:  # noqa: BLE001  a baseline that cannot answer is counted as such
        keep_trace(error)
        return None


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
