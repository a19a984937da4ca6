"""What people on duty see and do, over records in a file: drafts as they were read, what is under way, how it went."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assembly.test_course import Requests
from kept_cases import at, case, diagnosis
from watchkeeper import settings
from watchkeeper.assembly.books import Books
from watchkeeper.assembly.duty import OnDuty
from watchkeeper.domain import CaseFile, Draft
from watchkeeper.errors import QueryRejected

ID = "INC-2026-0001"


class NoRunbooks:
    def steps_for(self, case: CaseFile) -> tuple[str, ...]:
        return ()


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    opened = Books(settings.load(None, {"records.url": f"sqlite:///{tmp_path / 'records.sqlite'}"}))
    drafts = (Draft(kind="ticket", title="cart is slow", text="Since noon."),)
    opened.records.save(case(1, diagnosis(since=at(-2))).model_copy(update={"drafts": drafts}))
    yield opened
    opened.close()


@pytest.fixture
def pending() -> list[str]:
    return []


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
def duty(books: Books, pending: list[str], requests: Requests) -> OnDuty:
    return OnDuty(
        books,
        look=lambda incident_id, occasion: pending.append(f"{incident_id}/{occasion}"),
        plan=lambda _: None,
        runbooks=NoRunbooks(),
        needed={},
        wished={},
        pending=lambda: pending,
        traces=requests,
    )


def test_what_is_asked_for_is_being_looked_at_as_long_as_it_is_under_way(duty: OnDuty) -> None:
    duty.look_again(ID, "ada")
    told = duty.looking(ID)
    assert told is not None
    assert told.startswith("Being looked at again since ")
    assert told.endswith(", as ada asked")
    assert duty.looking("INC-2026-0002") is None


def test_the_mark_tells_work_that_began(books: Books, requests: Requests) -> None:
    def mark(*pending: str) -> str:
        made = OnDuty(
            books, look=lambda *_: None, plan=lambda _: None, runbooks=NoRunbooks(), needed={}, wished={},
            pending=lambda: pending, traces=requests,
        )  # fmt: skip
        return made.mark()

    assert mark() == mark()
    assert mark() != mark(f"{ID}/signal")


def test_a_draft_is_decided_about_as_it_was_read(duty: OnDuty) -> None:
    seen = duty.drafts(ID)[0].digest
    duty.edit(ID, 0, "bob", "cart fails", "Since one.", seen)
    with pytest.raises(QueryRejected, match="changed by bob since you opened it"):
        duty.approve(ID, 0, "ada", seen)
    duty.approve(ID, 0, "ada", duty.drafts(ID)[0].digest)
    assert duty.case(ID).drafts[0].approved_by == "ada"


def test_how_requests_went_is_asked_of_the_sources(duty: OnDuty, requests: Requests) -> None:
    duty.course(ID)
    duty.course(ID)
    (query,) = requests.queries
    assert query.services == ("cart",)
    assert query.window.holds(at(-2))


def test_open_incidents_are_counted(duty: OnDuty) -> None:
    assert (duty.open_count(), len(duty.incidents(is_open=True, order="severity"))) == (1, 1)
    duty.move(ID, "resolved", "ada")
    assert (duty.open_count(), len(duty.incidents(is_open=False, order="changed"))) == (0, 1)
