"""Connections that nobody can hold open, or fill memory by, before it is known who is there."""

from asyncio import TimerHandle
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 20.0
"""How long a request's head may take to arrive, and what is left of a body once it was answered."""
MOST_BYTES = 2**18
"""Of one request that are no body: its head, and the frames of a body in pieces."""


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP/1.1, which by itself waits for a head for ever and takes one of any size."""

    HEAD_SECONDS: ClassVar[float] = HEAD_SECONDS
    MOST_BYTES: ClassVar[int] = MOST_BYTES

    _deadline: TimerHandle | None = None
    _spent = 0
    _is_head_open = _is_body_open = False

    def connection_made(self, transport: object) -> None:
        """The first head is awaited from now on."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._bound()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        super().connection_lost(exc)
        self._unbound()

    def data_received(self, data: bytes) -> None:
        """Read on, unless this is too much, and for as long as there is time."""
        self._spent += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._unbound()
        elif self._spent > self.MOST_BYTES:
            self._refuse()
        elif self._is_head_open or self._is_idle():
            self._bound()
        else:
            self._unbound()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._is_head_open = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It is whole; what follows is the body."""
        self._is_head_open, self._is_body_open = False, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Bodies have limits of their own, where it is known whose they are."""
        self._spent -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next one begins from nothing."""
        self._is_body_open, self._spent = False, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What was answered before it had come in need not come in at leisure."""
        super().on_response_complete()
        if self._is_body_open and self._is_idle():
            self._bound()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _bound(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.HEAD_SECONDS, self.transport.abort)

    def _unbound(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        self._unbound()
        if self._is_idle():
            self.send_400_response("The head of this request is too large.")
        else:
            self.transport.abort()
