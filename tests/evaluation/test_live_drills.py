import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kept_cases import at, case, diagnosis
from watchkeeper import settings
from watchkeeper.domain import CaseFile, Signal
from watchkeeper.errors import AccessDenied, SourceUnavailable
from watchkeeper.evaluation.live_drills import LATEST, PATIENCE, await_noticed, noticed, require_access, running_url
from watchkeeper.lab.truth import Truth

TRUTH = Truth(
    kind="bad-deploy",
    service="cart",
    size=1.0,
    seed=1,
    minutes=6.0,
    begins=at(0),
    fault_onset=at(2.9),
    symptom_onset=at(3),
    ends=at(6),
)
QUIET = TRUTH.model_copy(update={"kind": "nothing", "service": None, "fault_onset": None, "symptom_onset": None})
AUTHORIZATION = {"authorization": "Bearer right"}


def with_signals(case: CaseFile, *signals: tuple[float, str]) -> CaseFile:
    came = tuple(Signal(kind="anomaly", at=at(minutes), service=service) for minutes, service in signals)
    return case.model_copy(update={"incident": case.incident.model_copy(update={"signals": came})})


def one(number: int = 1, minutes: float = 3.5, service: str = "cart", diagnosed_after: float = 0.1) -> CaseFile:
    return with_signals(case(number, diagnosis(minutes + diagnosed_after)), (minutes, service))


def test_an_incident_of_the_drill_is_told_with_how_soon_it_was_noticed() -> None:
    (found,) = noticed([one(minutes=3.5)], TRUTH)
    assert (found.case.incident.id, found.delay_seconds(TRUTH)) == ("INC-2026-0001", 30.0)
    assert found.diagnosis is not None


def test_incidents_of_an_earlier_drill_are_left_out() -> None:
    assert noticed([one(minutes=-1.0)], TRUTH) == []


def test_what_was_noticed_after_the_shop_had_closed_is_left_out() -> None:
    assert noticed([one(minutes=6.5)], TRUTH) == []
    assert len(noticed([one(minutes=6.2)], TRUTH)) == 1


def test_incidents_of_other_systems_are_left_out() -> None:
    assert noticed([one(service="billing")], TRUTH) == []


def test_an_incident_of_an_earlier_drill_that_was_joined_is_told_with_what_was_said_since() -> None:
    joined = with_signals(case(1, diagnosis(-2.0), diagnosis(4.0)), (-3.0, "cart"), (3.5, "cart"))
    (found,) = noticed([joined], TRUTH)
    assert (found.signal.at, found.diagnosis) == (at(3.5), diagnosis(4.0))


def test_an_incident_that_nobody_diagnosed_since_has_no_diagnosis() -> None:
    (found,) = noticed([with_signals(case(1, diagnosis(-2.0)), (-3.0, "cart"), (3.5, "cart"))], TRUTH)
    assert found.diagnosis is None


def test_a_false_alarm_is_told_as_such() -> None:
    (found,) = noticed([one(minutes=2.0)], TRUTH)
    assert found.delay_seconds(TRUTH) == -60.0


def test_the_first_signal_after_the_symptom_counts() -> None:
    (found,) = noticed([with_signals(case(), (2.0, "cart"), (3.4, "gateway"), (3.5, "cart"))], TRUTH)
    assert found.signal.service == "gateway"


def test_in_a_quiet_run_nothing_is_late_or_early() -> None:
    (found,) = noticed([one()], QUIET)
    assert found.delay_seconds(QUIET) is None


class Clock:
    """A clock that goes on only when somebody waits."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def awaited(looks: Sequence[Sequence[CaseFile]]) -> tuple[int, timedelta]:
    """How many incidents were found, and how long after the end that was known."""
    clock, given = Clock(TRUTH.ends), iter(looks)
    found = await_noticed(lambda: next(given, looks[-1]), TRUTH, clock, clock.wait)
    return len(found), clock.now - TRUTH.ends


def test_what_is_diagnosed_already_is_not_waited_for() -> None:
    assert awaited([[one()]]) == (1, timedelta(0))


def test_a_diagnosis_under_way_is_waited_for() -> None:
    undiagnosed = one(diagnosed_after=-1.0)
    found, waited = awaited([[], [undiagnosed], [one()]])
    assert (found, timedelta(0) < waited < PATIENCE) == (1, True)


def test_a_diagnosis_that_never_comes_is_not_waited_for_for_ever() -> None:
    found, waited = awaited([[one(diagnosed_after=-1.0)]])
    assert (found, PATIENCE <= waited < PATIENCE + timedelta(seconds=5)) == (1, True)


def test_where_nothing_is_noticed_a_moment_is_enough() -> None:
    found, waited = awaited([[]])
    assert (found, LATEST <= waited < LATEST + timedelta(seconds=5)) == (0, True)


@pytest.fixture
def guarded() -> Iterator[str]:
    """A server that takes telemetry from whoever shows the right token."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            is_right = self.headers["authorization"] == AUTHORIZATION["authorization"]
            self.send_response(200 if is_right else 401)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_takes_the_token_is_fine(guarded: str) -> None:
    require_access(guarded, AUTHORIZATION)


def test_a_server_of_another_home_is_told_before_the_shop_runs(guarded: str) -> None:
    with pytest.raises(AccessDenied, match="does not take telemetry with this home's token") as told:
        require_access(guarded, {"authorization": "Bearer wrong"})
    assert "wrong" not in str(told.value)


def test_a_server_that_has_gone_is_told() -> None:
    with pytest.raises(SourceUnavailable, match="does not answer"):
        require_access("http://127.0.0.1:9", {})


def test_no_server_runs_where_nothing_answers(home: Path) -> None:
    chosen = settings.load(flags={"server.port": 9}, environment={"WATCHKEEPER_HOME": str(home)})
    assert running_url(chosen) is None
