"""`watchkeeper serve` and `watchkeeper worker` in processes of their own, with the telemetry of a made shop.

telemetry(home, slow={"checkout": 150})
settings_of(home, jira=jira, slack=slack)
with own_server(home) as server:
    server.post_alert("gateway")
    server.kill()
    server.start()
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

import own_process
from made_alerts import alert, body, of
from made_shop import Shop, at
from own_prometheus import free_port, wait_until
from watchkeeper import library
from watchkeeper.delivery.fake_jira import TOKEN, FakeJira
from watchkeeper.delivery.fake_slack import FakeSlack
from watchkeeper.domain import CaseFile, KeptAlert, KeptParcel
from watchkeeper.tables import table_of

START_SECONDS = 60.0
END_SECONDS = 30.0
ASK_SECONDS = 40.0
ONSET, TOLD, LENGTH = 270, 330, 660
"""When the made trouble begins, when somebody is told of it (that is now), and when the telemetry ends, in its seconds:
it is kept beforehand, and comes to light as time goes by."""
NOTICES = {
    "name": "notices need nobody",
    "to": ["slack"],
    "of": ["status-update"],
    "audience": ["internal"],
    "by": "auto",
}
TICKETS = {"name": "tickets need nobody", "to": ["jira"], "of": ["ticket"], "by": "auto"}


def settings_of(
    home: Path,
    jira: FakeJira | None = None,
    slack: FakeSlack | None = None,
    jira_timeout_seconds: float = 15.0,
    **sections: Mapping[str, object],
) -> None:
    """Tickets and notices need nobody's approval, the own watch looks away; `sections` say what else holds."""
    config = home / "config"
    config.mkdir(parents=True, exist_ok=True)
    delivery = yaml.safe_load((library.HOME / "config" / "delivery.yaml").read_text())
    if jira is not None:
        signed = {"base_url": jira.url, "flavour": "server", "token_variable": "OWN_JIRA_TOKEN"}
        delivery["jira"] |= signed | {"timeout_seconds": jira_timeout_seconds}
    if slack is not None:
        delivery["slack"]["webhook_variable"] = "OWN_SLACK_URL"
        (home / "slack-url").write_text(slack.url)
    delivery["approval"][:0] = [TICKETS, NOTICES]
    (config / "delivery.yaml").write_text(yaml.safe_dump(delivery))
    (config / "watchkeeper.yaml").write_text(yaml.safe_dump({"watch": {"enabled": False}} | sections))


def wait_for_people(home: Path) -> None:
    """Of settings that are there: no ticket leaves that nobody approved."""
    path = home / "config" / "delivery.yaml"
    delivery = yaml.safe_load(path.read_text())
    delivery["approval"] = [rule for rule in delivery["approval"] if rule != TICKETS]
    path.write_text(yaml.safe_dump(delivery))


def telemetry(home: Path, shop: Shop | None = None) -> datetime:
    """A made shop's telemetry, put into the store as of now, before a server owns it; when its trouble began."""
    shop = shop or Shop(seconds=LENGTH, onset=ONSET, slow={"checkout": 150.0})
    now = datetime.now(UTC)
    folder = home / "made"
    folder.mkdir(parents=True)
    for name, rows in shop.tables().items():
        table = shifted(table_of(name, rows), now - at(TOLD))  # type: ignore[arg-type]
        pq.write_table(table, folder / f"{name}.parquet")
    imported = own_process.started(("import", str(folder)), {"WATCHKEEPER_HOME": str(home)}, home / "import.log")
    imported.join()
    assert imported.exitcode == 0, (home / "import.log").read_text()
    return now - timedelta(seconds=TOLD - ONSET)


def shifted(table: pa.Table, by: timedelta) -> pa.Table:
    """The table with every time in it so much later."""
    for number, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            moved = pc.add(table.column(number), pa.scalar(by, pa.duration(column.type.unit)))
            table = table.set_column(number, column, moved)
    return table


Run = Callable[[tuple[str, ...], Mapping[str, str], Path], BaseProcess]
"""Starts the program with these words, in this environment; what it prints goes to the file."""


@dataclass
class OwnServer:
    """A server that may be killed and started again."""

    home: Path
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict)
    run: Run = own_process.started
    process: BaseProcess | None = None
    starts: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return (self.home / "token").read_text().strip()

    @property
    def log(self) -> str:
        """What every start of it wrote."""
        return "".join(path.read_text() for path in sorted(self.home.glob("*.log")))

    def begin(self, *words: str) -> BaseProcess:
        """Start it, and do not wait."""
        self.starts += 1
        output = self.home / f"serve-{self.starts:02d}.log"
        self.process = self.run(("serve", "--port", str(self.port), *words), self.known, output)
        return self.process

    @property
    def known(self) -> dict[str, str]:
        """The environment of everything that runs in this home."""
        slack = self.home / "slack-url"
        secret = {"OWN_SLACK_URL": slack.read_text()} if slack.exists() else {}
        return {"WATCHKEEPER_HOME": str(self.home), "OWN_JIRA_TOKEN": TOKEN, **secret, **self.environment}

    def start(self, *words: str) -> None:
        """Start it, and wait until it answers; it may be dead again by then."""
        process = self.begin(*words)
        wait_until(lambda: not process.is_alive() or self.answers(), "that watchkeeper answers", START_SECONDS)
        assert process.is_alive() or self.is_killed, self.log

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.join()

    def end(self) -> int | None:
        """End it in order; its exit code."""
        if self.process is None:
            return None
        if self.process.is_alive():
            os.kill(self.process.pid or 0, signal.SIGTERM)
            self.process.join(END_SECONDS)
        if self.process.is_alive():
            self.kill()
        return self.process.exitcode

    @property
    def is_killed(self) -> bool:
        return self.process is not None and self.process.exitcode == -signal.SIGKILL

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request with the token of the machine."""
        headers = {"authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return httpx.request(method, f"{self.url}{path}", headers=headers, trust_env=False, timeout=ASK_SECONDS, **more)

    def get(self, path: str, **more: Any) -> Any:
        """The JSON of an answer that is well."""
        answer = self.ask("GET", path, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def post_alerts(self, *alerts: Mapping[str, object]) -> httpx.Response:
        """Post them as Alertmanager does."""
        headers = {"content-type": "application/json"}
        return self.ask("POST", "/v1/alerts/alertmanager", content=body(*alerts), headers=headers)

    def parts(self) -> dict[str, dict[str, Any]]:
        """The parts by name, as /readyz tells them, ready or not; none where tokens cannot be checked."""
        return {part["name"]: part for part in self.ask("GET", "/readyz").json().get("parts", ())}

    def is_well(self, name: str) -> bool:
        part = self.parts().get(name)
        return part is not None and bool(part["is_well"])

    def alerts(self) -> list[KeptAlert]:
        return [KeptAlert.model_validate(each) for each in self.get("/v1/alerts?limit=500")]

    def cases(self) -> list[CaseFile]:
        found = self.get("/v1/incidents")
        return [CaseFile.model_validate(self.get(f"/v1/incidents/{each['incident_id']}")) for each in found]

    def parcels(self) -> list[KeptParcel]:
        found = self.get("/v1/incidents")
        return [
            KeptParcel.model_validate(parcel)
            for each in found
            for parcel in self.get(f"/v1/incidents/{each['incident_id']}/parcels")
        ]

    def is_all_settled(self) -> bool:
        """Whether nothing is under way any more, and something was."""
        parcels = self.parcels()
        return bool(parcels) and all(each.state not in ("waiting", "sending") for each in parcels)


@contextmanager
def own_worker(server: OwnServer, run: Run = own_process.started) -> Iterator[BaseProcess]:
    """A worker beside the server, in its home; it works."""
    output = server.home / "worker.log"
    worker = run(("worker", "--telemetry", server.url), server.known, output)
    try:
        wait_until(
            lambda: not worker.is_alive() or "looks into" in _text(output), "that the worker works", START_SECONDS
        )
        assert worker.is_alive(), output.read_text()
        yield worker
    finally:
        worker.terminate()
        worker.join(END_SECONDS)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@contextmanager
def own_server(home: Path, **more: Any) -> Iterator[OwnServer]:
    """A server that answers, ended with the block."""
    server = OwnServer(home, **more)
    try:
        server.start()
        yield server
    finally:
        server.end()


def firing(service: str = "gateway", began: datetime | None = None, name: str = "HighLatency") -> dict[str, object]:
    """An alert of a service, as Alertmanager writes it."""
    return alert(of(service, name, "critical"), starts_at=began or datetime.now(UTC))


def require_no_stack_trace(server: OwnServer) -> None:
    """Nobody who runs it has seen one."""
    assert "Traceback" not in server.log, server.log
    assert not [line for line in server.log.splitlines() if line.startswith('  File "')]
