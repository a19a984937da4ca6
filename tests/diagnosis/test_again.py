"""When an incident is diagnosed again, and what is said to have changed."""

from datetime import UTC, datetime, timedelta

import pytest

from watchkeeper.diagnosis.again import differences, occasion
from watchkeeper.domain import (
    Affected,
    Asked,
    CaseFile,
    Change,
    Claim,
    Cost,
    Diagnosis,
    Evidence,
    Hypothesis,
    Incident,
    ReleaseVerdict,
    Rows,
    Scope,
    Signal,
    Window,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
CLEARED = ReleaseVerdict(status="not-release-related", reason="nothing was changed")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def change(name: str, minutes: float) -> Change:
    return Change(id=name, kind="deploy", service="cart", began_at=at(minutes))


def diagnosed(
    minutes: float, component: str = "cart", probability: float = 0.7, blamed: Change | None = None, *also: str
) -> Diagnosis:
    claim = Claim(text="slow", evidence="e1")
    return Diagnosis(
        at=at(minutes),
        status="diagnosed",
        headline="x",
        hypotheses=(Hypothesis(component=component, kind="latency", probability=probability, claims=(claim,)),),
        release=CLEARED if blamed is None else ReleaseVerdict(status="caused", change=blamed, reason="in time"),
        scope=Scope(affected=tuple(Affected(service=name, requests=1, errors=0) for name in also)),
        cost=Cost(seconds=1),
    )


def case(
    *diagnoses: Diagnosis, signals: tuple[float, ...] = (0,), state: str = "diagnosed", known: str = ""
) -> CaseFile:
    changes = Evidence(
        id="e1",
        question="What was changed?",
        source="changes",
        query="SELECT",
        window=Window.before(NOON, 60),
        status="found",
        rows=Rows(columns=("id",), values=((known,),), total=1),
        asked=Asked(method="changes", query="{}"),
    )
    incident = Incident(
        id="INC-2026-0001",
        signals=tuple(Signal(kind="alert", at=at(m)) for m in signals),
        window=Window.before(NOON, 60),
        state=state,  # type: ignore[arg-type]
    )
    return CaseFile(incident=incident, evidence=(changes,), diagnoses=diagnoses)


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        (0.1, 1.9, None),
        (0.1, 2.0, "after 2 minutes"),
        (2.0, 4.9, None),
        (2.1, 5.0, "after 5 minutes"),
        (5.1, 14.9, None),
        (5.1, 15.5, "after 15 minutes"),
        (15.5, 600.0, None),
        (0.1, 40.0, "after 15 minutes"),
    ],
)
def test_it_is_diagnosed_again_after_two_five_and_fifteen_minutes(last: float, now: float, expected: str | None):
    assert occasion(case(diagnosed(last)), at(now)) == expected


def test_a_case_that_nobody_diagnosed_yet_is_due():
    assert occasion(case(), at(0)) == "signal"


def test_a_new_signal_is_an_occasion():
    assert occasion(case(diagnosed(1), signals=(0, 1.5)), at(1.6)) == "new signal"
    assert occasion(case(diagnosed(1), signals=(0, 0.5)), at(1.6)) is None


def test_a_change_that_was_posted_late_is_an_occasion():
    late, known, after = change("late", -1), change("known", -2), change("after", 1.5)
    assert occasion(case(diagnosed(1), known="known"), at(1.6), (known, late, after)) == "late change late"
    assert occasion(case(diagnosed(1), known="known"), at(1.6), (known, after)) is None


@pytest.mark.parametrize("state", ["mitigated", "resolved", "closed"])
def test_what_is_over_is_left_alone(state: str):
    assert occasion(case(diagnosed(1), signals=(0, 3), state=state), at(600), (change("late", 0),)) is None


def test_every_look_has_its_time_and_no_case_is_looked_at_for_ever():
    looked, found = 0.1, []
    for tenth in range(6000):
        now = tenth / 10
        if (why := occasion(case(diagnosed(looked)), at(now))) is not None:
            found.append(why)
            looked = now
    assert found == ["after 2 minutes", "after 5 minutes", "after 15 minutes"]


def told(before: Diagnosis, now: Diagnosis) -> list[str]:
    return [text for text, _ in differences(before, now)]


def test_nothing_is_said_where_nothing_changed():
    assert told(diagnosed(1), diagnosed(2, probability=0.75)) == []


def test_another_cause_another_release_and_more_affected_are_said():
    before, now = diagnosed(1), diagnosed(2, "pay", 0.7, change("pay-2", 0), "cart")
    assert told(before, now) == [
        "the cause that comes first is pay (latency) now, cart (latency) before",
        "a release is blamed (pay-2) now, not release related before",
        "also affected now: cart",
    ]


def test_becoming_surer_is_said_with_both_probabilities():
    ((text, fields),) = differences(diagnosed(1, probability=0.5), diagnosed(2, probability=0.8))
    assert text.startswith("surer: ")
    assert fields == {"before": 0.5, "now": 0.8}


def test_that_it_is_over_is_said():
    over = Diagnosis(at=at(9), status="nothing-wrong", headline="fine", release=CLEARED, cost=Cost(seconds=1))
    assert told(diagnosed(1), over)[0] == "it is over: nothing wrong is to be seen now, diagnosed before"
