"""The whole way with real servers: shop, Prometheus, Alertmanager, watchkeeper, and a ticket in a Jira."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from own_prometheus import alertmanager, free_port, needs, prometheus, wait_until
from watchkeeper import library
from watchkeeper.delivery.fake_jira import TOKEN, FakeJira, running_fake_jira
from watchkeeper.domain import CaseFile
from watchkeeper.records.store import Records

pytestmark = [pytest.mark.lab, needs("prometheus", "alertmanager"), pytest.mark.timeout(420)]

BROKEN = "payment"
MINUTES = 2.5
PATIENCE_SECONDS = 120.0
RULES = """
groups:
  - name: shop
    rules:
      - alert: HighErrorRatio
        expr: >
          sum by (service) (rate(http_server_request_duration_seconds_count{http_response_status_code=~"5.."}[15s]))
          / sum by (service) (rate(http_server_request_duration_seconds_count[15s])) > 0.05
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.service }} fails"}
"""


def settings_of(home: Path, jira: FakeJira, port: int) -> None:
    """Tickets need nobody's approval, what is over is closed at once, and the own watch looks away."""
    config = home / "config"
    config.mkdir(parents=True)
    delivery = yaml.safe_load((library.HOME / "config" / "delivery.yaml").read_text())
    delivery["jira"] |= {"base_url": jira.url, "flavour": "server", "token_variable": "E2E_JIRA_TOKEN"}
    delivery["approval"].insert(0, {"name": "tickets need nobody", "to": ["jira"], "of": ["ticket"], "by": "auto"})
    (config / "delivery.yaml").write_text(yaml.safe_dump(delivery))
    own = {
        "server": {"port": port},
        "watch": {"enabled": False},
        "alerts": {"close_after_minutes": 0.05},
    }
    (config / "watchkeeper.yaml").write_text(yaml.safe_dump(own))


@contextmanager
def served(home: Path, port: int) -> Iterator[str]:
    """`watchkeeper serve` in a process of its own; its URL."""
    environment = os.environ | {"WATCHKEEPER_HOME": str(home), "E2E_JIRA_TOKEN": TOKEN}
    words = [sys.executable, "-m", "watchkeeper", "serve"]
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (home / "serve.log").read_text()
        try:
            return httpx.get(f"{url}/readyz", trust_env=False).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    with (home / "serve.log").open("w") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
        try:
            wait_until(answers, "that watchkeeper answers", 60.0)
            yield url
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CaseFile, FakeJira, str]]:
    """The case at the end, the Jira, and what the server wrote."""
    drills = pytest.importorskip("watchkeeper.lab.drills", reason="needs the lab extra")
    from watchkeeper.lab.faults import prepared
    from watchkeeper.lab.layout import Layout
    from watchkeeper.lab.performance import Performance
    from watchkeeper.lab.supervisor import Shop

    home, port = tmp_path_factory.mktemp("home"), free_port()
    drill = drills.plan("error-deploy", BROKEN, size=2.0, seed=3, minutes=MINUTES)
    with running_fake_jira() as jira, tempfile.TemporaryDirectory(prefix="watchkeeper-lab-") as name:
        settings_of(home, jira, port)
        folder = Path(name)
        folder.chmod(0o755)
        with served(home, port) as url:
            token = (home / "token").read_text().strip()
            bearer = {"authorization": f"Bearer {token}"}
            layout = prepared(drill.kind, drill.service, Layout(seed=drill.seed, endpoint=url, headers=bearer))
            hook = f"{url}/v1/alerts/alertmanager"
            with (
                alertmanager(home / "am", webhook=hook, token=token) as alerts,
                Shop(layout, folder) as shop,
                prometheus(home / "prom", targets_file=shop.targets_file, rules=RULES, alertmanager=alerts) as metrics,
                Records.open(home / "records.sqlite") as records,
            ):
                Performance(drill, shop, layout, lambda _: None).play()
                # The shop is mended: nothing fires any more, and Alertmanager says so.
                shop.__exit__()
                wait_until(lambda: _is_closed(records), "that the incident is closed", PATIENCE_SECONDS)
                wait_until(lambda: _is_done(jira), "that the ticket is done", PATIENCE_SECONDS)
                assert metrics.firing() == []
                case = records.case(records.cases()[0].incident_id)
        yield case, jira, (home / "serve.log").read_text()


def _is_closed(records: Records) -> bool:
    return [each.state for each in records.cases()] == ["closed"]


def _is_done(jira: FakeJira) -> bool:
    return bool(jira.tickets) and all(ticket.is_done for ticket in jira.tickets)


def test_an_alert_becomes_one_incident_with_the_right_cause(told: tuple[CaseFile, FakeJira, str]) -> None:
    case = told[0]
    assert {signal.kind for signal in case.incident.signals} == {"alert"}
    stated = [each for each in case.diagnoses if each.status == "diagnosed"]
    assert stated[-1].hypotheses[0].component == BROKEN
    assert stated[-1].release.status == "caused"


def test_it_has_one_ticket_that_followed_to_the_end(told: tuple[CaseFile, FakeJira, str]) -> None:
    case, jira, _ = told
    (ticket,) = jira.tickets
    assert ticket.is_done
    assert jira.requests["POST issue"] == 1
    assert case.incident.state == "closed"
    assert [draft.state for draft in case.drafts if draft.kind == "ticket"].count("published") == 1


def test_nobody_saw_a_stack_trace(told: tuple[CaseFile, FakeJira, str]) -> None:
    assert "Traceback" not in told[2]
