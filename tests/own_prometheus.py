"""Real Prometheus, Alertmanager and VictoriaMetrics on free ports of the loopback, with data, targets and rules.

    with alertmanager(tmp_path / "am", webhook="http://127.0.0.1:4318/v1/alerts/alertmanager", token="…") as alerts:
        with prometheus(tmp_path / "prom", targets={"cart": "127.0.0.1:8001"}, rules=RULES, alertmanager=alerts) as it:
            it.retarget({"cart": "127.0.0.1:8002"})
            Prometheus(it.url)

Each is a context manager that ends what it started. Where a server is not installed, `needs(...)` skips.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

PROGRAMS = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "victoria-metrics": ("victoria-metrics", "victoria-metrics-prod"),
}
START_SECONDS = 30.0
POLL_SECONDS = 0.05
FOREVER = "100y"
RESEND = "2s"
"""How soon Prometheus tells Alertmanager again of what is still so."""


def program(name: str) -> str | None:
    """Where the program is, under any of its names; None where it is not installed."""
    return next((found for each in PROGRAMS[name] if (found := shutil.which(each))), None)


def needs(*names: str) -> pytest.MarkDecorator:
    """Skips a test where one of the programs is not installed."""
    missing = [name for name in names if program(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}, which is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Look again and again until something holds; fails with what was waited for."""
    until, pause = time.monotonic() + seconds, threading.Event()
    while not holds():
        assert time.monotonic() < until, f"{what} did not happen within {seconds:g} s"
        pause.wait(POLL_SECONDS)


@dataclass(frozen=True)
class OwnServer:
    """A running server: where it answers."""

    url: str
    folder: Path

    def get(self, path: str, **params: str) -> object:
        """The JSON that it answers at a path."""
        return httpx.get(f"{self.url}{path}", params=params, trust_env=False).json()


@dataclass(frozen=True)
class OwnPrometheus(OwnServer):
    """A running Prometheus, whose targets may change."""

    def retarget(self, targets: Mapping[str, str]) -> None:
        """Scrape these from now on: `host:port` by the service that the label `service` names."""
        _write_targets(self.folder, targets)

    def has_scraped(self, service: str) -> bool:
        """Whether the last scrape of the service's target worked."""
        return self.value(f'up{{service="{service}"}}') == 1.0

    def value(self, promql: str) -> float | None:
        """What an expression of one series is now; None where it has none."""
        answer = self.get("/api/v1/query", query=promql)
        result = answer["data"]["result"]  # type: ignore[index, call-overload]
        return float(result[0]["value"][1]) if result else None

    def firing(self) -> list[str]:
        """The names of the alerts that fire."""
        alerts = self.get("/api/v1/alerts")["data"]["alerts"]  # type: ignore[index, call-overload]
        return [each["labels"]["alertname"] for each in alerts if each["state"] == "firing"]


@contextmanager
def prometheus(
    folder: Path,
    *,
    targets: Mapping[str, str] | None = None,
    targets_file: Path | None = None,
    rules: str = "",
    alertmanager: OwnServer | None = None,
    history: str = "",
    scrape_seconds: float = 1.0,
    evaluate_seconds: float = 1.0,
) -> Iterator[OwnPrometheus]:
    """A Prometheus that scrapes the targets, evaluates rules (YAML text) and tells the Alertmanager.

    The targets may be in a file that somebody else keeps up to date, as the lab's shop does (`Shop.targets_file`).
    `history` is OpenMetrics text with times, to begin with.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if history:
        _backfill(folder, history)
    (folder / "rules.yml").write_text(rules or "groups: []\n")
    _write_targets(folder, targets or {})
    told = [alertmanager.url.removeprefix("http://")] if alertmanager else []
    settings = {
        "global": {
            "scrape_interval": _span(scrape_seconds),
            "scrape_timeout": _span(scrape_seconds),
            "evaluation_interval": _span(evaluate_seconds),
        },
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {
                "job_name": "shop",
                # The shop names its services itself: otherwise its label would become `exported_service`.
                "honor_labels": True,
                "file_sd_configs": [{"files": [str(targets_file or "targets.json")], "refresh_interval": "1s"}],
            }
        ],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": told}]}]},
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port = free_port()
    words = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={FOREVER}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--rules.alert.resend-delay={RESEND}",
    ]
    url = f"http://127.0.0.1:{port}"
    with _running("prometheus", words, folder, f"{url}/-/ready"):
        yield OwnPrometheus(url, folder)


@contextmanager
def alertmanager(
    folder: Path, *, webhook: str, token: str = "", group_by: Sequence[str] = ("...",)
) -> Iterator[OwnServer]:
    """An Alertmanager that posts every change to the webhook at once, and what is still so every few seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    hook: dict[str, object] = {"url": webhook, "send_resolved": True}
    if token:
        hook["http_config"] = {"authorization": {"type": "Bearer", "credentials": token}}
    route = {
        "receiver": "hook",
        "group_by": list(group_by),
        "group_wait": "0s",
        "group_interval": "1s",
        "repeat_interval": "1m",
    }
    settings = {"route": route, "receivers": [{"name": "hook", "webhook_configs": [hook]}]}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))
    port = free_port()
    words = [
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    url = f"http://127.0.0.1:{port}"
    with _running("alertmanager", words, folder, f"{url}/-/ready"):
        yield OwnServer(url, folder)


@contextmanager
def victoria_metrics(folder: Path, *, history: str = "") -> Iterator[OwnServer]:
    """A VictoriaMetrics that holds this history (OpenMetrics text with times) and shows it at once."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    words = [
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-retentionPeriod={FOREVER}",
        "-search.latencyOffset=0s",
        "-search.disableCache",
        "-memory.allowedBytes=128MB",
    ]
    url = f"http://127.0.0.1:{port}"
    with _running("victoria-metrics", words, folder, f"{url}/health"):
        if history:
            _import(url, history)
        yield OwnServer(url, folder)


def _import(url: str, history: str) -> None:
    lines = [line for line in history.splitlines() if line and not line.startswith("#")]
    # OpenMetrics counts seconds, this API milliseconds.
    text = "\n".join(f"{head} {round(float(at) * 1000)}" for head, at in (line.rsplit(" ", 1) for line in lines))
    answer = httpx.post(f"{url}/api/v1/import/prometheus", content=text + "\n", trust_env=False, timeout=START_SECONDS)
    assert answer.is_success, answer.text
    httpx.get(f"{url}/internal/force_flush", trust_env=False, timeout=START_SECONDS).raise_for_status()


def _backfill(folder: Path, history: str) -> None:
    text = folder / "history.om"
    text.write_text(history if history.endswith("# EOF\n") else f"{history.rstrip()}\n# EOF\n")
    promtool = program("promtool")
    assert promtool is not None
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")],
        check=True,
        capture_output=True,
        timeout=START_SECONDS,
    )


def _write_targets(folder: Path, targets: Mapping[str, str]) -> None:
    entries = [{"targets": [address], "labels": {"service": service}} for service, address in targets.items()]
    fresh = folder / "targets.new"
    fresh.write_text(json.dumps(entries))
    fresh.replace(folder / "targets.json")


def _span(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


@contextmanager
def _running(name: str, words: Sequence[str], folder: Path, ready: str) -> Iterator[None]:
    path = program(name)
    assert path is not None, f"{name} is not installed"
    environment = {"PATH": os.environ.get("PATH", ""), "GOMAXPROCS": "1", "HOME": str(folder)}
    with (folder / "output.log").open("ab") as log:
        process = subprocess.Popen([path, *words], cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or _answers(ready), f"{name} being ready")
        assert process.poll() is None, (folder / "output.log").read_text(errors="replace")[-2000:]
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=1.0).is_success
    except httpx.HTTPError:
        return False
