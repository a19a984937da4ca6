"""How the response went: who noticed it, and how long noticing and diagnosing took."""

from dataclasses import dataclass

from watchkeeper.domain import CaseFile
from watchkeeper.drafts.facts import Fact, Facts
from watchkeeper.drafts.timeline import first_alarm


@dataclass(frozen=True)
class Response:
    """Times from the first symptom to the alarm to the diagnosis, against what was agreed."""

    by_rule: bool
    """An alert rule of the user's fired."""
    by_watch: bool
    """Our own detection noticed it."""
    by_people: bool
    """Somebody asked or complained."""
    delay: Fact | None
    """From the first symptom to the first alarm; None where the symptom's begin is not known."""
    is_before_onset: bool
    """The alarm came before the estimated onset: it was noticed at once."""
    delay_target: Fact | None
    is_noticed_in_time: bool
    diagnosed_after: Fact | None
    """From the first alarm to the first diagnosis that states a cause."""
    diagnosis_target: Fact | None
    is_diagnosed_in_time: bool


def response_of(facts: Facts, case: CaseFile, number: int) -> Response:
    """The times of the response, and whether they kept what the policy asks."""
    kinds = {signal.kind for signal in case.incident.signals}
    alarm = facts.at("moment", "case", "incident", "signals", first_alarm(case), "at")
    since = facts.at("moment", "case", "diagnoses", number, "scope", "since")
    stated = next((n for n, d in enumerate(case.diagnoses) if d.status == "diagnosed"), None)
    found = facts.at("moment", "case", "diagnoses", stated, "at") if stated is not None else None
    delay = facts.sum("duration", "detection delay", "alarm - since", alarm=alarm, since=since)
    took = facts.sum("duration", "diagnosis delay", "found - alarm", found=found, alarm=alarm)
    delay_target = facts.at("minutes", "policy", "detection_minutes")
    diagnosis_target = facts.at("minutes", "policy", "diagnosis_minutes")
    return Response(
        by_rule="alert" in kinds,
        by_watch=bool(kinds & {"anomaly", "silence", "release"}),
        by_people=bool(kinds & {"question", "complaints", "business"}),
        delay=delay,
        is_before_onset=_seconds(delay) < 0,
        delay_target=delay_target,
        is_noticed_in_time=delay is not None and _seconds(delay) <= 60 * _seconds(delay_target),
        diagnosed_after=took,
        diagnosis_target=diagnosis_target,
        is_diagnosed_in_time=took is not None and _seconds(took) <= 60 * _seconds(diagnosis_target),
    )


def _seconds(fact: Fact | None) -> float:
    return float(fact.value) if fact is not None and isinstance(fact.value, int | float) else 0.0
