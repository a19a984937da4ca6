"""Being on duty: alerts a second, from webhook to diagnosis, pages over many incidents, memory under load."""

import gzip
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import generate, ingest
from benchmarks.queries import Section
from benchmarks.serving import Serving, serving
from watchkeeper.domain import CaseFile, Cost, Diagnosis, Incident, ReleaseVerdict, Signal, Window
from watchkeeper.records import rows
from watchkeeper.records.store import Records
from watchkeeper.telemetry.live import Batch, LiveLimits, LiveStore

SENDERS = 4
ALERT_SECONDS = 20.0
LABEL_SETS = 40
HISTORY = timedelta(minutes=30)
FAULT = timedelta(minutes=3)
TRACES = 8_000
SLOWER = 10
INCIDENTS = 10_000
PAGES = 30
BROWSER = "/usr/bin/chromium"
DIAGNOSIS_SECONDS = 60.0
LOAD_SECONDS = float(os.environ.get("BENCH_LOAD_SECONDS", "600"))
"""How long memory is watched under load; a shorter time is for trying this out."""
ONE_EACH = {"WATCHKEEPER_ALERTS__JOIN_MINUTES": "0.0001", "WATCHKEEPER_ALERTS__BURST_SECONDS": "0"}
"""So that every alert opens an incident of its own."""
ALERTS = "/v1/alerts/alertmanager"


def sections() -> list[Section]:
    """The tables for docs/benchmarks.md."""
    return [alerts(), diagnosed(), pages(), memory()]


def alerts() -> Section:
    """Alerts a second over loopback, each answered when it is kept, in posts of one alert and of twenty."""
    taken = []
    for each in (1, 20):
        with _home() as home, serving(home) as server:
            load = _Load(server)
            load.alerts(each, ALERT_SECONDS)
            taken.append((f"{each} a post", *load.told(each)))
    header = ("alerts", "alerts/s", "posts/s", "median ms a post", "p99 ms a post", "refused")
    title = f"Alerts in, {SENDERS} senders, {LABEL_SETS} label sets over six services, 202 when kept"
    return title, header, taken


def diagnosed() -> Section:
    """From the webhook's first byte to a diagnosis in the records and on an open page, one incident after the other."""
    with _home() as home:
        _fill(home / "telemetry.duckdb")
        with serving(home, **ONE_EACH) as server, Records.open(home / "records.sqlite") as records:
            kept = [_until_diagnosed(server, records, name) for name in generate.SERVICES]
            shown = _until_shown(server) if Path(BROWSER).exists() else []
    named = (("in the records", kept), ("on the page", shown))
    rows_ = [(name, f"{len(t)}", f"{statistics.median(t):.2f}", f"{max(t):.2f}") for name, t in named if t]
    title = f"Webhook to diagnosis, rules, {TRACES * generate.SPANS_PER_TRACE:,} spans in 30 min"
    return title, ("", "incidents", "median s", "slowest s"), rows_


def pages() -> Section:
    """The first page over many incidents: the server's answer, and a browser's first card where there is one."""
    with _home() as home:
        _keep_incidents(home, INCIDENTS)
        with serving(home) as server:
            found = [_asked(server, path) for path in ("/", "/v1/incidents?limit=50")]
            found += _seen(server) if Path(BROWSER).exists() else []
    title = f"Pages with {INCIDENTS:,} incidents"
    return title, ("page", "median ms", "slowest ms"), found


def memory() -> Section:
    """The server's memory while alerts and telemetry come in and pages are asked for."""
    with _home() as home, serving(home) as server, ThreadPoolExecutor(3) as senders:
        load, seen = _Load(server), [(0.0, server.memory_mb())]
        began = time.monotonic()
        work = [
            senders.submit(load.alerts, 20, LOAD_SECONDS, 1, 0.2),
            senders.submit(_ingested, server, LOAD_SECONDS),
            senders.submit(_looked_at, server, LOAD_SECONDS),
        ]
        while not all(each.done() for each in work):
            time.sleep(min(1.0, LOAD_SECONDS / 20))
            seen.append((time.monotonic() - began, server.memory_mb()))
        for each in work:
            each.result()
    at = [_nearest(seen, share * LOAD_SECONDS) for share in (0.0, 0.1, 0.5, 1.0)]
    row = tuple(f"{mb:,.0f}" for mb in (*at, max(mb for _, mb in seen)))
    header = ("at the start", "after a tenth", "after a half", "at the end", "most")
    title = (
        f"Memory in MB under load for {LOAD_SECONDS / 60:g} min: 100 alerts/s, {ingest.ROWS_A_BODY:,} spans/s, a page/s"
    )
    return title, header, [row]


@dataclass
class _Load:
    """Alerts that are sent, and how long each post took."""

    server: Serving
    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    took: float = 0.0

    def alerts(self, each: int, seconds: float, senders: int = SENDERS, pause_seconds: float = 0.0) -> None:
        """Post for so long, as fast as it goes or with pauses."""
        until = time.monotonic() + seconds
        began = time.perf_counter()
        with ThreadPoolExecutor(senders) as threads:
            for done in [threads.submit(self._send, number, each, until, pause_seconds) for number in range(senders)]:
                done.result()
        self.took = time.perf_counter() - began

    def told(self, each: int) -> tuple[str, ...]:
        """The figures of a row."""
        posts = len(self.seconds)
        half, most = (1e3 * _quantile(self.seconds, share) for share in (0.5, 0.99))
        rate = posts / self.took
        return f"{rate * each:,.0f}", f"{rate:,.0f}", f"{half:.1f}", f"{most:.1f}", str(self.refused)

    def _send(self, sender: int, each: int, until: float, pause_seconds: float) -> None:
        number = sender
        with self.server.client() as client:
            while time.monotonic() < until:
                body = webhook(range(number * each, (number + 1) * each))
                began = time.perf_counter()
                answer = client.post(ALERTS, json=body)
                self.seconds.append(time.perf_counter() - began)
                if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    self.refused += 1
                else:
                    answer.raise_for_status()
                number += SENDERS
                time.sleep(pause_seconds)


def webhook(numbers: Sequence[int], service: str | None = None) -> dict[str, object]:
    """A body of Alertmanager's version 4: alerts of 40 label sets over six services, or one service's own."""
    fired = [_alert(number % LABEL_SETS, service or generate.SERVICES[number % LABEL_SETS % 6]) for number in numbers]
    common = {"receiver": "watchkeeper", "status": "firing", "version": "4", "truncatedAlerts": 0}
    where = {"externalURL": "http://127.0.0.1:9093", "groupKey": '{}:{alertname="HighErrorRate"}'}
    empty: dict[str, str] = {}
    return {**common, **where, "alerts": fired, "groupLabels": empty, "commonLabels": empty, "commonAnnotations": empty}


def _alert(label_set: int, service: str) -> dict[str, object]:
    labels = {"alertname": "HighErrorRate", "service": service, "severity": "page", "pod": f"{service}-{label_set}"}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{service} error ratio above 5%"},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": f"{hash((service, label_set)) & (2**64 - 1):016x}",
    }


def _until_diagnosed(server: Serving, records: Records, service: str) -> float:
    known = {each.incident_id for each in records.cases(INCIDENTS)}
    began = time.perf_counter()
    with server.client() as client:
        client.post(ALERTS, json=webhook(range(1), service)).raise_for_status()
    while time.perf_counter() - began < DIAGNOSIS_SECONDS:
        if any(each.diagnoses and each.incident_id not in known for each in records.cases(len(known) + 1)):
            return time.perf_counter() - began
        time.sleep(0.02)
    raise RuntimeError(f"the alert about {service} was not diagnosed within {DIAGNOSIS_SECONDS:g} s")


def _until_shown(server: Serving) -> list[float]:
    """The same until a browser that has the page *now* open shows the diagnosis, by itself."""
    from playwright.sync_api import sync_playwright

    taken = []
    with sync_playwright() as playwright, server.client() as client:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{server.url}/signin")
        page.fill("input[type=password]", server.token)
        page.keyboard.press("Enter")
        page.wait_for_selector(".wk-card")
        for service in generate.SERVICES:
            began = time.perf_counter()
            answer = client.post(ALERTS, json=webhook(range(1, 2), service)).raise_for_status().json()
            card = page.locator(f".wk-card[href='/incidents/{answer['alerts'][0]['incident']}']")
            card.get_by_text("% sure").or_(card.get_by_text("nconclusive")).first.wait_for()
            taken.append(time.perf_counter() - began)
        browser.close()
    return taken


def _fill(path: Path) -> None:
    """Half an hour of telemetry up to now, in which checkout became slow three minutes ago."""
    now = datetime.now(UTC)
    window = Window(start=now - HISTORY, end=now)
    spans = generate.spans(window, TRACES)
    hit = pc.and_(pc.equal(spans["service_name"], "checkout"), pc.greater_equal(spans["time"], pa.scalar(now - FAULT)))
    longer = pc.if_else(hit, pc.multiply(spans["duration_ns"], SLOWER), spans["duration_ns"])
    spans = spans.set_column(spans.column_names.index("duration_ns"), "duration_ns", longer)
    with LiveStore(path, LiveLimits(keep=None)) as store:
        store.submit(Batch({"spans": spans, "metrics": generate.metrics(window, 5_000)})).result()


def _keep_incidents(home: Path, count: int) -> None:
    """Diagnosed incidents, one a minute up to now, written as the records would have them."""
    now = datetime.now(UTC)
    with Records.open(home / "records.sqlite") as records, records.writing() as session:
        for number in range(1, count + 1):
            case = _an_incident(number, now - timedelta(minutes=count - number))
            row = rows.case_row(case)
            rows.fill(row, case, now)
            session.add(row)
            if number % 1000 == 0:
                session.flush()
            session.add(rows.diagnosis_row(case.incident.id, 0, case.diagnoses[0]))


def _an_incident(number: int, at: datetime) -> CaseFile:
    service = generate.SERVICES[number % len(generate.SERVICES)]
    diagnosis = Diagnosis(
        at=at,
        status="inconclusive",
        headline=f"{service} is slow and it is not clear why",
        inconclusive_because="it was made for a measurement",
        release=ReleaseVerdict(status="undetermined", reason="nobody looked"),
        cost=Cost(seconds=0.5),
    )
    incident = Incident(
        id=f"INC-{at.year}-{number:04d}",
        signals=(Signal(kind="alert", at=at, service=service, text=f"{service} is slow"),),
        window=Window(start=at - HISTORY, end=at),
        service=service,
        severity="P2",
        state="diagnosed",
    )
    return CaseFile(incident=incident, diagnoses=(diagnosis,))


def _asked(server: Serving, path: str) -> tuple[str, ...]:
    with server.client() as client:

        def get() -> None:
            client.get(path).raise_for_status()

        return _row(f"GET {path}", _timed(get, PAGES))


def _seen(server: Serving) -> list[tuple[str, ...]]:
    """A signed-in browser from going there to the first card, in a fresh tab each time."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        context = browser.new_context(extra_http_headers={"authorization": f"Bearer {server.token}"})

        def opened() -> None:
            page = context.new_page()
            page.goto(server.url)
            page.get_by_text("INC-").first.wait_for()
            page.close()

        taken = _timed(opened, 5)
        browser.close()
    return [_row("Chromium to the first incident on /", taken)]


def _ingested(server: Serving, seconds: float) -> None:
    body = gzip.compress(ingest.as_protobuf(ingest.traces(1)), 1)
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    with server.client() as client:
        for _ in _every_second(seconds):
            client.post("/v1/traces", content=body, headers=headers).raise_for_status()


def _looked_at(server: Serving, seconds: float) -> None:
    with server.client() as client:
        for _ in _every_second(seconds):
            client.get("/").raise_for_status()


def _every_second(seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        yield
        time.sleep(max(0.0, 1.0 - (time.monotonic() - began)))


def _timed(work: Callable[[], None], times: int) -> list[float]:
    """How long it took each time; the first warms up and is not counted."""
    taken = []
    for _ in range(times + 1):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return taken[1:]


def _row(name: str, taken: Sequence[float]) -> tuple[str, ...]:
    return name, f"{1e3 * statistics.median(taken):.0f}", f"{1e3 * max(taken):.0f}"


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _nearest(seen: Sequence[tuple[float, float]], seconds: float) -> float:
    return min(seen, key=lambda each: abs(each[0] - seconds))[1]


@contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="watchkeeper-bench-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
