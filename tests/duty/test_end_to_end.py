"""The whole way with real servers: shop, Prometheus, Alertmanager, watchkeeper, and a ticket in a Jira."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from own_prometheus import alertmanager, needs, prometheus, wait_until
from own_server import own_server, settings_of
from watchkeeper.delivery.fake_jira import FakeJira, running_fake_jira
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


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CaseFile, FakeJira, str]]:
    """The case at the end, the Jira, and what the server wrote."""
    drills = pytest.importorskip("watchkeeper.lab.drills", reason="needs the lab extra")
    from watchkeeper.lab.faults import prepared
    from watchkeeper.lab.layout import Layout
    from watchkeeper.lab.performance import Performance
    from watchkeeper.lab.supervisor import Shop

    home = tmp_path_factory.mktemp("home")
    drill = drills.plan("error-deploy", BROKEN, size=2.0, seed=3, minutes=MINUTES)
    with running_fake_jira() as jira, tempfile.TemporaryDirectory(prefix="watchkeeper-lab-") as name:
        # What is over is closed at once.
        settings_of(home, jira, alerts={"close_after_minutes": 0.05})
        folder = Path(name)
        folder.chmod(0o755)
        with own_server(home) as server:
            bearer = {"authorization": f"Bearer {server.token}"}
            layout = prepared(drill.kind, drill.service, Layout(seed=drill.seed, endpoint=server.url, headers=bearer))
            hook = f"{server.url}/v1/alerts/alertmanager"
            with (
                alertmanager(home / "am", webhook=hook, token=server.token) as alerts,
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
        yield case, jira, server.log


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
