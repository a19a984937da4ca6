"""One server's HTTP API: bounded in time and size, stopped on request, with every failure one sentence."""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import orjson
import tenacity

from watchkeeper.errors import ConfigError, SourceUnavailable

LARGEST_BYTES = 64 << 20
"""Beyond so many bytes an answer is not read any further."""
CONNECT_SECONDS = 2.0
ATTEMPTS, WAIT_SECONDS = 3, 0.1
SAID_CHARACTERS = 300
MOST_WARNINGS = 10


class TooLarge(SourceUnavailable):
    """The answer is larger than what is read: a smaller question may be answered."""


@dataclass(frozen=True)
class Address:
    """Where a server answers, and the secret that it wants; neither a password nor the token is ever told."""

    url: str
    token: str = field(default="", repr=False)
    timeout_seconds: float = 20.0

    @property
    def shown(self) -> str:
        """The address as it may be told."""
        parts = httpx.URL(self.url)
        return str(parts.copy_with(userinfo=b"", query=None)).rstrip("/")

    def checked(self) -> "Address":
        """The same; raises ConfigError where that is no address of a server, or no token."""
        expected = "expected something like http://127.0.0.1:9090"
        try:
            parts = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise ConfigError(f"prometheus.url: cannot be read as an address, {expected}") from error
        if parts.scheme not in ("http", "https") or not parts.host:
            raise ConfigError(f"prometheus.url: is no address of a server, {expected}")
        if not (self.token.isascii() and self.token.isprintable()):
            raise ConfigError("prometheus.token_variable: holds no token, expected ASCII on one line")
        return self


class Connection:
    """All requests of one question: they share its time and its cancellation."""

    def __init__(self, address: Address, client: httpx.Client, seconds: float, line: "Line") -> None:
        self._address = address
        self._client = client
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._line = line
        self.warnings: list[str] = []
        """What the server warned of, such as parts that are missing."""

    def fetch(self, path: str, form: Mapping[str, str]) -> dict[str, object]:
        """The `data` of one answer of `/api/v1/{path}`; raises SourceUnavailable where there is none."""
        form = {**form, "timeout": f"{max(1, round(self._seconds))}s", "nocache": "1"} if "query" in form else form
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._may_be_tried_again),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_fixed(WAIT_SECONDS),
            reraise=True,
        )
        try:
            status, body = retrying(self._sent, path, form)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceUnavailable(self._reason(error)) from error
        return self._data(status, body)

    def _may_be_tried_again(self, error: BaseException) -> bool:
        is_broken = isinstance(error, httpx.ConnectError | httpx.RemoteProtocolError | httpx.ReadError)
        return is_broken and not self._line.is_cut and time.monotonic() < self._until

    def _sent(self, path: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        left = self._left()
        method = "POST" if "query" in form else "GET"
        request = self._client.build_request(
            method,
            f"{self._address.url.rstrip('/')}/api/v1/{path}",
            data=form if method == "POST" else None,
            params=None if method == "POST" else form,
            timeout=httpx.Timeout(left, connect=min(left, CONNECT_SECONDS)),
            extensions={"trace": self._line.notice},
        )
        response = self._client.send(request, stream=True)
        try:
            return response.status_code, b"".join(self._bounded(response))
        finally:
            response.close()

    def _bounded(self, response: httpx.Response) -> Iterator[bytes]:
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > LARGEST_BYTES:
                raise TooLarge(f"{self._who} answers with more than {LARGEST_BYTES >> 20} MiB: ask for less at once")
            self._left()
            yield chunk

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if self._line.is_cut:
            raise SourceUnavailable(f"the question to {self._who} was cancelled")
        if left <= 0:
            raise SourceUnavailable(f"{self._who} did not answer within {self._seconds:g} s")
        return left

    @property
    def _who(self) -> str:
        return f"Prometheus at {self._address.shown}"

    def _reason(self, error: Exception) -> str:
        if self._line.is_cut:
            return f"the question to {self._who} was cancelled"
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return f"{self._who} cannot be reached"
        if isinstance(error, httpx.TimeoutException):
            return f"{self._who} did not answer within {self._seconds:g} s"
        return f"{self._who} broke off: {self._told(str(error) or type(error).__name__)}"

    def _data(self, status: int, body: bytes) -> dict[str, object]:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        said = answer if isinstance(answer, dict) else {}
        warnings = said.get("warnings")
        for warning in warnings[:MOST_WARNINGS] if isinstance(warnings, list) else ():
            self.warnings.append(self._told(str(warning)))
        data = said.get("data")
        if status == httpx.codes.OK and said.get("status") == "success" and isinstance(data, dict):
            return data
        raise self._failure(status, said)

    def _failure(self, status: int, said: Mapping[str, object]) -> SourceUnavailable:
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return SourceUnavailable(
                f"{self._who} answers {status}: it wants another token (prometheus.token_variable)"
            )
        if isinstance(error := said.get("error"), str):
            return SourceUnavailable(f"{self._who} answers {status}: {self._told(error)}")
        if status == httpx.codes.OK or not said:
            return SourceUnavailable(f"{self._who} answers {status} with something that is no answer of Prometheus")
        return SourceUnavailable(f"{self._who} answers {status}")

    def _told(self, text: str) -> str:
        """Foreign text on one line, bounded, without the token."""
        token = self._address.token
        text = text.replace(token, "[token]") if token else text
        return "".join(c if c.isprintable() else " " for c in text)[:SAID_CHARACTERS]

    def strange(self, expected: str) -> SourceUnavailable:
        """The error for an answer of another form than expected."""
        return SourceUnavailable(f"{self._who} answers with something strange, expected {expected}")


class Line:
    """The connections of one question, which another thread may cut."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self.is_cut = False

    def notice(self, event: str, info: Mapping[str, object]) -> None:
        """Called by httpcore at each step; keeps the socket as soon as there is one."""
        if event == "connection.connect_tcp.complete":
            self._socket = info["return_value"].get_extra_info("socket")  # type: ignore[attr-defined]
            if self.is_cut:
                self.hang_up()

    def hang_up(self) -> None:
        """End the connection, whatever it is waiting for."""
        self.is_cut = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
