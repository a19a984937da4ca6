"""The outbox on SQLite and PostgreSQL, with workers that share it."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from delivery.made_parcels import INCIDENT, Clock, file_parcel, parcel
from kept_cases import NOON, at, case
from watchkeeper.domain import KeptParcel, Parcel, Receipt
from watchkeeper.errors import QueryRejected, RecordsUnavailable
from watchkeeper.records.outbox import Outbox
from watchkeeper.records.store import Records

TESTS = Path(__file__).parents[1]
ALL = ("jira", "slack", "files")
TICKET, COMMENT, NEXT_COMMENT = parcel(), parcel("comment"), parcel("comment", f"{INCIDENT}/jira/comment/2")
RESOLVED, NOTICE = parcel("transition"), parcel("notice", target="slack")
RECEIPT = Receipt(reference="OPS-1")
MANY, PROCESSES = 60, 3
CLAIM = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from kept_cases import at
from watchkeeper.records.outbox import Outbox
from watchkeeper.records.store import Records
url, name = sys.argv[1:]
with Records.open(url) as records:
    outbox = Outbox(records)
    print("ready", flush=True)
    sys.stdin.readline()
    while taken := outbox.claim(at(1), name, 1, ("files",)):
        print(taken[0].parcel.key, flush=True)
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(records: Records, clock: Clock) -> Outbox:
    records.save(case(1))
    return Outbox(records, clock)


def claimed(outbox: Outbox, now: datetime = NOON, worker: str = "ann", limit: int = 10) -> list[Parcel]:
    return [each.parcel for each in outbox.claim(now, worker, limit, ALL)]


def only(outbox: Outbox) -> KeptParcel:
    (kept,) = outbox.of(INCIDENT)
    return kept


def test_a_parcel_is_put_once_and_never_changed(outbox: Outbox) -> None:
    assert outbox.put([TICKET, NOTICE]) == 2
    assert outbox.put([TICKET.model_copy(update={"text": "other"}), RESOLVED]) == 1
    assert [each.parcel for each in outbox.of(INCIDENT)] == [TICKET, NOTICE, RESOLVED]
    assert {each.state for each in outbox.of(INCIDENT)} == {"waiting"}


def test_a_parcel_of_an_incident_that_is_not_kept_is_refused(outbox: Outbox) -> None:
    with pytest.raises(RecordsUnavailable):
        outbox.put([TICKET.model_copy(update={"incident_id": "INC-2026-0999"})])


def test_what_is_due_is_claimed_by_one_worker_only(outbox: Outbox) -> None:
    outbox.put([TICKET, NOTICE])
    assert claimed(outbox, worker="ann", limit=1) == [TICKET]
    assert claimed(outbox, worker="bob") == [NOTICE]
    assert claimed(outbox, worker="cid") == []
    assert {(each.state, each.attempts) for each in outbox.of(INCIDENT)} == {("sending", 1)}


def test_what_is_for_a_target_that_is_not_set_up_waits(outbox: Outbox) -> None:
    outbox.put([TICKET])
    assert outbox.claim(NOON, "ann", 10, ("files",)) == []


def test_what_was_put_off_is_not_due_before_its_time(outbox: Outbox) -> None:
    outbox.put([TICKET])
    claimed(outbox)
    outbox.later(TICKET.key, "ann", "Jira cannot now", at(1))
    assert (only(outbox).state, only(outbox).error, only(outbox).not_before) == ("waiting", "Jira cannot now", at(1))
    assert (outbox.is_idle(NOON), claimed(outbox)) == (True, [])
    assert (outbox.is_idle(at(1)), claimed(outbox, at(1))) == (False, [TICKET])


def test_a_comment_waits_for_its_ticket_and_for_what_came_before_it(outbox: Outbox) -> None:
    outbox.put([COMMENT, NEXT_COMMENT, RESOLVED, TICKET])
    order = []
    while taken := claimed(outbox):
        assert len(taken) == 1
        order += taken
        outbox.done(taken[0].key, RECEIPT)
    assert order == [TICKET, COMMENT, NEXT_COMMENT, RESOLVED]


def test_a_comment_that_was_refused_does_not_hold_up_the_next(outbox: Outbox) -> None:
    outbox.put([TICKET, COMMENT, RESOLVED])
    claimed(outbox)
    outbox.done(TICKET.key, RECEIPT)
    claimed(outbox)
    outbox.failed(COMMENT.key, "ann", "no")
    assert claimed(outbox) == [RESOLVED]


def test_the_ticket_of_an_incident_is_known_once_it_is_delivered(outbox: Outbox) -> None:
    outbox.put([TICKET])
    claimed(outbox)
    assert outbox.ticket_of(INCIDENT) is None
    outbox.done(TICKET.key, RECEIPT)
    assert outbox.ticket_of(INCIDENT) == RECEIPT
    assert (only(outbox).state, only(outbox).receipt, only(outbox).error) == ("delivered", RECEIPT, None)


def test_what_is_delivered_stays_so(outbox: Outbox) -> None:
    outbox.put([TICKET])
    claimed(outbox)
    outbox.done(TICKET.key, RECEIPT)
    outbox.done(TICKET.key, Receipt(reference="OPS-2"))
    outbox.failed(TICKET.key, "ann", "no")
    outbox.later(TICKET.key, "ann", "not now", at(1))
    assert (only(outbox).state, only(outbox).receipt) == ("delivered", RECEIPT)
    with pytest.raises(QueryRejected, match="is delivered"):
        outbox.again(TICKET.key)


def test_a_worker_whose_parcel_was_taken_over_changes_nothing(outbox: Outbox) -> None:
    outbox.put([NOTICE])
    claimed(outbox, worker="ann")
    outbox.stranded(at(1), "bob", {"bob"}, NOON)
    outbox.later(NOTICE.key, "ann", "not now", at(1))
    assert only(outbox).state == "sending"
    outbox.uncertain(NOTICE.key, "bob", "nobody knows")
    assert (only(outbox).state, only(outbox).error) == ("uncertain", "nobody knows")


@pytest.mark.parametrize("end", ["failed", "uncertain"])
def test_what_failed_or_is_uncertain_is_sent_again_when_a_person_says_so(outbox: Outbox, end: str) -> None:
    outbox.put([NOTICE])
    claimed(outbox)
    getattr(outbox, end)(NOTICE.key, "ann", "x\0y")
    assert (only(outbox).error, claimed(outbox)) == ("x\N{REPLACEMENT CHARACTER}y", [])
    assert outbox.again(NOTICE.key).state == "waiting"
    assert claimed(outbox) == [NOTICE]
    with pytest.raises(QueryRejected, match="is sending"):
        outbox.again(NOTICE.key)


def test_a_key_that_is_not_there_is_told(outbox: Outbox) -> None:
    with pytest.raises(QueryRejected, match="there is no parcel"):
        outbox.again("INC-2026-0001/jira/nothing")


@pytest.mark.parametrize(
    ("worker", "living", "before", "expected"),
    [
        ("bob", None, NOON, 0),  # nobody knows who lives, and it is not long
        ("bob", None, at(0.1), 1),  # it is long
        ("bob", {"ann", "bob"}, NOON, 0),  # it is being sent
        ("bob", {"bob"}, NOON, 1),  # whoever sent it is dead
        ("ann", {"ann", "bob"}, NOON, 1),  # it is one's own, from before
    ],
)
def test_what_nobody_sends_any_more_is_taken_over_by_one(
    outbox: Outbox, worker: str, living: set[str] | None, before: datetime, expected: int
) -> None:
    outbox.put([NOTICE])
    claimed(outbox, worker="ann")
    assert len(outbox.stranded(at(1), worker, living, before)) == expected
    assert len(outbox.stranded(at(1), "cid", {worker, "ann", "cid"}, before)) == 0


@pytest.mark.usefixtures("outbox")
def test_processes_that_claim_at_once_never_get_the_same(url: str, outbox: Outbox) -> None:
    keys = [f"{number:016x}" for number in range(MANY)]
    outbox.put(file_parcel(digest=key) for key in keys)
    command = [sys.executable, "-c", CLAIM, url]
    begun = [
        subprocess.Popen([*command, f"worker-{number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(PROCESSES)
    ]
    for each in begun:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in begun:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    taken = [line for each in begun for line in each.communicate(timeout=60)[0].splitlines()]
    assert sorted(taken) == [f"{INCIDENT}/files/ticket/{key}" for key in keys]
