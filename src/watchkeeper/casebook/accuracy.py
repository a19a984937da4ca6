"""How often the diagnoses were right, how soon they came, and how that stands to what was promised."""

from collections import Counter
from collections.abc import Iterable, Sequence

from watchkeeper.casebook.calibration import Calibration, calibration
from watchkeeper.casebook.figures import Delay, Share
from watchkeeper.casebook.judged import Judged, Outcome, judged
from watchkeeper.domain import Noun
from watchkeeper.records.summaries import History

TO_DETECT_MINUTES = 5.0
TO_DIAGNOSE_MINUTES = 15.0
DIAGNOSIS_ACCURACY = 0.70
FILING_ACCURACY = 0.85
JUDGED: tuple[Outcome, ...] = ("confirmed", "partly", "wrong")


class Counts(Noun):
    """How many incidents ended how; each is counted once."""

    incidents: int
    confirmed: int
    partly: int
    wrong: int
    abstained: int
    """The diagnosis says that it cannot tell; judged or not, it is no answer."""
    failed: int
    """There is no diagnosis at all."""
    unjudged: int
    """Answered, and nobody has said yet whether rightly."""


class Period(Noun):
    """The four figures over some incidents."""

    counts: Counts
    diagnosis_accuracy: Share
    """Confirmed among the answers that were judged; `partly` is not confirmed."""
    filing_accuracy: Share
    """Valid among the tickets that were judged."""
    time_to_detect: Delay
    """From the symptom's onset to the first signal."""
    time_to_diagnose: Delay
    """From the first signal to the first diagnosis that concludes."""


class Week(Noun):
    """The figures of the incidents noticed in one ISO week."""

    week: str
    figures: Period


class Accuracy(Noun):
    """The casebook: all incidents, the same by week, and whether stated probabilities can be believed."""

    overall: Period
    answered: Share
    """How many incidents got an answer at all: accuracy bought by keeping silent would show here."""
    weeks: tuple[Week, ...]
    calibration: Calibration


def accuracy(histories: Iterable[History]) -> Accuracy:
    """The figures over these incidents; where there is nothing to count, they say so instead of a number."""
    incidents = [judged(history) for history in histories]
    weeks = sorted({each.week for each in incidents})
    overall = _period(incidents)
    silent = overall.counts.abstained + overall.counts.failed
    return Accuracy(
        overall=overall,
        answered=Share.of(len(incidents) - silent, len(incidents)),
        weeks=tuple(Week(week=week, figures=_period([e for e in incidents if e.week == week])) for week in weeks),
        calibration=calibration(
            [
                (each.probability, each.outcome == "confirmed")
                for each in incidents
                if each.probability is not None and each.outcome in JUDGED
            ]
        ),
    )


def _period(incidents: Sequence[Judged]) -> Period:
    counts = Counter(each.outcome for each in incidents)
    tickets = [each.ticket for each in incidents if each.ticket is not None]
    return Period(
        counts=Counts(
            incidents=len(incidents),
            confirmed=counts["confirmed"],
            partly=counts["partly"],
            wrong=counts["wrong"],
            abstained=counts["abstained"],
            failed=counts["failed"],
            unjudged=counts["open"],
        ),
        diagnosis_accuracy=Share.of(counts["confirmed"], sum(counts[each] for each in JUDGED), DIAGNOSIS_ACCURACY),
        filing_accuracy=Share.of(tickets.count("valid"), len(tickets), FILING_ACCURACY),
        time_to_detect=_delay([each.minutes_to_detect for each in incidents], TO_DETECT_MINUTES),
        time_to_diagnose=_delay([each.minutes_to_diagnose for each in incidents], TO_DIAGNOSE_MINUTES),
    )


def _delay(minutes: Iterable[float | None], target: float) -> Delay:
    return Delay.of([each for each in minutes if each is not None], target)
