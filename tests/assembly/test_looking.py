"""What is being looked at, from the names of the work under way."""

import pytest

from kept_cases import NOON, at
from watchkeeper.assembly.looking import KEPT_SECONDS, UnderWay, said
from watchkeeper.domain import Alert, AlertOutcome, KeptAlert
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.records.summaries import Deed

ID = "INC-2026-0001"


class Work:
    """Work that begins and ends when it is told to, and counts how often it was asked about."""

    def __init__(self, *names: str) -> None:
        self.names, self.asked, self.is_down = list(names), 0, False
        self.now = 0.0

    def pending(self) -> list[str]:
        self.asked += 1
        if self.is_down:
            raise RecordsUnavailable("workflows: the database is locked")
        return list(self.names)

    def clock(self) -> float:
        return self.now

    def later(self) -> None:
        self.now += KEPT_SECONDS


def kept(number: int, outcome: AlertOutcome, minutes: float) -> KeptAlert:
    alert = Alert(source="watch", fingerprint="f", name="slow", status="firing", starts_at=NOON)
    return KeptAlert(id=number, alert=alert, received_at=at(minutes), outcome=outcome, incident_id=ID, reason="r")


def deed(name: str, minutes: float, by: str = "ada") -> Deed:
    return Deed(at=at(minutes), by=by, deed=name, incident_id=ID, subject="incident")


def test_the_mark_changes_when_work_begins_and_when_it_ends():
    work = Work()
    under_way = UnderWay(work.pending, work.clock)
    marks = [under_way.mark()]
    work.names.append(f"{ID}/signal")
    work.later()
    marks.append(under_way.mark())
    work.names.clear()
    work.later()
    assert marks[0] != marks[1]
    assert under_way.mark() == marks[0]


def test_however_many_ask_it_is_asked_about_once_a_second():
    work = Work(f"{ID}/signal")
    under_way = UnderWay(work.pending, work.clock)
    assert [under_way.occasion(ID) for _ in range(50)] == ["signal"] * 50
    assert work.asked == 1


def test_the_work_of_another_incident_is_not_this_ones():
    under_way = UnderWay(Work("INC-2026-00011/signal").pending)
    assert under_way.occasion(ID) is None


def test_work_that_cannot_be_asked_about_is_none_that_is_known():
    work = Work(f"{ID}/signal")
    work.is_down = True
    under_way = UnderWay(work.pending, work.clock)
    assert under_way.occasion(ID) is None
    work.is_down = False
    work.later()
    assert under_way.occasion(ID) == "signal"


@pytest.mark.parametrize(
    ("occasion", "told"),
    [
        ("signal", "Being looked at since 12:00:00 UTC"),
        ("request 2", "Being looked at again since 12:09:00 UTC, as ada asked"),
        ("objection to diagnosis 1", "Being looked at again since 12:08:00 UTC, because bob objected"),
        ("worsened 7", "Being looked at again since 12:03:00 UTC, because it got worse"),
        ("reopened 8", "Being looked at again since 12:05:00 UTC, because it came back"),
        ("reopened 3", "Being looked at again since 12:07:00 UTC, because ada opened it again"),
        ("after 2 minutes", "Being looked at again, after 2 minutes"),
        ("request 2~1", "To be looked at again in a moment: what is needed for it could not be used"),
    ],
)
def test_it_is_said_since_when_and_why(occasion: str, told: str):
    alerts = [kept(8, "reopened", 5), kept(7, "worsened", 3), kept(1, "opened", 0)]
    deeds = [deed("asked to look again", 9), deed("judged", 8, "bob"), deed("reopened", 7), deed("closed", 6)]
    assert said(occasion, alerts, deeds) == told


def test_what_is_not_known_of_it_is_not_said():
    assert said("request 2", (), ()) == "Being looked at again"
    assert said("signal", (), ()) == "Being looked at"
