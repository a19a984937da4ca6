"""`watchkeeper token` as people meet it, and `watchkeeper serve` behind its gate as a process of its own."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from own_process import started
from watchkeeper import assembly, settings
from watchkeeper.assembly import access
from watchkeeper.cli import main
from watchkeeper.errors import ConfigError
from watchkeeper.telemetry.sources import ExtentQuery

WAIT_SECONDS = 60


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["watchkeeper", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_a_token_is_printed_once_and_then_only_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "token", "create", "grafana", "--scope", "read", "--scope", "ingest", "--days", "30") == 0
    token = capsys.readouterr().out.strip()
    with access.open_tokens(settings.load()) as tokens:
        assert tokens.check(token) is not None
    typed(monkeypatch, "token", "list")
    shown = capsys.readouterr().out
    assert "grafana" in shown
    assert "ingest,read" in shown
    assert token not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_token_that_is_revoked_is_listed_as_that(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "token", "create", "grafana", "--scope", "read")
    assert typed(monkeypatch, "token", "revoke", "grafana") == 0
    capsys.readouterr()
    typed(monkeypatch, "token", "list")
    assert capsys.readouterr().out.splitlines()[1].split() == ["revoked", "never", "read", "grafana"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("create", "x"), "Missing option '--scope'"),
        (("create", "x", "--scope", "root"), "'root' is not one of"),
        (("create", "x", "--scope", "read", "--days", "0"), "expected more than 0"),
        (("create", "this machine", "--scope", "read"), "are the server's own"),
        (("revoke", "gone"), "there is no token 'gone'"),
    ],
)
def test_what_cannot_be_made_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    assert typed(monkeypatch, "token", *words) == 2
    assert sentence in capsys.readouterr().err


@pytest.fixture
def served(home: Path, tmp_path: Path) -> Iterator[settings.Settings]:
    """Settings of a server that runs as a process of its own, with this test's home."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = tmp_path / "said"
    process = started(("serve", "--port", str(port)), {"WATCHKEEPER_HOME": str(home)}, said)
    chosen = settings.load(flags={"server.port": port})
    with httpx.Client(transport=httpx.HTTPTransport(retries=100)) as client:
        assert client.get(f"{chosen.server_url}/healthz", timeout=WAIT_SECONDS).status_code == 200
    yield chosen
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    process.join(WAIT_SECONDS)
    assert (process.exitcode, chosen.token_path.read_text() in said.read_text()) == (0, False)
    assert str(chosen.token_path) in said.read_text()


def test_a_served_machine_is_closed_to_others_and_open_to_its_own_commands(served: settings.Settings) -> None:
    assert httpx.get(f"{served.server_url}/metrics").status_code == 401
    with assembly.open_sources(served) as sources:
        assert assembly.is_server(sources)
        assert sources.extent(ExtentQuery()).rows.num_rows >= 0
    with access.open_tokens(served) as tokens:
        tokens.revoke("this machine")
        weak = tokens.create("exporter", ("ingest",))
    served.token_path.write_text(weak)
    with assembly.open_sources(served) as sources, pytest.raises(ConfigError, match="has not the scope read"):
        sources.extent(ExtentQuery())
    served.token_path.write_text("wk_unknown")
    with assembly.open_sources(served) as sources, pytest.raises(ConfigError, match="wants a token that it knows"):
        sources.extent(ExtentQuery())
