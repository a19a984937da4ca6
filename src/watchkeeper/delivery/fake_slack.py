"""An incoming webhook in memory behind a real socket: it keeps what was posted, and finds fault as Slack does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from watchkeeper.delivery.loopback import TAKEN, Mishaps, serving

PATH = "/services/T000/B000/secret-of-the-fake"
LONGEST_TEXT, LONGEST_HEADER = 3000, 150


@dataclass
class FakeSlack:
    """What arrived, and what is to go wrong."""

    url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    posts: int = 0
    """How often it was posted to, whatever came of it."""
    mishaps: Mishaps = field(default_factory=Mishaps)

    def app(self) -> Starlette:
        """The one endpoint."""
        return Starlette(routes=[Route("/{path:path}", self._post, methods=["POST"])])

    async def _post(self, request: Request) -> Response:
        self.posts += 1
        if request.url.path != PATH:
            return PlainTextResponse("no_service", 404)
        mishap = self.mishaps.next(request)
        if mishap is not None and mishap not in TAKEN:
            return self.mishaps.answer(mishap)
        message = await request.json()
        if not _is_message(message):
            return PlainTextResponse("invalid_blocks", 400)
        self.messages.append(message)
        return PlainTextResponse("ok") if mishap is None else self.mishaps.answer(mishap)


@contextmanager
def running_fake_slack() -> Iterator[FakeSlack]:
    """A fake webhook that listens on this machine until the block ends; its `url` is the whole address."""
    fake = FakeSlack()
    with serving(fake.app()) as url:
        fake.url = f"{url}{PATH}"
        yield fake


def _is_message(message: object) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("text"), str):
        return False
    limits = {"header": LONGEST_HEADER, "section": LONGEST_TEXT}
    blocks = message.get("blocks", [])
    texts = [(block["type"], block["text"]["text"]) for block in blocks if "text" in block]
    return len(blocks) <= 50 and all(0 < len(text) <= limits.get(kind, LONGEST_TEXT) for kind, text in texts)
