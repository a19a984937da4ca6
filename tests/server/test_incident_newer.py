"""What changes while somebody looks at an incident: words of a draft, how requests go, whether it is looked at."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from server.made_duty import MadeDuty, in_state, recorded_case
from server.test_incident_page import BAD, ID, HeldChat, incident, told
from watchkeeper.assembly.course import Course, Figure, Role, Series
from watchkeeper.domain import CaseFile
from watchkeeper.server.pages.incident.view import page_of
from watchkeeper.server.pages.incident.view.charts import Mark
from watchkeeper.server.pages.incident.view.graphs import graphs_of
from watchkeeper.server.places import Places

if TYPE_CHECKING:
    from playwright.sync_api import Page

    Visit = Callable[..., Page]
    Serve = Callable[..., str]

DAY = datetime(2026, 5, 5, tzinfo=UTC)
STEP = timedelta(seconds=10)


class Still(MadeDuty):
    """Pages over it are not told that anything has changed."""

    def mark(self) -> str:
        return "as ever"


@pytest.fixture
def case() -> CaseFile:
    return recorded_case(BAD, 1, DAY)


@pytest.fixture
def duty(case: CaseFile) -> MadeDuty:
    made = MadeDuty()
    made.add(case)
    return made


@pytest.fixture
def still(case: CaseFile) -> Still:
    made = Still()
    made.add(case)
    return made


def series(service: str, role: Role, begin: datetime, *values: float) -> Series:
    points = tuple((begin + STEP * place, value) for place, value in enumerate(values))
    return Series(service=service, role=role, points=points)


def course(figure: Figure, *found: Series) -> Course:
    return Course(figure=figure, step_seconds=STEP.total_seconds(), series=found)


def test_a_draft_that_somebody_changed_meanwhile_is_not_approved_and_its_newer_text_is_shown(
    still: Still, serve: "Serve", visit: "Visit"
):
    page = visit(incident(serve(still)))
    page.wait_for_selector("#sentence")
    still.edit(ID, 0, "bob", "checkout fails", "Bob wrote this.")
    page.get_by_role("button", name="Approve draft 0, ticket").click()
    told(page, "was changed by bob since you opened it")
    told(page, "Bob wrote this.")
    assert still.case(ID).drafts[0].state == "proposed"
    page.get_by_role("button", name="Approve draft 0, ticket").click()
    told(page, "approved by ada")


def test_a_draft_that_somebody_changed_meanwhile_is_not_rejected(still: Still, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(still)))
    page.get_by_role("button", name="Reject draft 0, ticket").click()
    still.edit(ID, 0, "bob", "checkout fails", "Bob wrote this.")
    dialog = page.get_by_role("dialog", name="Reject the draft")
    dialog.get_by_label("Why").fill("it names no customer")
    dialog.get_by_role("button", name="Reject").click()
    told(page, "was changed by bob since you opened it")
    told(page, "Bob wrote this.")
    assert still.case(ID).drafts[0].state == "proposed"


def test_what_was_typed_stays_beside_what_somebody_else_wrote(still: Still, serve: "Serve", visit: "Visit"):
    page = visit(incident(serve(still)))
    page.get_by_role("button", name="Edit draft 0, ticket").click()
    page.get_by_label("Title").fill("Ada's title")
    still.edit(ID, 0, "bob", "checkout fails", "Bob wrote this.")
    page.get_by_role("button", name="Save").click()
    told(page, "Meanwhile it was changed by bob.")
    assert "Bob wrote this." in page.inner_text("#newer")
    assert page.get_by_label("Title").input_value() == "Ada's title"
    assert still.case(ID).drafts[0].title == "checkout fails"
    page.get_by_role("button", name="Save").click()
    told(page, "Saved.")
    assert still.case(ID).drafts[0].title == "Ada's title"


def test_that_it_is_being_looked_at_is_said_until_the_diagnosis_is_there(
    duty: MadeDuty, serve: "Serve", visit: "Visit"
):
    page = visit(incident(serve(duty)))
    page.wait_for_selector("#sentence")
    assert page.get_by_role("progressbar").count() == 0
    duty.look_at(ID, "Being looked at again since 12:50:00 UTC, as ada asked")
    told(page, "as ada asked")
    duty.look_at(ID, None)
    page.get_by_role("progressbar").wait_for(state="detached")


def test_how_requests_went_is_drawn_once_the_page_is_there(
    duty: MadeDuty, case: CaseFile, serve: "Serve", visit: "Visit"
):
    assert case.latest is not None
    assert case.latest.scope.since is not None
    begin = case.latest.scope.since - 3 * STEP
    duty.courses[ID] = (course("p95", series("checkout", "blamed", begin, 80, 81, 80, 700, 710, 690)),)
    page = visit(incident(serve(duty)))
    page.wait_for_selector("#graphs svg path[stroke='#010101']")
    shown = page.inner_text("#graphs")
    assert all(text in shown for text in ("p95 latency, ms", "checkout", "blamed", "first symptom"))


def test_a_diagnosis_brings_the_services_that_it_names(case: CaseFile, serve: "Serve", visit: "Visit"):
    made, begin = MadeDuty(), case.incident.signals[0].at - 3 * STEP
    made.add(CaseFile(incident=case.incident))
    made.courses[ID] = (course("p95", series("checkout", "affected", begin, 80, 81, 700)),)
    page = visit(incident(serve(made)))
    page.locator("#graphs").get_by_text("affected").wait_for()
    made.courses[ID] = (course("p95", series("payment", "blamed", begin, 80, 81, 700)),)
    made.add(case)
    page.locator("#graphs").get_by_text("payment").wait_for()
    assert "affected" not in page.inner_text("#graphs")


def test_a_course_that_cannot_be_had_leaves_no_gap(duty: MadeDuty, serve: "Serve", visit: "Visit"):
    asked = threading.Event()

    class Broken(MadeDuty):
        def course(self, incident_id: str) -> tuple[Course, ...]:
            asked.set()
            raise RuntimeError("insides")

    made = Broken()
    made.add(duty.case(ID))
    page = visit(incident(serve(made)))
    page.wait_for_selector("#sentence")
    assert asked.wait(20)
    assert not page.locator("#graphs").is_visible()
    assert page.get_by_text("insides").count() == 0


def test_the_page_and_the_api_share_the_places_in_which_questions_are_answered(
    duty: MadeDuty, serve: "Serve", visit: "Visit"
):
    places, chat = Places(1), HeldChat()
    chat.may_answer.set()
    page = visit(incident(serve(duty, chat, places=places)))
    page.wait_for_selector("#sentence")
    with places.one():
        page.get_by_label("question").fill("is it over?")
        page.keyboard.press("Enter")
        told(page, "Other questions are being answered: try again in a moment")
    assert chat.asked == []
    page.get_by_label("question").fill("and now?")
    page.keyboard.press("Enter")
    told(page, "Not yet: p95 of checkout is")
    assert chat.asked == ["and now?"]


def test_graphs_share_their_time_their_colours_and_the_marks_that_lie_in_it():
    charts = graphs_of(
        (
            course("requests", series("checkout", "blamed", DAY, 1, 2), series("gateway", "entry", DAY, 5, 6, 7)),
            course("failed", series("gateway", "entry", DAY, 0, 0.25)),
        ),
        (
            Mark((DAY + STEP).timestamp() * 1000, "first symptom", is_onset=True),
            Mark((DAY - STEP).timestamp() * 1000, "deploy 1 of cart"),
            Mark(DAY.timestamp() * 1000, "deploy 2 of checkout"),
        ),
    )
    assert [chart.measure for chart in charts.charts] == ["Requests per second", "Share that failed"]
    assert [[line.name for line in chart.lines] for chart in charts.charts] == [["checkout", "gateway"]] * 2
    assert charts.charts[1].lines[1].points[1][1] == 25.0
    assert charts.marks == ("deploy 2 of checkout 00:00:00", "first symptom 00:00:10")
    assert charts.last - charts.first == 2 * STEP.total_seconds() * 1000


def test_nothing_to_see_makes_no_graphs():
    assert graphs_of((), ()).charts == ()


@pytest.mark.parametrize("state", ["resolved", "closed"])
def test_an_incident_that_has_ended_says_so_at_the_top(duty: MadeDuty, case: CaseFile, state: str):
    assert page_of(case).head.over == ""
    duty.move(ID, state, "ada")  # type: ignore[arg-type]
    told = page_of(duty.case(ID), deeds=duty.deeds(ID)).head.over
    assert told.startswith(f"It is over: {state} at ")
    assert told.endswith(" by ada.")
    assert page_of(in_state(case, state)).head.over == f"It is over: {state}."  # type: ignore[arg-type]
