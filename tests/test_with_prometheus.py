"""A Prometheus of the settings: beside the own store, alone, and in what `doctor` says."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from made_prometheus import BUILD, failure, made_prometheus, success
from made_shop import Shop
from watchkeeper import settings
from watchkeeper.assembly.sources import open_sources, prometheus_of, with_prometheus
from watchkeeper.cli.app import app
from watchkeeper.errors import ConfigError
from watchkeeper.telemetry.joined import Joined
from watchkeeper.telemetry.prometheus import Prometheus

TOKEN = "the-token"
CLOSED_PORT = 9


def configured(url: str) -> settings.Settings:
    return settings.load(flags={"prometheus.url": url, "server.port": CLOSED_PORT})


def test_without_a_url_the_sources_stay_as_they_are():
    store = Shop().store()
    assert with_prometheus(settings.load(), store) is store


def test_with_a_url_a_prometheus_is_beside_the_store():
    joined = with_prometheus(configured("http://127.0.0.1:9090/"), Shop().store())
    assert isinstance(joined, Joined)
    assert isinstance(joined.prometheus, Prometheus)
    assert joined.prometheus.url == "http://127.0.0.1:9090"


def test_the_token_is_read_from_the_variable_that_the_settings_name():
    with made_prometheus(lambda *_: success(BUILD)) as server:
        found = prometheus_of(configured(server.url), {"PROMETHEUS_TOKEN": f"{TOKEN}\n"})
        assert found is not None
        found.version()
    assert server.tokens == [f"Bearer {TOKEN}"]


def test_a_wrong_url_is_said_with_its_key():
    with pytest.raises(ConfigError, match=r"prometheus\.url"):
        with_prometheus(configured("9090"), Shop().store())


def test_a_prometheus_alone_can_be_asked():
    with open_sources(configured("http://127.0.0.1:9090")) as sources:
        assert isinstance(sources, Prometheus)


def test_a_recording_is_asked_alone(tmp_path: Path):
    recording = Path(__file__).parents[1] / "evals" / "incidents"
    one = next(path for path in sorted(recording.iterdir()) if (path / "telemetry").is_dir())
    with open_sources(configured("http://127.0.0.1:9090"), recording=one) as sources:
        assert not isinstance(sources, Joined)


def said_by_doctor(monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    monkeypatch.setenv("WATCHKEEPER_PROMETHEUS__URL", url)
    monkeypatch.setenv("WATCHKEEPER_SERVER__PORT", str(CLOSED_PORT))
    return CliRunner().invoke(app, ["doctor"]).output


def test_doctor_says_which_prometheus_answers(monkeypatch: pytest.MonkeyPatch):
    with made_prometheus(lambda *_: success(BUILD)) as server:
        assert f"Prometheus at {server.url} answers: version 2.42.0+ds" in said_by_doctor(monkeypatch, server.url)


def test_doctor_says_why_a_prometheus_does_not_answer(monkeypatch: pytest.MonkeyPatch):
    with made_prometheus(lambda *_: failure(503, "unavailable", "starting")) as server:
        assert "missing  Prometheus at" in said_by_doctor(monkeypatch, server.url)
