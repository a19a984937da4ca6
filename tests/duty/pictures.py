"""The pictures of the README, taken of a real server to which recorded drills are told: `make pictures`.

Drills of past weeks, moved into them, are diagnosed at the standing watch's first alarm and judged by what was broken;
then one happens now, on a server that is on duty. What is seen is what the program made of it: nothing is painted.
"""

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
from playwright.sync_api import Browser, Page, sync_playwright

from made_alerts import alert, of
from own_process import started
from own_server import OwnServer, own_server, settings_of, shifted, wait_for_people
from watchkeeper import assembly, library, settings
from watchkeeper.assembly.cases import scan_of
from watchkeeper.delivery.fake_jira import running_fake_jira
from watchkeeper.domain import CaseFile
from watchkeeper.evaluation.drills import replay_watch
from watchkeeper.lab.truth import Truth

RECORDINGS = library.HOME / "evals" / "incidents"
PICTURES = library.HOME / "docs" / "pictures"
CHROMIUM = "/usr/bin/chromium"
DRILL, BROKEN = "bad-deploy-checkout", "checkout"
"""What happens while the pictures are taken."""
BETWEEN = timedelta(days=3, hours=5)
"""Two drills of the past."""
STILL_TO_COME = timedelta(seconds=60)
"""The drill's telemetry goes on while the pictures are taken."""
NOTICED = timedelta(seconds=20)
LOW, WIDE, TALL, PHONE = (1280, 540), (1280, 800), (1280, 1000), (390, 844)
MOST_BYTES = 250_000
PATIENCE_MS = 60_000.0
ASKED = "How many users are affected?"


def main() -> None:
    """Take all of them, in place of the older ones."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="watchkeeper-") as name, running_fake_jira() as jira:
        home = Path(name)
        settings_of(home, jira, watch={"enabled": True})
        wait_for_people(home)
        known = past(home)
        drill, _ = moved(RECORDINGS / DRILL, datetime.now(UTC) + STILL_TO_COME, home / "drill")
        ran(home, "import", str(drill))
        with own_server(home) as server, sync_playwright() as playwright:
            for case, truth in known:
                judge(server, case, truth)
            server.post_alerts(alert(of(BROKEN, "HighLatency", "critical"), datetime.now(UTC) - NOTICED))
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            take(server, browser)
            browser.close()


def past(home: Path) -> list[tuple[CaseFile, Truth]]:
    """The other drills, one every few days, kept as the watch noticed them; a quiet one opens nothing."""
    chosen = settings.load(environment={"WATCHKEEPER_HOME": str(home)})
    others = [path for path in sorted(RECORDINGS.iterdir()) if path.name != DRILL and (path / "truth.yaml").exists()]
    found: list[tuple[CaseFile, Truth]] = []
    today = datetime.now(UTC)
    for recording in others:
        folder, truth = moved(recording, today - (len(found) + 1) * BETWEEN, home / "past" / recording.name)
        with assembly.open_sources(chosen, folder) as sources:
            alarm = replay_watch(sources, truth, scan_of(chosen)).alarm
            if alarm is None:
                continue
            case = assembly.diagnose(chosen, alarm, sources, say, is_recording=True, until=alarm.at)
        assembly.save_case(chosen, case, say)
        found.append((case, truth))
    return found


def moved(recording: Path, ends: datetime, into: Path) -> tuple[Path, Truth]:
    """The recording as if it had ended then: its telemetry in that folder, and what was broken when."""
    truth = Truth.from_yaml(recording / "truth.yaml")
    by = ends - truth.ends
    into.mkdir(parents=True)
    for file in sorted((recording / "telemetry").glob("*.parquet")):
        pq.write_table(shifted(pq.read_table(file), by), into / file.name)
    onset = truth.symptom_onset and truth.symptom_onset + by
    return into, truth.model_copy(update={"begins": truth.begins + by, "ends": ends, "symptom_onset": onset})


def judge(server: OwnServer, case: CaseFile, truth: Truth) -> None:
    """Say whether it was right, by what was broken, and close it."""
    assert case.latest is not None, "a case that is kept was diagnosed"
    address = f"/v1/incidents/{case.incident.id}"
    if case.latest.status == "diagnosed":
        is_right = case.latest.hypotheses[0].component == truth.service
        verdict = {"diagnosis": len(case.diagnoses) - 1, "judged": "confirmed" if is_right else "wrong"}
        verdict |= {"ticket": "valid" if truth.service else "false-alarm"}
        verdict |= {} if is_right else {"true_cause": truth.service or "nothing"}
        server.ask("POST", f"{address}/verdicts", json=verdict).raise_for_status()
    server.ask("POST", f"{address}/state", json={"state": "closed"}).raise_for_status()


def take(server: OwnServer, browser: Browser) -> None:
    """All pictures, in the order in which a person would see them."""
    token = ran(server.home, "token", "create", "ada", "--scope", "operate").split()[-1]
    page = opened(browser, server, token, LOW)
    card = page.locator("#incidents .wk-card")
    card.get_by_text("of checkout did it").wait_for()
    address = str(card.get_attribute("href"))
    kept(page, "now")
    page.set_viewport_size({"width": TALL[0], "height": TALL[1]})
    go(page, f"{server.url}{address}")
    page.get_by_role("button", name=ASKED).click()
    page.locator("#chat .wk-answer").wait_for()
    page.evaluate("window.scrollTo(0, 0)")
    kept(page, "incident")
    go(page, f"{server.url}/accuracy")
    kept(page, "accuracy")
    page.context.close()
    phone = opened(browser, server, token, PHONE, scale=2)
    go(phone, f"{server.url}{address}")
    kept(phone, "phone")
    phone.context.close()
    dark = opened(browser, server, token, WIDE, scheme="dark")
    go(dark, f"{server.url}{address}")
    dark.evaluate("document.querySelector('#evidence').scrollIntoView({block: 'start'})")
    kept(dark, "dark")
    dark.context.close()


def opened(
    browser: Browser, server: OwnServer, token: str, size: tuple[int, int], scale: int = 1, scheme: str = "light"
) -> Page:
    """A tab at *now* of somebody who has that token."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=scale,
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        extra_http_headers={"authorization": f"Bearer {token}"},
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    go(page, server.url)
    return page


def go(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_function("window.did_handshake === true")
    page.wait_for_load_state("networkidle")


def kept(page: Page, name: str) -> None:
    """Keep what the tab shows."""
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide")
    size = path.stat().st_size
    assert size < MOST_BYTES, f"{path.name} has {size:,} bytes, expected fewer than {MOST_BYTES:,}"
    say(f"{path.relative_to(library.HOME)}: {size / 1e3:,.0f} kB")


def ran(home: Path, *words: str) -> str:
    """What the program prints with these words."""
    output = home / "ran.txt"
    process = started(words, {"WATCHKEEPER_HOME": str(home)}, output)
    process.join()
    assert process.exitcode == 0, output.read_text()
    return output.read_text()


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
