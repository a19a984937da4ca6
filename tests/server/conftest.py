"""Pages served over a made duty, and a browser to look at them with; skipped where there is no Chromium."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn
from fastapi import FastAPI

from server.made_duty import MadeDuty
from watchkeeper.server.access_headers import AnswerHeaders
from watchkeeper.server.callers import Caller
from watchkeeper.server.callers import Scope as CallerScope
from watchkeeper.server.chat import Answering
from watchkeeper.server.places import Places

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from starlette.types import ASGIApp, Receive, Scope, Send

CHROMIUM = Path("/usr/bin/chromium")
ADA = Caller(name="ada", scopes=frozenset(("operate",)))
WAIT_SECONDS = 30
WIDE, PHONE = (1280, 900), (375, 812)


class SignedIn:
    """Everybody is this caller: what the access control does, without it."""

    def __init__(self, app: "ASGIApp", caller: Caller) -> None:
        self._app, self._caller = app, caller

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "lifespan":
            scope.setdefault("state", {})["caller"] = self._caller
        await self._app(scope, receive, send)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = threading.Event()

    async def startup(self, sockets: list | None = None) -> None:  # type: ignore[type-arg]
        await super().startup(sockets)
        self.is_ready.set()


@contextmanager
def serving_pages(
    duty: MadeDuty,
    chat: Answering | None = None,
    caller: Caller = ADA,
    may: Callable[[Caller, CallerScope], bool] = Caller.may,
    places: Places | None = None,
) -> Iterator[str]:
    """The pages over this duty, under the headers that every answer has, in a thread; their base URL."""
    from watchkeeper.server.pages.installing import install

    app = FastAPI()
    app.add_middleware(SignedIn, caller=caller)
    app.add_middleware(AnswerHeaders)
    install(app, duty, chat, may, places=places)
    config = uvicorn.Config(
        app, port=0, log_level="warning", access_log=False, ws="websockets-sansio", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert server.is_ready.wait(WAIT_SECONDS)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(WAIT_SECONDS)


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """`serve(duty)`: the base URL of its pages, until the test ends."""
    with ExitStack() as until_the_end:
        yield lambda *given, **named: until_the_end.enter_context(serving_pages(*given, **named))


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """One Chromium for a module: while Playwright runs, its thread can neither start another nor run an event loop."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no browser at {CHROMIUM}")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser: "Browser", serve: Callable[..., str]) -> Iterator[Callable[..., "Page"]]:
    """`visit(url)`: a tab there, connected; errors of its scripts, refused contents and dialogs fail the test."""
    troubles: list[str] = []
    with ExitStack() as until_the_end:

        def open_tab(url: str, size: tuple[int, int] = WIDE, scheme: str = "light") -> "Page":
            context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)  # type: ignore[arg-type]
            until_the_end.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("console", lambda said: troubles.append(said.text) if "Security Policy" in said.text else None)
            page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
            page.goto(url)
            page.wait_for_function("window.did_handshake === true")
            return page

        yield open_tab
    assert troubles == []
