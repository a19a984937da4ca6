"""What is due leaves once: order, back-off, bugs, and processes that are killed in the middle."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from delivery.made_parcels import INCIDENT, Clock, parcel
from kept_cases import NOON, case
from watchkeeper.delivery.fake_jira import FakeJira, running_fake_jira
from watchkeeper.delivery.fake_slack import FakeSlack, running_fake_slack
from watchkeeper.delivery.fakes import FakeTarget
from watchkeeper.delivery.target import Target
from watchkeeper.domain import KeptParcel, Parcel, Receipt
from watchkeeper.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain, RecordsUnavailable
from watchkeeper.records.outbox import Outbox
from watchkeeper.records.store import Records
from watchkeeper.workflows.dispatch import LONGEST_WAIT_SECONDS, Dispatcher
from workflows.sending import send

TESTS = Path(__file__).parents[1]
TICKET, COMMENT = parcel(), parcel("comment")
RESOLVED, NOTICE = parcel("transition"), parcel("notice", target="slack")


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records.open(tmp_path / "records.sqlite") as opened:
        opened.save(case(1))
        yield opened


class World:
    """An outbox, two targets in memory, and a clock."""

    def __init__(self, records: Records) -> None:
        self.clock = Clock()
        self.outbox = Outbox(records, self.clock)
        self.jira, self.slack = FakeTarget("jira"), FakeTarget("slack", can_find=False)
        self.told: list[KeptParcel] = []
        self.living: set[str] | None = None

    def dispatcher(self, worker: str = "ann", **targets: Target) -> Dispatcher:
        known: dict[str, Target] = {"jira": self.jira, "slack": self.slack, **targets}
        return Dispatcher(
            self.outbox,
            known,
            self.clock,
            worker,
            jitter=lambda: 0.0,
            living=lambda: self.living,
            on_delivered=self.told.append,
        )

    def kept(self, parcel: Parcel) -> KeptParcel:
        return next(each for each in self.outbox.of(INCIDENT) if each.parcel.key == parcel.key)


@pytest.fixture
def world(records: Records) -> World:
    return World(records)


def test_everything_that_is_due_leaves_the_ticket_before_what_goes_onto_it(world: World) -> None:
    world.outbox.put([COMMENT, RESOLVED, TICKET, NOTICE])
    assert world.dispatcher().send_due() == 4
    assert [each.kind for each in world.jira.parcels] == ["ticket", "comment", "transition"]
    assert world.jira.tickets == [None, "JIRA-1", "JIRA-1"]
    assert {each.state for each in world.outbox.of(INCIDENT)} == {"delivered"}


def test_whoever_is_to_know_is_told_of_each_arrival(world: World) -> None:
    world.outbox.put([TICKET])
    world.dispatcher().send_due()
    (told,) = world.told
    assert (told.parcel, told.state, told.receipt) == (TICKET, "delivered", Receipt(reference="JIRA-1"))


def test_what_cannot_be_delivered_now_is_tried_later_and_later(world: World) -> None:
    world.outbox.put([NOTICE])
    waits = []
    for _ in range(12):
        world.slack.mishaps.append(DeliveryFailed("Slack cannot now"))
        world.dispatcher().send_due()
        kept = world.kept(NOTICE)
        assert (kept.state, kept.error) == ("waiting", "Slack cannot now")
        waits.append((kept.not_before - world.clock.now).total_seconds())
        world.clock.now = kept.not_before
    assert waits[:4] == [2.5, 5, 10, 20]
    assert waits[-1] == LONGEST_WAIT_SECONDS / 2
    assert world.dispatcher().send_due() == 1


def test_a_target_that_asks_to_be_left_alone_is(world: World) -> None:
    world.outbox.put([NOTICE])
    world.slack.mishaps.append(DeliveryFailed("busy", after_seconds=60))
    world.dispatcher().send_due()
    assert world.kept(NOTICE).not_before == NOON + timedelta(seconds=60)


def test_a_target_whose_search_lags_is_not_asked_before_it_can_know(world: World) -> None:
    world.outbox.put([TICKET])
    world.jira.settles_seconds = 30.0
    world.jira.mishaps.append(DeliveryFailed("timed out"))
    world.dispatcher().send_due()
    assert world.kept(TICKET).not_before == NOON + timedelta(seconds=30)


def test_what_is_refused_waits_for_a_person(world: World) -> None:
    world.outbox.put([NOTICE])
    world.slack.mishaps.append(DeliveryRefused("no such channel"))
    world.dispatcher().send_due()
    assert (world.kept(NOTICE).state, world.kept(NOTICE).error) == ("failed", "no such channel")
    world.outbox.again(NOTICE.key)
    assert world.dispatcher().send_due() == 1


def test_what_may_have_arrived_is_not_sent_again(world: World) -> None:
    world.outbox.put([NOTICE])
    world.slack.mishaps.append(DeliveryUncertain("no answer"))
    world.dispatcher().send_due()
    world.clock.forward(LONGEST_WAIT_SECONDS)
    world.dispatcher().send_due()
    assert (world.kept(NOTICE).state, len(world.slack.parcels)) == ("uncertain", 1)


def test_a_bug_in_one_parcel_does_not_hold_up_the_others(world: World) -> None:
    world.outbox.put([NOTICE, TICKET])
    world.slack.mishaps.append(ZeroDivisionError("a bug"))
    assert world.dispatcher().send_due() == 1
    assert world.kept(NOTICE).error == "a bug in watchkeeper, see its log: ZeroDivisionError"
    assert (world.kept(NOTICE).state, world.kept(TICKET).state) == ("uncertain", "delivered")


def test_what_fails_in_being_told_of_an_arrival_does_not_undo_it(world: World) -> None:
    def fail(_: KeptParcel) -> None:
        raise ZeroDivisionError("a bug")

    world.outbox.put([TICKET])
    targets = {"jira": world.jira}
    Dispatcher(world.outbox, targets, world.clock, "ann", jitter=lambda: 0.0, on_delivered=fail).send_due()
    assert world.kept(TICKET).state == "delivered"


def test_what_the_records_could_not_keep_is_found_out_about_afterwards(world: World) -> None:
    def unavailable(_: KeptParcel) -> None:
        raise RecordsUnavailable("the disk is full")

    world.outbox.put([TICKET])
    targets = {"jira": world.jira}
    failing = Dispatcher(world.outbox, targets, world.clock, "ann", jitter=lambda: 0.0, on_delivered=unavailable)
    with pytest.raises(RecordsUnavailable):
        failing.send_due()
    assert world.dispatcher().send_due() == 1
    assert (len(world.jira.parcels), world.kept(TICKET).state) == (1, "delivered")


def test_what_is_for_a_target_that_is_not_set_up_any_more_waits(world: World) -> None:
    world.outbox.put([parcel("notice", f"{INCIDENT}/mail/notice/0", "mail")])
    assert world.dispatcher().send_due() == 0
    assert world.outbox.of(INCIDENT)[0].state == "waiting"


@pytest.mark.parametrize(("living", "states"), [({"bob"}, "delivered"), ({"ann", "bob"}, "sending"), (None, "sending")])
def test_only_what_a_dead_worker_left_is_taken_over(world: World, living: set[str] | None, states: str) -> None:
    world.outbox.put([TICKET])
    world.outbox.claim(NOON, "ann", 1, ("jira",))
    world.living = living
    world.dispatcher("bob").send_due()
    assert world.kept(TICKET).state == states


def test_what_is_stranded_is_asked_for_only_once_it_can_be_found(world: World) -> None:
    world.jira.settles_seconds = 30.0
    world.outbox.put([TICKET])
    world.outbox.claim(NOON, "ann", 1, ("jira",))
    assert world.dispatcher().send_due() == 0
    assert world.kept(TICKET).not_before == NOON + timedelta(seconds=30)
    world.clock.forward(30)
    assert world.dispatcher().send_due() == 1


@pytest.fixture
def outside() -> Iterator[tuple[FakeJira, FakeSlack]]:
    with running_fake_jira() as jira, running_fake_slack() as slack:
        yield jira, slack


def killed(database: Path, jira: FakeJira, slack: FakeSlack, where: str) -> None:
    """Send in a process of its own, and kill it with SIGKILL where it stops."""
    words = [str(database), jira.url, slack.url, where]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-m", "workflows.sending", *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    assert said == f"{where}\n"


@pytest.mark.parametrize("where", ["claimed", "accepted", "done"])
@pytest.mark.parametrize("first", [TICKET, COMMENT, RESOLVED], ids=["ticket", "comment", "transition"])
def test_killed_at_any_boundary_jira_gets_each_thing_once(
    records: Records, tmp_path: Path, outside: tuple[FakeJira, FakeSlack], where: str, first: Parcel
) -> None:
    jira, slack = outside
    database = tmp_path / "records.sqlite"
    outbox = Outbox(records, Clock())
    if first is not TICKET:
        outbox.put([TICKET])
        send(database, jira.url, slack.url, "nowhere", 0)
    outbox.put([first])
    killed(database, jira, slack, where)
    # Long enough for its search to know what arrived.
    send(database, jira.url, slack.url, "nowhere", 2)
    send(database, jira.url, slack.url, "nowhere", 3)
    (ticket,) = jira.tickets
    assert jira.requests["POST issue"] == 1
    assert len(ticket.comments) == (0 if first is TICKET else 1)
    assert (ticket.status == "Done") == (first is RESOLVED)
    assert {each.state for each in outbox.of(INCIDENT)} == {"delivered"}


@pytest.mark.parametrize(
    ("where", "arrived", "state"), [("claimed", 0, "uncertain"), ("accepted", 1, "uncertain"), ("done", 1, "delivered")]
)
def test_killed_at_any_boundary_slack_gets_nothing_twice_and_a_person_is_asked(
    records: Records, tmp_path: Path, outside: tuple[FakeJira, FakeSlack], where: str, arrived: int, state: str
) -> None:
    jira, slack = outside
    outbox = Outbox(records, Clock())
    outbox.put([NOTICE])
    killed(tmp_path / "records.sqlite", jira, slack, where)
    send(tmp_path / "records.sqlite", jira.url, slack.url, "nowhere", 2)
    assert (len(slack.messages), outbox.of(INCIDENT)[0].state) == (arrived, state)
