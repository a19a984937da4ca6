"""The HTTP client for an endpoint: no redirects, no proxy to this machine, no reply without end."""

from collections.abc import Callable, Iterator

import httpx2
import openai

from watchkeeper.agents.address import Address

LARGEST_REPLY_BYTES = 8 << 20
CONNECT_SECONDS = 10.0

TELLING_HEADERS = ("openai-organization", "openai-project")
"""Set by the library from the environment; only OpenAI is meant to see them."""
MACHINE_HEADERS = "x-stainless-"
"""What the library tells about this machine: operating system, versions."""
NEEDED_HEADER = "x-stainless-raw-response"
"""What the library reads again when the answer has come."""


class TooLarge(ValueError):
    """A reply that goes on and on."""


def open_http(address: Address, require_time: Callable[[], None]) -> httpx2.Client:
    """A client for requests to the endpoint; `require_time` is called for every piece of a reply and may raise."""

    def without_telling(request: httpx2.Request) -> None:
        for name in [*request.headers]:
            is_of_machine = name.startswith(MACHINE_HEADERS) and name != NEEDED_HEADER
            if is_of_machine or (name in TELLING_HEADERS and not address.is_openai):
                del request.headers[name]

    def watched(response: httpx2.Response) -> None:
        response.stream = _Watched(response.stream, require_time)

    return openai.DefaultHttpxClient(
        follow_redirects=False,
        # The proxies of the environment are meant for the world, not for this machine.
        trust_env=not address.is_loopback,
        event_hooks={"request": [without_telling], "response": [watched]},
    )


def timeout(seconds: float) -> openai.Timeout:
    """So long may the endpoint be silent; to connect is quick or fails."""
    return openai.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))


class _Watched(httpx2.SyncByteStream):
    """A reply's bytes; a silent stream that is kept alive with comments must not outlast the run."""

    def __init__(self, stream: object, require_time: Callable[[], None]) -> None:
        assert isinstance(stream, httpx2.SyncByteStream)
        self._stream = stream
        self._require_time = require_time

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._stream:
            self._require_time()
            size += len(piece)
            if size > LARGEST_REPLY_BYTES:
                raise TooLarge(f"the reply is larger than {LARGEST_REPLY_BYTES >> 20} MiB")
            yield piece

    def close(self) -> None:
        self._stream.close()
