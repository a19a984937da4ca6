"""Puts the pages onto the application: their addresses, their look, what is said where there is none."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import structlog
from fastapi import FastAPI, Request, Response
from nicegui import Client, ui
from nicegui import app as pages_app
from starlette.exceptions import HTTPException

from watchkeeper.errors import QueryRejected, WatchkeeperError
from watchkeeper.server import problems
from watchkeeper.server.callers import Caller, Scope
from watchkeeper.server.chat import Answering
from watchkeeper.server.duty import Duty
from watchkeeper.server.pages import accuracy, now, style, words
from watchkeeper.server.pages.incident import Asking
from watchkeeper.server.pages.incident import show as show_incident
from watchkeeper.server.pages.present import Board
from watchkeeper.server.pages.shell import BUG, LOOK_SECONDS, Here, frame, refused
from watchkeeper.server.places import Places

RECONNECT_SECONDS = 15.0
"""How long a page whose connection is gone keeps what was typed into it."""
BUILD_SECONDS = 15.0
"""How long the first reading may take, on a slow disk, before the page gives up."""
MACHINES = ("/v1/", "/healthz", "/readyz", "/metrics")
"""Where no person looks: an unknown address below these is answered as the API answers."""
May = Callable[[Caller, Scope], bool]
NOBODY = Caller(name="nobody", scopes=frozenset())
_INCIDENT = re.compile(r"INC-\d{4}-\d{4,}")

_log = structlog.get_logger()


def install(
    app: FastAPI,
    duty: Duty,
    chat: Answering | None = None,
    may: May = Caller.may,
    say: Callable[[str], None] = lambda _: None,
    places: Places | None = None,
) -> None:
    """Give the application its pages; call it last: what is routed after it is never reached.

    Every request must carry `request.state.caller`. One process serves one such application at a time: installing
    another one has the pages show that one's incidents. `say` is told of errors, without what they are about.
    `places` are those in which `chat` answers; hand in the same to whatever else lets it answer.
    """
    _made_ready()
    board = Board(duty)
    for address, body, media_type in (
        (style.SHEET, style.sheet, "text/css"),
        (style.SCRIPT, style.script, "text/javascript"),
    ):
        pages_app.remove_route(address)
        pages_app.add_api_route(address, partial(_asset, body, media_type), include_in_schema=False)
    asking = None if chat is None else Asking(chat, places or Places())
    _route_pages(duty, board, asking, may, say)
    problems.install(pages_app)
    pages_app.add_exception_handler(404, _not_here)
    ui.run_with(
        app,
        title="watchkeeper",
        favicon=style.FAVICON,
        dark=None,
        language="en-US",
        tailwind=False,
        reconnect_timeout=RECONNECT_SECONDS,
        show_welcome_message=False,
    )


def _made_ready() -> None:
    # NiceGUI has one application a process, which takes no more middleware once it has served.
    pages_app.middleware_stack = None
    pages_app.user_middleware.clear()
    # What browsers say is logged as they say it: it must not look like more than one line of it.
    logging.getLogger("nicegui").addFilter(_one_line)


def _one_line(record: logging.LogRecord) -> bool:
    record.msg, record.args = words.clean(record.getMessage()), ()
    return True


def _asset(body: Callable[[], str], media_type: str) -> Response:
    return Response(body(), media_type=media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"})


def _route_pages(duty: Duty, board: Board, chat: Asking | None, may: May, say: Callable[[str], None]) -> None:
    @ui.page("/", response_timeout=BUILD_SECONDS)
    async def now_page(request: Request) -> None:
        with _around(request, "now", "now", duty, may, say) as caller:
            if caller is not None:
                await now.show(duty, board, f"{request.url.scheme}://{request.url.netloc}")

    @ui.page("/accuracy", response_timeout=BUILD_SECONDS)
    async def accuracy_page(request: Request) -> None:
        with _around(request, "accuracy", "accuracy", duty, may, say) as caller:
            if caller is not None:
                await accuracy.show(duty)

    @ui.page("/incidents/{incident_id}", response_timeout=BUILD_SECONDS)
    async def incident_page(request: Request, incident_id: str) -> None:
        with _around(request, incident_id, "incident", duty, may, say) as caller:
            if caller is not None:
                if not _INCIDENT.fullmatch(incident_id):
                    raise QueryRejected(f"{incident_id[:80]} is no incident's id, such as INC-2026-0001")
                await show_incident(duty, chat, caller, incident_id, may)


@contextmanager
def _around(
    request: Request, title: str, here: Here, duty: Duty, may: May, say: Callable[[str], None]
) -> Iterator[Caller | None]:
    """The frame with who is asking, None where they may not read; an error inside becomes one sentence."""
    caller = getattr(request.state, "caller", None)
    with frame(caller or NOBODY, title, here) as content:
        if caller is None or not may(caller, "read"):
            refused("You may not see this", "Sign in with a token that has the scope read.", 401 if not caller else 403)
            yield None
            return
        try:
            yield caller
        except QueryRejected as error:
            content.clear()
            with content:
                refused("There is no such thing here", str(error), 404)
        except WatchkeeperError as error:
            content.clear()
            with content:
                refused("The records cannot be read", f"{error} This page comes back by itself.", 503)
                _come_back(duty)
        except Exception:  # noqa: BLE001  a page shows one sentence, never a trace; the log has it
            _log.exception("a page could not be built", path=request.url.path[:200])
            say(f"the page {request.url.path[:200]} could not be built; the log has the reason")
            content.clear()
            with content:
                refused("This page cannot be shown", BUG, 500)


def _come_back(duty: Duty) -> None:
    """Load the page again as soon as the records can be used."""

    async def look() -> None:
        with suppress(WatchkeeperError):
            await asyncio.to_thread(duty.mark)
            ui.navigate.reload()

    ui.timer(LOOK_SECONDS, look, immediate=False)


async def _not_here(request: Request, error: Exception) -> Response:
    """An address where nothing is: a page for people, a problem for programs."""
    if request.url.path.startswith(MACHINES) or not isinstance(error, HTTPException):
        return problems.problem(request, 404, f"{request.method} {request.url.path[:200]}: Not Found")
    with Client(ui.page(""), request=request) as client:
        caller = getattr(request.state, "caller", None) or NOBODY
        with frame(caller, "not found", "incident"):
            refused("There is no such page", f"Nothing is at {request.url.path[:200]}.", 404)
    return client.build_response(request, 404)
