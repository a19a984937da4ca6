"""Alerts over HTTP: answered when they are kept, refused in a sentence when they cannot be."""

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from made_alerts import NOON, Known, alert, body, of
from watchkeeper import settings
from watchkeeper.assembly.receiving import Received, Receiver
from watchkeeper.records.alerts import Alerts
from watchkeeper.records.store import Records
from watchkeeper.server import alerts, problems

JSON = {"content-type": "application/json"}
POST = "/v1/alerts/alertmanager"
RAW = body(alert(of("cart"), fingerprint="c1"))


class Passed:
    """Who is told of what came in."""

    def __init__(self) -> None:
        self.told: list[Received] = []
        self.is_broken = False

    def __call__(self, received: Received) -> None:
        self.told.append(received)
        if self.is_broken:
            raise RuntimeError("no workflow can be started")


@pytest.fixture
def records(home: Path) -> Iterator[Records]:
    with Records.open(home / "records.sqlite") as opened:
        yield opened


@pytest.fixture
def passed() -> Passed:
    return Passed()


@pytest.fixture
def client(records: Records, passed: Passed) -> Iterator[TestClient]:
    app = FastAPI()
    problems.install(app)
    receiver = Receiver(settings.load(), lambda: records, Known())
    with ThreadPoolExecutor(2) as workers:
        app.include_router(alerts.routes(receiver, workers, passed, clock))
        with TestClient(app) as client:
            yield client


def clock() -> datetime:
    return NOON


def told(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["detail"])


def test_what_became_of_each_alert_is_answered(client: TestClient, records: Records, passed: Passed) -> None:
    response = client.post(POST, content=RAW, headers=JSON)
    assert response.status_code == 202
    (kept,) = Alerts(records).latest()
    assert response.json() == {
        "post": 1,
        "alerts": [
            {"fingerprint": "c1", "outcome": "opened", "incident": "INC-2026-0001", "reason": kept.reason},
        ],
        "truncated": 0,
    }
    assert [each.investigate for each in passed.told] == [("INC-2026-0001",)]


def test_a_compressed_body_is_taken(client: TestClient) -> None:
    headers = {**JSON, "content-encoding": "gzip"}
    assert client.post(POST, content=gzip.compress(RAW), headers=headers).status_code == 202


def test_a_sender_that_is_not_known_is_told_who_is(client: TestClient) -> None:
    response = client.post("/v1/alerts/nagios", content=RAW, headers=JSON)
    assert response.status_code == 404
    assert "expected one of alertmanager, grafana" in told(response)


@pytest.mark.parametrize(
    ("raw", "headers", "status"),
    [
        (b"{", JSON, 400),
        (RAW, {"content-type": "text/plain"}, 415),
        (b" " * (alerts.MAXIMUM_BODY_BYTES + 1), JSON, 413),
        (gzip.compress(b" " * (alerts.MAXIMUM_BODY_BYTES + 1)), {**JSON, "content-encoding": "gzip"}, 413),
    ],
)
def test_what_cannot_be_read_is_refused(
    client: TestClient, records: Records, raw: bytes, headers: dict[str, str], status: int
) -> None:
    response = client.post(POST, content=raw, headers=headers)
    assert response.status_code == status
    assert told(response)
    assert Alerts(records).latest() == []


def test_alerts_are_kept_though_nobody_can_be_told(client: TestClient, records: Records, passed: Passed) -> None:
    passed.is_broken = True
    assert client.post(POST, content=RAW, headers=JSON).status_code == 202
    assert len(Alerts(records).latest()) == 1


def test_a_sender_tries_again_when_the_records_cannot_be_used(home: Path, passed: Passed) -> None:
    with Records.open(home / "records.sqlite", busy_seconds=0.1) as records, ThreadPoolExecutor(2) as workers:
        app = FastAPI()
        problems.install(app)
        app.include_router(alerts.routes(Receiver(settings.load(), lambda: records, Known()), workers, passed, clock))
        with TestClient(app) as client:
            with Alerts(records).taking_in() as other:
                other.post("alertmanager", b"", NOON)
                response = client.post(POST, content=RAW, headers=JSON)
            assert response.status_code == 503
            assert "written by another process" in told(response)
            assert passed.told == []
            assert client.post(POST, content=RAW, headers=JSON).status_code == 202
