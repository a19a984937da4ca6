"""A thousand alerts at once, on each database, from threads and from processes: none is lost, one fault is one case."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable

import pytest

from made_alerts import LABEL_SETS, NOON, STORM, Known, Unknown, alert, at, body, of, storm
from watchkeeper import settings
from watchkeeper.assembly.receiving import Received, Receiver
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.intake.grouping import Neighbours
from watchkeeper.records.alerts import Alerts
from watchkeeper.records.store import Records

TESTS = Path(__file__).parents[1]
THREADS = 8
PER_BODY = 40
PROCESSES = 3
POST = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from made_alerts import Known, body, at, storm
from watchkeeper import settings
from watchkeeper.assembly.receiving import Receiver
from watchkeeper.records.store import Records
with Records.open(sys.argv[1]) as records:
    receiver = Receiver(settings.load(), lambda: records, Known())
    print("ready", flush=True)
    sys.stdin.readline()
    for each in storm()[:40]:
        receiver.receive("alertmanager", body(each), at(1))
"""


def receiver(records: Records, neighbours: Neighbours) -> Receiver:
    return Receiver(settings.load(), lambda: records, neighbours)


def in_bodies(receiver: Receiver) -> list[Received]:
    alerts = storm()
    return [
        receiver.receive("alertmanager", body(*alerts[begin : begin + PER_BODY]), at(1))
        for begin in range(0, STORM, PER_BODY)
    ]


def from_threads(receiver: Receiver) -> list[Received]:
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(lambda each: receiver.receive("alertmanager", body(each), at(1)), storm()))


@pytest.mark.parametrize(
    ("send", "neighbours"),
    [(in_bodies, Known()), (in_bodies, Unknown()), (from_threads, Known())],
    ids=["bodies", "bodies, nobody knows who calls whom", "threads"],
)
def test_a_storm_loses_nothing_and_is_one_incident(
    records: Records, send: Callable[[Receiver], list[Received]], neighbours: Neighbours
) -> None:
    received = send(receiver(records, neighbours))
    kept = Alerts(records).latest(limit=2 * STORM)
    assert len(kept) == sum(len(each.alerts) for each in received) == STORM
    assert len({each.post for each in received}) == len(received)
    cases = records.cases()
    assert len(cases) == 1
    said = Counter(each.outcome for each in kept)
    assert said["opened"] == 1
    assert said["repeated"] == STORM - LABEL_SETS
    signals = [signal.fingerprint for case in cases for signal in records.case(case.incident_id).incident.signals]
    assert len(signals) == len(set(signals)) == LABEL_SETS


@pytest.fixture
def senders(url: str) -> Iterator[list["Popen[str]"]]:
    """Processes that each begin to post when told."""
    Records.open(url).close()
    begun = [
        Popen([executable, "-c", POST, url], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) for _ in range(PROCESSES)
    ]
    try:
        for each in begun:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        yield begun
    finally:
        for each in begun:
            each.kill()
            each.communicate()


def test_several_processes_open_one_incident_for_one_fault(senders: list["Popen[str]"], url: str) -> None:
    for each in senders:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    assert [each.wait(timeout=60) for each in senders] == [0] * PROCESSES
    with Records.open(url) as records:
        assert len(records.cases()) == 1
        assert len(Alerts(records).latest(limit=2 * STORM)) == PROCESSES * LABEL_SETS


def test_bodies_are_kept_as_they_came_until_they_are_old(records: Records) -> None:
    raw = body(alert(of("cart"), fingerprint="c1"))
    taking = receiver(records, Known())
    first = taking.receive("alertmanager", raw, NOON).post
    second = taking.receive("alertmanager", raw, at(60)).post
    assert first is not None
    assert second is not None
    kept = Alerts(records)
    assert kept.body(first) == raw
    assert kept.forget(at(30)) == 1
    assert (kept.body(first), kept.body(second)) == (None, raw)
    assert [each.outcome for each in kept.latest()] == ["repeated", "opened"]


def test_hostile_labels_are_kept_by_each_database(records: Records) -> None:
    labels = of("cart", "<script>\x00\x1b[31m\u202e", **{f"l{number}": "\x00" * 50 for number in range(500)})
    taking = receiver(records, Known())
    (incident_id,) = taking.receive("alertmanager", body(alert(labels, fingerprint="\x00f")), NOON).investigate
    (kept,) = Alerts(records).latest(incident_id)
    assert kept.alert.name == "<script>[31m"
    assert "\x00" not in kept.alert.model_dump_json()


def test_what_cannot_be_kept_is_refused_and_leaves_nothing(records: Records) -> None:
    taking = receiver(records, Known())
    taking.receive("alertmanager", body(alert(of("cart"), fingerprint="c1")), NOON)

    class Broken(Known):
        def __init__(self) -> None:
            super().__init__()
            self.asked = 0

        def of(self, service: str) -> frozenset[str] | None:
            self.asked += 1
            if self.asked > 1:
                raise RecordsUnavailable("the disk is full")
            return super().of(service)

    with pytest.raises(RecordsUnavailable):
        receiver(records, Broken()).receive("alertmanager", body(alert(of("search"), fingerprint="s1")), at(1))
    assert len(Alerts(records).latest()) == 1
