"""Signing in and NiceGUI's pages in a real browser, under the policy that is stated: what must work does, what must
not run does not."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from watchkeeper.server.access_gates import new_token

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = Path("/usr/bin/chromium")
TESTS = Path(__file__).parents[1]
TOKEN = new_token()
PHONE = {"width": 360, "height": 640}
WAIT_MS = 30_000

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with small pages, as a process of its own."""
    # NiceGUI behaves otherwise where it believes to be under test.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = str(TESTS)
    command = [sys.executable, "-m", "tiny_pages", TOKEN]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stderr=pipe, text=True, env=environment) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().strip()
        finally:
            process.communicate(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "playwright.Browser") -> Iterator["playwright.Page"]:
    context = browser.new_context(viewport=PHONE)
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


def sign_in(page: "playwright.Page", address: str) -> None:
    page.goto(address)
    page.fill("#token", TOKEN)
    page.click("button")
    page.wait_for_url(address)


def test_a_person_signs_in_on_a_phone_and_is_where_they_wanted_to_be(page: "playwright.Page", url: str) -> None:
    wanted = f"{url}/incidents/INC-2026-0042?tab=drafts"
    page.goto(wanted)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate("document.activeElement.id") == "token"
    sign_in(page, wanted)
    page.wait_for_selector("text=INC-2026-0042")


def test_signing_in_needs_no_script(browser: "playwright.Browser", url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{url}/accuracy")
    page.fill("#token", TOKEN)
    page.click("button")
    page.wait_for_url(f"{url}/accuracy")
    context.close()


def test_pages_work_under_the_policy_that_is_stated(page: "playwright.Page", url: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    sign_in(page, f"{url}/")
    page.wait_for_selector("text=beats")
    page.click("#act")
    page.wait_for_selector("text=done by this process")
    page.fill("input", "abc")
    page.wait_for_selector("text=typed abc")
    page.wait_for_selector("canvas")
    page.wait_for_selector("svg path", state="attached")
    page.wait_for_selector("td")
    assert said == []
    assert page.evaluate("window.planted") is None


def test_markup_that_got_into_a_page_runs_nothing(page: "playwright.Page", url: str) -> None:
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "Content Security Policy" in message.text else 0)
    sign_in(page, f"{url}/accuracy")
    page.wait_for_selector("#there")
    added = "const s = document.createElement('script'); s.textContent = 'window.planted = 3'; document.body.append(s);"
    page.evaluate(f"(() => {{ {added} }})()")
    page.wait_for_function("document.querySelector('img').complete")
    assert page.evaluate("window.planted") is None
    assert len(refused) >= 2


def test_a_link_on_another_site_leads_in_who_is_signed_in(page: "playwright.Page", url: str) -> None:
    sign_in(page, f"{url}/accuracy")

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(f'<a id="link" href="{url}/incidents/INC-7">look</a>'.encode())

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # Another name is another site.
        page.goto(f"http://localhost:{server.server_port}/")
        page.click("#link")
        page.wait_for_selector("text=INC-7")
        server.shutdown()


def test_no_other_site_frames_a_page(page: "playwright.Page", url: str) -> None:
    sign_in(page, f"{url}/accuracy")
    page.goto("about:blank")
    page.set_content(f'<iframe id="frame" src="{url}/signin"></iframe>')
    page.wait_for_function("document.getElementById('frame').contentDocument === null")
    frame = page.frames[-1]
    assert "Sign in" not in (frame.content() if frame.url.startswith("http") else "")
