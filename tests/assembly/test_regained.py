"""What could not be told while telemetry did not answer is made up for, later and later, and only when it answers."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from made_shop import Shop, at
from watchkeeper.assembly.attentive import Attentive, with_gap
from watchkeeper.assembly.regained import OCCASION, Regained, all_answer, is_to_be_made_up
from watchkeeper.diagnosis.conclude import cannot_tell
from watchkeeper.domain import CaseFile, Cost, Incident, IncidentState, Signal, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.telemetry.sources import Answer, ExtentQuery

GAP = "Who called whom? Not known: the store is closed"
FIRST = "INC-2026-0001"
SOON, LATER = timedelta(seconds=9), timedelta(seconds=10)


def case(gaps: Sequence[str] = (GAP,), state: IncidentState = "investigating") -> CaseFile:
    """An incident of which nothing could be told ten seconds after it was noticed."""
    incident = Incident(
        id=FIRST,
        signals=(Signal(kind="alert", at=at(0), service="gateway", text="slow"),),
        window=Window(start=at(-60), end=at(0)),
        state=state,
    )
    unknown = cannot_tell(at(10), "nothing answers", tuple(gaps), Cost(seconds=0))
    return CaseFile(incident=incident, diagnoses=(unknown,))


class Closed:
    """Telemetry that answers nothing."""

    def extent(self, query: ExtentQuery) -> Answer:
        """What is there?"""
        raise SourceUnavailable("the store is closed")


def test_it_is_made_up_for_after_as_long_as_it_took_and_not_before() -> None:
    assert not is_to_be_made_up(case(), at(10) + SOON)
    assert is_to_be_made_up(case(), at(10) + LATER)


def test_what_lacked_no_answer_or_is_over_is_not_made_up_for() -> None:
    assert not is_to_be_made_up(case(gaps=()), at(100))
    assert not is_to_be_made_up(case(state="resolved"), at(100))


@pytest.mark.parametrize(("answers", "busy", "wanted"), [(True, (), 1), (False, (), 0), (True, (FIRST,), 0)])
def test_it_is_looked_into_when_everything_answers_and_nobody_is_at_it(
    answers: bool, busy: tuple[str, ...], wanted: int
) -> None:
    started: list[tuple[str, str]] = []
    regained = Regained(
        candidates=lambda _: [case()],
        answers=lambda: answers,
        under_way=lambda: busy,
        start=lambda incident_id, why: started.append((incident_id, why)),
    )
    regained.tick(at(100))
    assert started == [(FIRST, f"{OCCASION} 1")] * wanted


def test_a_store_answers_and_one_that_is_closed_does_not() -> None:
    assert all_answer(Shop(seconds=5).store())
    assert not all_answer(Closed())  # type: ignore[arg-type]


def test_what_was_not_answered_is_remembered_and_named_once() -> None:
    attentive = Attentive(Closed())  # type: ignore[arg-type]
    assert attentive.failure is None
    with pytest.raises(SourceUnavailable):
        attentive.sources.extent(ExtentQuery())
    assert attentive.failure == "the store is closed"
    named = with_gap(case(gaps=()), "the store is closed")
    assert named.diagnoses[0].gaps == ("Not everything could be asked again: the store is closed",)
    assert with_gap(case(), "the store is closed") == case()
