"""The real server killed wherever it hurts and started again: nothing is lost, and nothing leaves twice."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from killed_server import deaths, dying
from made_alerts import alert, of
from own_prometheus import wait_until
from own_server import OwnServer, firing, own_server, own_worker, require_no_stack_trace, settings_of, telemetry
from watchkeeper.delivery.fake_jira import FakeJira, running_fake_jira
from watchkeeper.delivery.fake_slack import FakeSlack, running_fake_slack
from watchkeeper.delivery.loopback import Mishap, Mishaps
from watchkeeper.domain import CaseFile, KeptParcel

pytestmark = pytest.mark.timeout(240)

POINTS = (
    *("gather:before", "gather:middle", "gather:after", "diagnose:before", "route:before", "route:middle"),
    *("draft:before", "draft:middle", "deliver:before", "deliver:middle", "deliver:after"),
)
PATIENCE_SECONDS = 90.0
BODIES, KILLS, SENDERS = 120, 2, 4
INCIDENTS = 4


class Deadly(Mishaps):
    """Kills whoever posts to a path, once for each mishap: before it is taken (`error`), or after (`lost`)."""

    def __init__(self, victim: Callable[[], OwnServer], path: str, mishaps: tuple[Mishap, ...]) -> None:
        super().__init__()
        self._victim, self._path, self._mishaps = victim, path, iter(mishaps)

    def next(self, request: Request) -> Mishap | None:
        if request.method != "POST" or not request.url.path.endswith(self._path):
            return None
        mishap = next(self._mishaps, None)
        if mishap is not None:
            self._victim().kill()
        return mishap


@contextmanager
def world(home: Path, **more: Any) -> Iterator[tuple[OwnServer, FakeJira, FakeSlack]]:
    """A server with telemetry of a trouble, a Jira and a Slack; it answers."""
    telemetry(home)
    with running_fake_jira() as jira, running_fake_slack() as slack:
        settings_of(home, jira, slack)
        with own_server(home, **more) as server:
            yield server, jira, slack


def to_its_end(server: OwnServer, at_least: int = 0) -> int:
    """Start it again whenever it is dead, until nothing is under way any more; how often that was.

    With `at_least` so many deaths to come: the last may be after everything was delivered.
    """
    restarts = 0

    def is_over() -> bool:
        nonlocal restarts
        if server.is_killed:
            restarts += 1
            server.start()
        try:
            return restarts >= at_least and not server.is_killed and server.is_all_settled()
        except httpx.HTTPError:
            return False

    wait_until(is_over, "that everything is settled", PATIENCE_SECONDS)
    return restarts


def essence(case: CaseFile) -> object:
    """What a case comes to, without times and what depends on them."""
    first = case.diagnoses[0]
    top = first.hypotheses[0]
    return (
        case.incident.state,
        [(signal.kind, signal.service) for signal in case.incident.signals],
        (first.status, first.occasion, top.component, top.kind, [each.service for each in first.scope.affected]),
        case.assignment and (case.assignment.severity, case.assignment.team, case.assignment.actions),
        sorted((draft.kind, draft.audience, draft.state) for draft in case.drafts),
    )


def left(parcels: list[KeptParcel]) -> list[tuple[str, str]]:
    """What left, without the digests of what was written."""
    return sorted((each.parcel.key.split("/", 1)[1].rpartition("/")[0], each.state) for each in parcels)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[CaseFile, list[tuple[str, str]]]:
    """How it ends when nobody is killed."""
    with world(tmp_path_factory.mktemp("calm")) as (server, jira, slack):
        assert server.post_alerts(firing()).status_code == httpx.codes.ACCEPTED
        assert to_its_end(server) == 0
        assert (len(jira.tickets), len(slack.messages)) == (1, 1)
        (case,) = server.cases()
        return case, left(server.parcels())


def test_killed_at_every_boundary_it_ends_as_if_nothing_had_happened(
    calm: tuple[CaseFile, list[tuple[str, str]]], tmp_path: Path
) -> None:
    with world(tmp_path, run=dying(*POINTS)) as (server, jira, slack):
        assert server.post_alerts(firing()).status_code == httpx.codes.ACCEPTED
        assert to_its_end(server, at_least=len(POINTS)) == len(POINTS)
        (case,) = server.cases()
        assert essence(case) == essence(calm[0])
        assert left(server.parcels()) == calm[1]
        assert sorted(deaths(tmp_path)) == sorted(POINTS)
        assert (len(jira.tickets), len(slack.messages)) == (1, 1)
        assert [each.outcome for each in server.alerts()] == ["opened"]
        require_no_stack_trace(server)


def test_killed_while_something_is_sent_nothing_leaves_twice(tmp_path: Path) -> None:
    with world(tmp_path) as (server, jira, slack):
        # The ticket before it is taken and after it was, then the notice, of which nobody can be asked.
        jira.mishaps = Deadly(lambda: server, "/issue", ("error", "lost"))
        slack.mishaps = Deadly(lambda: server, "", ("lost",))
        server.post_alerts(firing())
        wait_until(lambda: server.is_killed, "that the server is killed", PATIENCE_SECONDS)
        assert to_its_end(server, at_least=3) == 3
        states = {each.parcel.target: each.state for each in server.parcels()}
        assert states == {"files": "delivered", "jira": "delivered", "slack": "uncertain"}
        assert (len(jira.tickets), slack.posts) == (1, 1)
        assert len(server.alerts()) == 1
        require_no_stack_trace(server)


def test_killed_in_a_storm_every_alert_is_accounted_for(tmp_path: Path) -> None:
    settings_of(tmp_path)
    with own_server(tmp_path) as server:
        token, answered = server.token, []
        wanted = [alert(of("gateway", f"Alert{number}")) for number in range(BODIES)]

        def send(share: int) -> None:
            """As Alertmanager does: again, until it is taken."""
            for number in range(share, BODIES, SENDERS):
                wait_until(lambda one=wanted[number]: _is_taken(server, one), "that it is taken", PATIENCE_SECONDS)
                answered.append(number)

        senders = [threading.Thread(target=send, args=(share,)) for share in range(SENDERS)]
        for sender in senders:
            sender.start()
        for kill in range(1, KILLS + 1):
            wait_until(lambda: len(answered) >= BODIES * kill // (KILLS + 2), "that some are taken", PATIENCE_SECONDS)  # noqa: B023
            server.kill()
            server.start()
        for sender in senders:
            sender.join()
        kept = server.alerts()
        assert server.token == token
        assert {each.alert.name for each in kept} == {f"Alert{number}" for number in range(BODIES)}
        (opened,) = [each for each in kept if each.outcome == "opened"]
        # What was taken, and not answered, came once more: a repetition of an alert that is known.
        assert all(each.incident_id == opened.incident_id for each in kept)
        firsts = [each for each in kept if each.outcome != "repeated"]
        assert len(firsts) == BODIES
        require_no_stack_trace(server)


def _is_taken(server: OwnServer, one: dict[str, object]) -> bool:
    try:
        return server.post_alerts(one).status_code == httpx.codes.ACCEPTED
    except httpx.HTTPError:
        return False


@pytest.mark.lab
@pytest.mark.parametrize("victim", ["worker", "server"])
def test_of_two_that_share_postgresql_one_is_killed_and_the_other_takes_over(
    new_postgresql: Callable[[], str], victim: str, tmp_path: Path
) -> None:
    shared = {
        "records": {"url": new_postgresql()},
        "workflows": {"at_once": 1, "dead_after_seconds": 2.0},
    }
    telemetry(tmp_path)
    kills, lives = dying("gather:middle"), dying()
    with running_fake_jira() as jira, running_fake_slack() as slack:
        settings_of(tmp_path, jira, slack, **shared)
        with (
            own_server(tmp_path, run=kills if victim == "server" else lives) as server,
            own_worker(server, kills if victim == "worker" else lives) as worker,
        ):
            apart = [alert(of("gateway", severity="critical", env=f"site-{number}")) for number in range(INCIDENTS)]
            assert server.post_alerts(*apart).status_code == httpx.codes.ACCEPTED
            dead = server.process if victim == "server" else worker
            wait_until(lambda: dead is not None and dead.exitcode is not None, f"that the {victim} dies")
            if victim == "server":
                # The telemetry is with it: whoever takes over says that it cannot be asked.
                server.start()
            wait_until(lambda: _are_all_diagnosed(server), "that everything is diagnosed", PATIENCE_SECONDS)
            wait_until(server.is_all_settled, "that everything is settled", PATIENCE_SECONDS)
            assert deaths(tmp_path) == ["gather:middle"]
            assert [each.outcome for each in server.alerts()] == ["opened"] * INCIDENTS
            for case in server.cases():
                assert [each.occasion for each in case.diagnoses].count("signal") == 1
            parcels = [each for each in server.parcels() if each.parcel.target != "files"]
            assert {each.state for each in parcels} == {"delivered"}
            assert len(jira.tickets) == INCIDENTS
            assert slack.posts == [each.parcel.target for each in parcels].count("slack") >= INCIDENTS
            require_no_stack_trace(server)


def _are_all_diagnosed(server: OwnServer) -> bool:
    cases = server.cases()
    return len(cases) == INCIDENTS and all(
        each.latest is not None and each.latest.status == "diagnosed" and each.drafts for each in cases
    )
