"""A thousand alerts at once against a real server with its limits: none is lost, and they are few incidents."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from made_alerts import LABEL_SETS, STORM, body, storm
from own_server import own_server, settings_of
from watchkeeper.records.schema import AlertRow, PostRow
from watchkeeper.records.store import Records

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

SENDERS = 8
EACH = 40
"""Alerts a body."""
PAUSE_SECONDS = 0.2
LATER = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
"""Upon which senders try again."""
LIMITS = {"requests_per_second": 2, "burst": 3}
"""Far below what the senders try."""


def test_a_storm_loses_nothing_though_it_is_held_back_and_becomes_few_incidents(tmp_path: Path) -> None:
    settings_of(tmp_path, access=LIMITS)
    began = datetime.now(UTC).isoformat()
    alerts = [{**each, "startsAt": began} for each in storm()]
    posts = [alerts[at : at + EACH] for at in range(0, STORM, EACH)]
    refused = []
    with own_server(tmp_path) as server:
        headers = {"authorization": f"Bearer {server.token}", "content-type": "application/json"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:

            def send(some: list[dict[str, object]]) -> int:
                pause = threading.Event()
                while (answer := client.post("/v1/alerts/alertmanager", content=body(*some))).status_code in LATER:
                    assert int(answer.headers["retry-after"]) >= 1
                    refused.append(answer.status_code)
                    pause.wait(PAUSE_SECONDS)
                return answer.status_code

            with ThreadPoolExecutor(SENDERS) as senders:
                assert set(senders.map(send, posts)) == {httpx.codes.ACCEPTED}
    assert refused, "the limits were not met"
    with Records.open(tmp_path / "records.sqlite") as records, records.reading() as session:
        assert session.scalar(select(func.count()).select_from(PostRow)) == len(posts)
        assert session.scalar(select(func.count()).select_from(AlertRow)) == STORM
        assert session.scalar(select(func.count(AlertRow.fingerprint.distinct()))) == LABEL_SETS
        assert session.scalar(select(func.count()).select_from(AlertRow).where(AlertRow.incident_id.is_(None))) == 0
    with Records.open(tmp_path / "records.sqlite") as records:
        assert 1 <= len(records.cases()) <= 5
