"""The frame around every page: header, keys, theme, who is signed in; and how a page keeps itself up to date."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from weakref import WeakKeyDictionary

import structlog
from nicegui import Client, ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from watchkeeper.errors import WatchkeeperError
from watchkeeper.server.callers import Caller
from watchkeeper.server.duty import Duty
from watchkeeper.server.pages import style, words
from watchkeeper.server.pages.pieces import box, link, named, tell, tick

Here = Literal["now", "incident", "accuracy"]
LOOK_SECONDS = 1.0
"""How often a page asks whether anything has changed."""
TICK_SECONDS = 10.0
NAVIGATION = {
    "?": "these keys",
    "g n": "go to now",
    "g a": "go to accuracy",
    "j / k": "next, previous in the list",
    "Enter": "open",
}
BUG = "Something went wrong inside watchkeeper; its log has the reason."

_log = structlog.get_logger()


@dataclass(frozen=True)
class Key:
    """What a key does on a page, in words, and the doing."""

    does: str
    handler: Callable[[], object] | Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class _Frame:
    banner: Element
    known_keys: Element
    hidden: Element


_frames: "WeakKeyDictionary[Client, _Frame]" = WeakKeyDictionary()


@contextmanager
def frame(caller: Caller, title: str, here: Here) -> Iterator[Element]:
    """Everything around a page's content; what is made inside the `with` is the content.

    `title` may be untrusted text.
    """
    client = ui.context.client
    client.title = f"{words.clean(title, words.NAME)} · watchkeeper"
    ui.add_head_html(style.head())
    link("Skip to the content", "#content", "wk-skip")
    _header(caller, here)
    banner = named(box("wk-banner"), role="status", aria_live="polite")
    banner.set_visibility(False)
    with named(box("wk-page"), id="content", tabindex="-1") as content:
        pass
    hidden = named(box("wk-unseen"), aria_hidden="true")
    _frames[client] = _Frame(banner, _help(), hidden)
    with content:
        yield content


def _header(caller: Caller, here: Here) -> None:
    with box("wk-header", "header"), box("wk-header-row"):
        link("watchkeeper", "/", "wk-brand")
        with named(box("wk-nav", "nav"), aria_label="pages"):
            for name, target in (("now", "/"), ("accuracy", "/accuracy")):
                made = link(name, target, "wk-tab")
                if name == here:
                    named(made, aria_current="page")
        box("wk-space")
        named(tell("?", "wk-quiet wk-wide", "button"), type="button", data_wk_help="", title="keys (?)")
        with named(box("wk-quiet", "button"), type="button", data_wk_theme="", aria_label="light or dark"):
            for theme, mark in (("system", "◐"), ("light", "○"), ("dark", "●")):
                named(tell(mark, f"wk-theme wk-theme-{theme}", "span"), title=f"colours: {theme}")
        named(tell(caller.name, "wk-caller", "span", words.NAME), title=f"signed in as {caller.name}")
        with named(box(tag="form"), method="post", action="/signout"):
            named(tell("sign out", "wk-quiet", "button"), type="submit")


def _help() -> Element:
    with named(box("wk-keys", "dialog"), id="wk-keys", aria_label="keys"), box("wk-keys-inside"):
        tell("Keys", "wk-h2", "h2")
        with box("wk-keys-list", "dl") as known:
            for key, does in NAVIGATION.items():
                _told(key, does)
    return known


def _told(key: str, does: str) -> None:
    with box(tag="dt"):
        for part in key.split(" "):
            tell(part, "" if part == "/" else "wk-key", "span" if part == "/" else "kbd")
    tell(does, tag="dd")


def keys(mapping: Mapping[str, Key]) -> None:
    """Have keys do something on this page, and say so under `?`; call it inside the page's frame.

    A key is named as the browser does: `a`, `A`, `Enter`, `Escape`. It does nothing while somebody types into a
    field or a dialog is open. A button that is seen and has the attribute `data-wk-key` (`named(button,
    data_wk_key="a")`) is pressed by that key without a handler here: then tell it with `key_told`.
    """
    with _frames[ui.context.client].hidden:
        for name, key in mapping.items():
            button = named(box(tag="button"), type="button", tabindex="-1", data_wk_key=name)
            button.on("click", _called(key.handler), [])
    for name, key in mapping.items():
        key_told(name, key.does)


def _called(
    handler: Callable[[], object] | Callable[[], Awaitable[object]],
) -> Callable[[GenericEventArguments], Awaitable[None]]:
    async def call(_: GenericEventArguments) -> None:
        result = handler()
        if isinstance(result, Awaitable):
            await result

    return call


def key_told(key: str, does: str) -> None:
    """List a key under `?`."""
    with _frames[ui.context.client].known_keys:
        _told(key, does)


def live(duty: Duty, refresh: Callable[[], Awaitable[object]], mark: str | None = None) -> None:
    """Keep this page true: every second it is asked, in a thread, whether anything changed; then `refresh` is awaited.

    `mark` is what `duty.mark()` said before the page was first filled; without it the first look refreshes. While
    the records cannot be used a quiet banner says since when, what is shown stays, and once they can be used again
    the page is refreshed. `refresh` may raise the same errors, and must not block the event loop.
    """
    watch = _Watch(duty, refresh, mark, _frames[ui.context.client].banner)
    ui.timer(LOOK_SECONDS, watch.look)
    ui.timer(TICK_SECONDS, lambda: tick(datetime.now(UTC)))


class _Watch:
    """One page's look at whether anything changed."""

    def __init__(self, duty: Duty, refresh: Callable[[], Awaitable[object]], mark: str | None, banner: Element) -> None:
        self._duty, self._refresh, self._mark, self._banner = duty, refresh, mark, banner
        self._failing_since: datetime | None = None
        self._said: str | None = None

    async def look(self) -> None:
        """Refresh what changed; say what is in the way."""
        try:
            mark = await asyncio.to_thread(self._duty.mark)
            if mark != self._mark:
                await self._refresh()
                self._mark = mark
        except WatchkeeperError as error:
            self._failing_since = self._failing_since or datetime.now(UTC)
            self._say(unavailable(error, self._failing_since))
        except Exception:  # noqa: BLE001  a bug in one look must not end the looking, and no trace is shown
            _log.exception("a page could not be refreshed")
            self._say(f"{BUG} What you see may be old.")
        else:
            self._failing_since = None
            self._say(None)

    def _say(self, text: str | None) -> None:
        if text == self._said:
            return
        self._said = text
        self._banner.clear()
        self._banner.set_visibility(text is not None)
        if text is not None:
            with self._banner:
                tell(text, "wk-banner-text")


def unavailable(error: WatchkeeperError, since: datetime) -> str:
    """What the banner says while the records cannot be used."""
    reason = words.clean(str(error), words.LINE).rstrip(".")
    return f"The records cannot be read since {words.clock(since)}: {reason}. What you see is of then."


def refused(title: str, sentence: str, status: int) -> None:
    """An error as a page: one sentence, where to go instead, no trace; call it inside the page's frame."""
    ui.context.client.status_code = status
    with box("wk-refused"):
        tell(title, "wk-h1", "h1")
        tell(sentence, "wk-muted")
        link("What is wrong now", "/")
