"""Bodies as senders write them, as hostile senders write them, and as nobody writes them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from made_alerts import NOON, alert, at, body, of
from watchkeeper import library
from watchkeeper.domain import Alert
from watchkeeper.errors import ConfigError, PayloadRejected, QueryRejected
from watchkeeper.intake import bodies, senders
from watchkeeper.intake.bodies import Reading, ReadPost
from watchkeeper.intake.senders import Senders
from watchkeeper.redaction import redact

SHIPPED = library.HOME / "config" / "alerts.yaml"
APM = """
  apm:
    alerts: $.alert
    name: $.title
    status: {path: $.state, firing: [open, acknowledged], resolved: [closed]}
    starts_at: $.opened
    service: $.entity
    fingerprint: $.id
"""
UPTIME = """
  uptime:
    alerts: $.checks[*]
    name: $.check
    status: {path: $.up, firing: ["false"], resolved: ["true"]}
    labels: $.tags
    text: $['why', 'host']
    fingerprint: $.check
"""
MEBI = 2**20


def with_mappings(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "alerts.yaml"
    path.write_text(SHIPPED.read_text().replace("mappings: {}", f"mappings:{text}"))
    return path


@pytest.fixture
def known(tmp_path: Path) -> Senders:
    return senders.read(with_mappings(tmp_path, APM + UPTIME))


def read(known: Senders, source: str, raw: bytes | object) -> ReadPost:
    said = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return known.read(said, Reading(source, known, redact, NOON))


def one(known: Senders, source: str, raw: bytes | object) -> Alert:
    (found,) = read(known, source, raw).alerts
    return found


REAL = {
    "receiver": "hook",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "HighErrorRate", "cluster": "probe", "env": "prod", "service": "checkout",
                "severity": "page", "team": "payments",
            },
            "annotations": {
                "description": "5xx ratio above 5% on checkout",
                "runbook_url": "https://runbooks.example/high-error-rate",
                "summary": "checkout error ratio 16.67%",
            },
            "startsAt": "2026-11-21T09:23:02.256Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://localhost:19090/graph?g0.expr=service%3Aerror_ratio%3Arate30s+%3E+0.05&g0.tab=1",
            "fingerprint": "198749a1cafd72c3",
        }
    ],
    "groupLabels": {"alertname": "HighErrorRate", "service": "checkout"},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://localhost:19093",
    "version": "4",
    "groupKey": '{}:{alertname="HighErrorRate", service="checkout"}',
    "truncatedAlerts": 0,
}  # fmt: skip
"""As Alertmanager 0.25 posted it."""
REAL_NOW = datetime(2026, 11, 21, 9, 23, 32, tzinfo=UTC)


def test_a_real_body_of_alertmanager_is_read(known: Senders) -> None:
    (found,) = known.read(json.dumps(REAL).encode(), Reading("alertmanager", known, redact, REAL_NOW)).alerts
    assert (found.name, found.status, found.fingerprint) == ("HighErrorRate", "firing", "198749a1cafd72c3")
    assert found.starts_at == datetime(2026, 11, 21, 9, 23, 2, 256000, tzinfo=UTC)
    assert found.ends_at is None
    assert (found.service, found.severity) == ("checkout", "P1")
    assert found.text == "checkout error ratio 16.67%\n5xx ratio above 5% on checkout"
    assert found.link is not None
    assert found.link.startswith("http://localhost:19090/graph")
    assert found.group_key == '{}:{alertname="HighErrorRate", service="checkout"}'
    assert found.labels["team"] == "payments"


def test_a_resolved_alert_says_when_it_ended(known: Senders) -> None:
    found = one(known, "alertmanager", body(alert(of("cart"), at(-5), at(-1))))
    assert (found.status, found.ends_at) == ("resolved", at(-1))


def test_what_the_sender_left_out_is_told(known: Senders) -> None:
    assert read(known, "alertmanager", body(alert(of("cart")), truncatedAlerts=7)).truncated == 7


def test_a_body_of_grafana_is_read(known: Senders) -> None:
    entry: dict[str, Any] = {
        "labels": {"alertname": "Slow", "grafana_folder": "shop", "app": "cart", "priority": "high"},
        "annotations": {"summary": "p95 is high"},
        "startsAt": "2026-05-04T13:55:00+02:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "values": {"B": 2.5, "C": 1},
        "imageURL": "https://grafana.example/public/img/1.png",
        "panelURL": "https://grafana.example/d/1?viewPanel=2",
    }
    found = one(known, "grafana", {"orgId": 1, "state": "alerting", "title": "[FIRING:1]", "alerts": [entry]})
    assert (found.service, found.severity, found.status) == ("cart", "P2", "firing")
    assert found.starts_at == at(-5)
    assert found.text == "p95 is high\nB = 2.5, C = 1\npicture: https://grafana.example/public/img/1.png"
    assert found.link == "https://grafana.example/d/1?viewPanel=2"


def test_without_a_fingerprint_the_same_labels_make_the_same_one(known: Senders) -> None:
    def posted(**labels: str) -> dict[str, object]:
        return {"alerts": [{"status": "firing", "labels": {"alertname": "Slow", **labels}, "annotations": {}}]}

    first, again, other = (one(known, "grafana", posted(app=app)) for app in ("cart", "cart", "orders"))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_a_mapping_reads_a_tool_that_nobody_knows(known: Senders) -> None:
    raw = {"alert": {"id": 7, "title": "Cart is slow", "state": "OPEN", "opened": 1777896000, "entity": "cart"}}
    found = one(known, "apm", raw)
    assert (found.name, found.service, found.status) == ("Cart is slow", "cart", "firing")
    assert (found.fingerprint, found.starts_at) == ("apm:7", NOON)
    assert one(known, "apm", {"alert": {**raw["alert"], "state": "closed"}}).status == "resolved"


def test_a_mapping_reads_labels_that_are_a_list(known: Senders) -> None:
    raw = {
        "checks": [{"check": "http", "host": "eu-1", "up": False, "tags": ["service:shop", "env:prod"], "why": "503"}]
    }
    found = one(known, "uptime", raw)
    assert (found.service, found.labels, found.text) == ("shop", {"service": "shop", "env": "prod"}, "503\neu-1")


def test_the_examples_in_the_shipped_file_are_right(tmp_path: Path) -> None:
    lines = SHIPPED.read_text().splitlines()
    begin = lines.index("# mappings:")
    path = tmp_path / "alerts.yaml"
    path.write_text("\n".join([*lines[:begin], *(line.removeprefix("# ") for line in lines[begin:-1])]))
    assert senders.read(path).names == ("alertmanager", "grafana", "apm", "uptime")


def test_a_file_of_the_home_replaces_the_shipped_one(home: Path, tmp_path: Path) -> None:
    assert "apm" not in senders.load(home).names
    (home / "config").mkdir()
    with_mappings(tmp_path, APM).rename(home / "config" / "alerts.yaml")
    assert "apm" in senders.load(home).names


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("\n  apm: {name: '$.a['}", r"mappings\.apm\.name: expected a JSONPath expression"),
        ("\n  apm: {title: $.a}", r"mappings\.apm\.title: is not a setting that exists"),
        ("\n  grafana: {name: $.a}", "expected a name that is not taken"),
        ("\n  Bad Name: {name: $.a}", "mappings"),
        ("\n  apm: {name: $.a, status: {path: $.s, firing: [up], resolved: [UP]}}", "`up` is both"),
    ],
)
def test_a_wrong_mapping_is_told_with_file_and_key(tmp_path: Path, wrong: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        senders.read(with_mappings(tmp_path, wrong))
    assert "alerts.yaml" in str(caught.value)


def test_a_sender_that_is_not_known_is_told_who_is(known: Senders) -> None:
    with pytest.raises(QueryRejected, match="expected one of alertmanager, grafana, apm, uptime"):
        read(known, "nagios", b"{}")


@pytest.mark.parametrize(
    ("source", "raw", "said"),
    [
        ("alertmanager", b"\xff\xfe", "the body is no JSON"),
        ("alertmanager", b"[" * 100_000, "the body is no JSON"),
        ("alertmanager", b"[]", "the body: expected an object"),
        ("alertmanager", b"{}", "alerts: expected a list of alerts, not nothing"),
        ("alertmanager", {**REAL, "version": "3"}, "version: expected '4', not '3'"),
        (
            "alertmanager",
            {"alerts": [{"status": "odd"}]},
            r"alerts\[0\]\.status: expected firing or resolved, not 'odd'",
        ),
        ("alertmanager", {"alerts": [{"status": "firing", "labels": [1]}]}, r"alerts\[0\]\.labels: expected an object"),
        (
            "alertmanager",
            {"alerts": [{"status": "firing", "startsAt": "today\x1b"}]},
            r"alerts\[0\]\.startsAt: expected a time such as 2026-05-04T12:00:00Z, not 'today\\x1b'",
        ),
        ("alertmanager", {"alerts": [{}] * 5001}, "expected at most 5000 alerts in one body, not 5001"),
        ("grafana", {"alerts": [{"labels": {}}]}, r"alerts\[0\]\.status: expected one of"),
        ("apm", {"other": 1}, r"expected alerts at \$\.alert, but there is nothing"),
        ("apm", {"alert": {"state": "strange"}}, r"alert 0, \$\.state: expected one of open, acknowledged, closed"),
        ("apm", b"7", "the body: expected alerts"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_place(known: Senders, source: str, raw: Any, said: str) -> None:
    with pytest.raises(PayloadRejected, match=said):
        read(known, source, raw)


def test_hostile_labels_are_bounded_and_plain(known: Senders) -> None:
    deep: object = "bottom"
    for _ in range(600):
        deep = [deep]
    labels: dict[str, object] = {
        "alertname": "<script>alert(1)</script>\x1b[31m\x00",
        "service": "cart\u202e\u2066",
        "severity": "Page",
        "huge": "x" * MEBI,
        "deep": deep,
        "y" * 5000: "1",
        "password": "hunter2",
        "mail": "ann@example.com",
        **{f"l{number}": number for number in range(10_000)},
    }
    found = one(known, "alertmanager", body(alert(labels, fingerprint="f", annotations={"summary": "z" * MEBI})))
    assert found.name == "<script>alert(1)</script>[31m"
    assert (found.service, found.severity) == ("cart", "P1")
    assert len(found.labels) == bodies.MOST_LABELS
    assert max(map(len, found.labels)) <= bodies.LABEL
    assert max(map(len, found.labels.values())) <= bodies.VALUE
    assert (found.labels["password"], found.labels["mail"]) == ("[redacted:secret]", "[redacted:email]")
    assert len(found.text) == bodies.TEXT


def test_a_time_that_is_none_or_ahead_is_when_it_came_in(known: Senders) -> None:
    entry = {"status": "resolved", "labels": {}, "startsAt": "9999-12-31T23:59:59Z", "endsAt": "0001-01-01T00:00:00Z"}
    found = one(known, "alertmanager", {"alerts": [entry]})
    assert (found.starts_at, found.ends_at, found.name) == (NOON, NOON, bodies.UNNAMED)


def test_a_link_that_is_none_is_left_out(known: Senders) -> None:
    entry = alert(of("cart")) | {"generatorURL": "javascript:alert(1)"}
    assert one(known, "alertmanager", body(entry)).link is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
KEYS = ("status", "labels", "annotations", "startsAt", "endsAt", "fingerprint", "generatorURL", "values", "state", "id")
ENTRY = st.fixed_dictionaries({}, optional={key: JSON for key in KEYS}).flatmap(
    lambda entry: st.sampled_from(("firing", "resolved")).map(lambda status: {"status": status, **entry})
)
POST = st.fixed_dictionaries(
    {"alerts": st.lists(ENTRY, max_size=3) | JSON},
    optional={"version": st.just("4") | JSON, "groupKey": JSON, "truncatedAlerts": JSON, "alert": JSON, "checks": JSON},
)
SHARED = senders.load(Path("/nowhere"))


def is_answered(known: Senders, source: str, raw: object) -> bool:
    """Whether it is read, or rejected in a sentence; any other exception is a bug."""
    body = raw if isinstance(raw, bytes) else json.dumps(raw).encode("utf-8", "surrogatepass")
    try:
        found = read(known, source, body).alerts
    except PayloadRejected as error:
        return bool(str(error))
    return all(each.source == source for each in found)


@settings(deadline=None, max_examples=150)
@given(source=st.sampled_from(("alertmanager", "grafana")), raw=POST | JSON)
def test_any_json_is_read_or_rejected(source: str, raw: object) -> None:
    assert is_answered(SHARED, source, raw)


@settings(deadline=None, max_examples=100)
@given(source=st.sampled_from(("alertmanager", "grafana")), raw=st.binary(max_size=200))
def test_any_bytes_are_read_or_rejected(source: str, raw: bytes) -> None:
    assert is_answered(SHARED, source, raw)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    source=st.sampled_from(("apm", "uptime")),
    raw=st.dictionaries(st.sampled_from(("alert", "checks", "other")), JSON, max_size=3) | JSON,
)
def test_any_json_is_mapped_or_rejected(known: Senders, source: str, raw: object) -> None:
    assert is_answered(known, source, raw)


def test_an_alert_that_cannot_be_read_does_not_lose_the_others_and_is_not_lost_itself(known: Senders) -> None:
    good = alert({"alertname": "Slow", "service": "cart"})
    bad = {**good, "startsAt": "the day before yesterday"}
    told = read(known, "alertmanager", {"version": "4", "alerts": [good, bad]}).alerts
    assert [each.name for each in told] == ["Slow", "an alert that cannot be read"]
    assert told[1].status == "firing"
    assert "alerts[1].startsAt: expected a time" in told[1].text
    again = read(known, "alertmanager", {"version": "4", "alerts": [bad, good]}).alerts
    assert again[0].fingerprint == told[1].fingerprint
