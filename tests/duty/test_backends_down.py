"""Whatever the real server leans on, down for a while: it is said, nothing is lost, and all is caught up with."""

import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from made_alerts import alert, of
from made_endpoint import MODEL, holding, made_endpoint, saying
from own_prometheus import START_SECONDS, free_port, wait_until
from own_server import OwnServer, firing, own_server, require_no_stack_trace, settings_of, telemetry
from watchkeeper.delivery.fake_jira import running_fake_jira
from watchkeeper.delivery.fake_slack import running_fake_slack
from watchkeeper.domain import CaseFile

pytestmark = pytest.mark.timeout(180)

PATIENCE_SECONDS = 90.0
PROBLEM = "application/problem+json"
HELD = 3


def require_refused(answer: httpx.Response) -> str:
    """That a sender is told in one sentence to come again; what it is told."""
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["retry-after"]
    return is_a_sentence(answer.json()["detail"])


def require_not_ready(server: OwnServer) -> None:
    """That it says so to everybody, and to those who may read, and can be known, of which part."""

    def is_so() -> bool:
        answer = server.ask("GET", "/readyz")
        told = answer.json()
        ill = [each for each in told.get("parts", ()) if not each["is_well"]]
        assert all(is_a_sentence(each["says"]) for each in ill)
        return answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and told["not_well"] >= 1

    wait_until(is_so, "that it is not ready", PATIENCE_SECONDS)


def is_a_sentence(text: str) -> str:
    assert text
    assert "\n" not in text
    assert "Traceback" not in text
    assert "SQL:" not in text
    return text


def diagnosed(server: OwnServer, count: int = 1) -> Callable[[], bool]:
    return lambda: len(of_all := server.cases()) == count and all(each.diagnoses and each.drafts for each in of_all)


@contextmanager
def sized(server: OwnServer, most_bytes: int) -> Iterator[None]:
    """No file of the server's may grow beyond that, as on a full disk."""
    assert server.process is not None
    pid = server.process.pid or 0
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, most))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


def test_a_prometheus_that_is_down_is_a_gap_that_the_case_names(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    telemetry(tmp_path)
    settings_of(tmp_path, prometheus={"url": url})
    with own_server(tmp_path) as server:
        assert server.post_alerts(firing()).status_code == httpx.codes.ACCEPTED
        wait_until(diagnosed(server), "that it is diagnosed", PATIENCE_SECONDS)
        (case,) = server.cases()
        assert case.diagnoses[0].status == "diagnosed"
        assert any(url in is_a_sentence(gap) for gap in case.diagnoses[0].gaps)
        part = server.parts()["prometheus"]
        assert not part["is_well"]
        assert url in is_a_sentence(part["says"])
        assert server.ask("GET", "/readyz").status_code == httpx.codes.OK
        require_no_stack_trace(server)


def test_a_store_that_another_process_owns_is_said_at_the_start(tmp_path: Path) -> None:
    settings_of(tmp_path)
    with own_server(tmp_path):
        second = OwnServer(tmp_path, starts=1)
        process = second.begin()
        process.join(PATIENCE_SECONDS)
        assert process.exitcode not in (0, None)
        said = (tmp_path / "serve-02.log").read_text().splitlines()
        assert "telemetry.duckdb" in said[-1]
        require_no_stack_trace(second)


def test_a_model_that_is_down_or_talks_nonsense_or_is_silent_leaves_what_the_rules_found(tmp_path: Path) -> None:
    telemetry(tmp_path)
    port, release = free_port(), threading.Event()
    settings_of(
        tmp_path,
        workflows={"engine": "model"},
        model={
            "base_url": f"http://127.0.0.1:{port}/v1",
            "name": MODEL,
            "request_timeout_seconds": 1,
            "attempts": 1,
            "structured": "parse",
        },
    )
    with own_server(tmp_path) as server:
        server.post_alerts(alert(of("gateway", severity="critical", env="down")))
        wait_until(diagnosed(server, 1), "that it is diagnosed without one", PATIENCE_SECONDS)
        with made_endpoint(*[saying("<html>not a model</html>")] * HELD, port=port):
            server.post_alerts(alert(of("gateway", severity="critical", env="nonsense")))
            wait_until(diagnosed(server, 2), "that it is diagnosed in spite of one", PATIENCE_SECONDS)
        with made_endpoint(*[holding(release)] * HELD, port=port):
            server.post_alerts(alert(of("gateway", severity="critical", env="silent")))
            wait_until(diagnosed(server, 3), "that it is diagnosed although one is silent", PATIENCE_SECONDS)
            release.set()
        for case in server.cases():
            assert case.diagnoses[0].status == "diagnosed"
            assert case.latest is not None
            assert case.latest.hypotheses[0].component == "checkout"
            assert any("model" in is_a_sentence(gap) for gap in (*case.latest.gaps, *case.latest.notes)), case.latest
        require_no_stack_trace(server)


def test_a_tracker_and_a_channel_that_are_down_get_everything_later_and_once(tmp_path: Path) -> None:
    telemetry(tmp_path)
    with running_fake_jira() as jira, running_fake_slack() as slack:
        settings_of(tmp_path, jira, slack, jira_timeout_seconds=1.0)
        jira.mishaps.plan("error", path="/issue")
        jira.mishaps.plan("silent", path="/issue")
        slack.mishaps.plan("busy")
        slack.mishaps.retry_after_seconds = 3
        with own_server(tmp_path) as server:
            server.post_alerts(firing())
            wait_until(lambda: not server.is_well("jira"), "that the tracker is down", PATIENCE_SECONDS)
            assert "Jira" in is_a_sentence(server.parts()["jira"]["says"])
            assert server.ask("GET", "/readyz").status_code == httpx.codes.OK
            wait_until(lambda: not server.is_well("slack"), "that the channel is down", PATIENCE_SECONDS)
            wait_until(server.is_all_settled, "that everything left", PATIENCE_SECONDS)
            assert {each.state for each in server.parcels()} == {"delivered"}
            assert (len(jira.tickets), len(slack.messages)) == (1, 1)
            assert server.is_well("jira")
            assert server.is_well("slack")
            require_no_stack_trace(server)


def test_records_that_another_process_writes_for_long_take_everything_afterwards(tmp_path: Path) -> None:
    telemetry(tmp_path)
    settings_of(tmp_path)
    with own_server(tmp_path) as server:
        with closing(sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert "records.sqlite" in require_refused(server.post_alerts(firing()))
            require_not_ready(server)
            assert "records.sqlite" in is_a_sentence(server.parts()["records"]["says"])
            other.execute("ROLLBACK")
        require_caught_up(server)


def test_records_that_are_gone_are_missed_and_not_made_anew(tmp_path: Path) -> None:
    telemetry(tmp_path)
    settings_of(tmp_path)
    kept, away = tmp_path / "records.sqlite", tmp_path / "away"
    with own_server(tmp_path) as server:
        assert server.post_alerts(alert(of("bank", env="earlier"))).status_code == httpx.codes.ACCEPTED
        wait_until(diagnosed(server), "that it is diagnosed", PATIENCE_SECONDS)
        token = server.token
        with closing(sqlite3.connect(kept)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept.rename(away)
        kept.mkdir()
        try:
            assert "records.sqlite" in require_refused(server.post_alerts(firing()))
            require_not_ready(server)
        finally:
            kept.rmdir()
            away.rename(kept)
        assert server.token == token
        require_caught_up(server, 2)


def test_a_disk_that_is_full_for_a_while_takes_everything_afterwards(tmp_path: Path) -> None:
    telemetry(tmp_path)
    settings_of(tmp_path)
    with own_server(tmp_path) as server:
        with sized(server, 1):
            require_refused(server.post_alerts(firing()))
            require_not_ready(server)
            answer = server.ask("POST", "/v1/changes", json=[CHANGE])
            assert answer.status_code in (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.INSUFFICIENT_STORAGE)
            is_a_sentence(answer.json()["detail"])
        # Senders try again after a 503, and so does this one.
        wait_until(
            lambda: server.ask("POST", "/v1/changes", json=[CHANGE]).is_success, "that a change is taken", START_SECONDS
        )
        require_caught_up(server)


CHANGE = {"kind": "deploy", "service": "checkout", "version": "2", "began_at": "2026-05-04T12:00:00Z"}


def require_caught_up(server: OwnServer, count: int = 1) -> None:
    """That a repetition is taken, and all that follows is done."""
    assert server.post_alerts(firing()).status_code == httpx.codes.ACCEPTED
    wait_until(diagnosed(server, count), "that it is diagnosed", PATIENCE_SECONDS)
    wait_until(server.is_all_settled, "that everything left", PATIENCE_SECONDS)
    wait_until(lambda: server.ask("GET", "/readyz").is_success, "that it is ready", PATIENCE_SECONDS)
    latest: CaseFile = server.cases()[0]
    assert latest.diagnoses[0].status == "diagnosed"
    assert {each.state for each in server.parcels()} == {"delivered"}
    assert [each.outcome for each in server.alerts()] == ["opened"] * count
    require_no_stack_trace(server)
