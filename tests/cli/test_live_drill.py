"""`drill run` beside a running server, with a made-up shop in place of the lab's."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import typer

from kept_cases import case, diagnosis, inconclusive
from watchkeeper import assembly, settings
from watchkeeper.cli.live_drill import Play, run_before_server
from watchkeeper.domain import CaseFile, Diagnosis, Signal, Window
from watchkeeper.errors import AccessDenied
from watchkeeper.lab.truth import Drill, Truth
from watchkeeper.server.access_gates import gate_for, new_token
from watchkeeper.server.running import running_server
from watchkeeper.settings import Settings
from watchkeeper.telemetry.live import LiveStore
from watchkeeper.telemetry.sources import ChangeQuery

DRILL = Drill("bad-deploy", "cart", 1.0, 1, 0.5)
CHANGE = {"id": "cart-2", "kind": "deploy", "service": "cart", "version": "2.0.0"}


@pytest.fixture
def chosen(home: Path) -> Settings:
    return settings.load()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveStore]:
    with LiveStore(tmp_path / "t.duckdb") as store:
        yield store


@pytest.fixture
def url(live: LiveStore, chosen: Settings) -> Iterator[str]:
    """A server of this home: it wants the token that is kept there."""
    token = new_token()
    chosen.token_path.write_text(f"{token}\n")
    with running_server(live, gate=gate_for(token)) as url:
        yield url


def played(began: datetime, during: Callable[[str, dict[str, str]], None] = lambda *_: None) -> Play:
    """A drill over in an instant that broke cart ten seconds ago."""

    def play(drill: Drill, url: str, headers: dict[str, str], say: Callable[[str], None]) -> Truth:
        during(url, headers)
        return Truth(
            kind=drill.kind,
            service=drill.service,
            size=drill.size,
            seed=drill.seed,
            minutes=drill.minutes,
            begins=began,
            fault_onset=began,
            symptom_onset=began + timedelta(seconds=10),
            ends=began + timedelta(seconds=20),
        )

    return play


def kept(began: datetime, said: Diagnosis, number: int = 1) -> CaseFile:
    """What the server would keep: noticed 12 seconds after the symptom began, diagnosed at once."""
    noticed = began + timedelta(seconds=22)
    signal = Signal(kind="anomaly", at=noticed, service="cart", text="p95 latency of cart: 680 ms, usually 240 ms")
    made = case(number, said.model_copy(update={"at": noticed}), year=2030)
    return made.model_copy(update={"incident": made.incident.model_copy(update={"signals": (signal,)})})


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_what_the_server_diagnosed_is_told_beside_the_truth(
    chosen: Settings, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    began = ago(60)

    def noticed(*_: object) -> None:
        assembly.save_case(chosen, kept(began, diagnosis()))

    run_before_server(chosen, url, DRILL, played(began, noticed))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Truth     bad-deploy of cart since ")
    assert ", 12 s later: p95 latency of" in lines[1]
    assert "Diagnosed INC-2030-0001: cart is slow" in lines
    assert lines[-1] == f"          {url}/incidents/INC-2030-0001"
    assert max(map(len, lines)) <= 80


def test_the_page_is_named_before_the_shop_opens(
    chosen: Settings, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(*_: object) -> None:
        assert f"Open {url}/ in a browser" in capsys.readouterr().err

    run_before_server(chosen, url, DRILL, played(ago(200), opened))


def test_an_inconclusive_incident_exits_with_3(chosen: Settings, url: str) -> None:
    began = ago(60)
    assembly.save_case(chosen, kept(began, inconclusive()))
    with pytest.raises(typer.Exit) as ended:
        run_before_server(chosen, url, DRILL, played(began))
    assert ended.value.exit_code == 3


def test_where_nothing_was_noticed_that_is_said(chosen: Settings, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_before_server(chosen, url, DRILL, played(ago(200)))
    assert capsys.readouterr().out.splitlines()[-1] == "Noticed   nothing"


def test_an_earlier_drill_is_not_told_again(chosen: Settings, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assembly.save_case(chosen, kept(ago(500), diagnosis()))
    run_before_server(chosen, url, DRILL, played(ago(200)))
    assert "INC-" not in capsys.readouterr().out


def test_the_shop_reports_to_the_server_itself(chosen: Settings, url: str, live: LiveStore) -> None:
    def deployed(url: str, headers: dict[str, str]) -> None:
        change = CHANGE | {"began_at": ago(30).isoformat()}
        httpx.post(f"{url}/v1/changes", json=change, headers=headers, trust_env=False).raise_for_status()

    run_before_server(chosen, url, DRILL, played(ago(200), deployed))
    lately = Window(start=ago(600), end=ago(0))
    assert live.reader.changes(ChangeQuery(window=lately)).rows["id"].to_pylist() == ["cart-2"]


def test_a_server_of_another_home_is_told_before_the_shop_opens(chosen: Settings, url: str) -> None:
    chosen.token_path.write_text(f"{new_token()}\n")
    opened: list[str] = []
    with pytest.raises(AccessDenied, match="does not take telemetry with this home's token"):
        run_before_server(chosen, url, DRILL, played(ago(200), lambda url, _: opened.append(url)))
    assert opened == []
