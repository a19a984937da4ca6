"""A running watchkeeper as a source: every question over HTTP, answered by the process that owns the file."""

import socket
from collections.abc import Mapping

import httpx
import pyarrow as pa
from pydantic import BaseModel

from watchkeeper.errors import ConfigError, QueryRejected, SourceUnavailable
from watchkeeper.telemetry import wire
from watchkeeper.telemetry.sources import (
    Answer,
    CallQuery,
    Cancel,
    ChangeQuery,
    EventQuery,
    ExtentQuery,
    FeedbackQuery,
    LogCountQuery,
    LogQuery,
    MetricBucketQuery,
    MetricQuery,
    PortionQuery,
    RedQuery,
    SpanQuery,
    UserQuery,
)

GRACE_SECONDS = 5.0
"""How much longer than the query's own limit the server may take to say that it was too long."""
CONNECT_SECONDS = 5.0
_TOKEN = (
    "set WATCHKEEPER_TOKEN to one with the scope read (`watchkeeper token create NAME --scope read` on its machine "
    "makes one)"
)


class Remote:
    """Everything that the server at `url` (such as http://127.0.0.1:4318) can answer; implements `Sources`.

    It wants a token with the scope `read`; raises ConfigError where that is missing or not taken.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = httpx.URL(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.host:
            raise QueryRejected(f"{url!r} is no address of a server, expected something like http://127.0.0.1:4318")
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ConfigError("the token is none: expected wk_ and 43 letters, digits, - or _, on one line")
        self.url = str(parts).rstrip("/")
        self._headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})

    def is_there(self) -> bool:
        """Whether a watchkeeper answers at the address within a second."""
        try:
            answer = httpx.get(f"{self.url}/healthz", timeout=1.0, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK and "watchkeeper" in answer.text

    def points(self, query: MetricQuery, cancel: Cancel | None = None) -> Answer:
        """Points of metrics."""
        return self._ask("points", query, query.timeout_seconds, cancel)

    def metric_buckets(self, query: MetricBucketQuery, cancel: Cancel | None = None) -> Answer:
        """Gauges and sums per step."""
        return self._ask("metric_buckets", query, query.timeout_seconds, cancel)

    def records(self, query: LogQuery, cancel: Cancel | None = None) -> Answer:
        """Log records."""
        return self._ask("records", query, query.timeout_seconds, cancel)

    def log_counts(self, query: LogCountQuery, cancel: Cancel | None = None) -> Answer:
        """How many records per step."""
        return self._ask("log_counts", query, query.timeout_seconds, cancel)

    def spans(self, query: SpanQuery, cancel: Cancel | None = None) -> Answer:
        """Spans, whole traces."""
        return self._ask("spans", query, query.timeout_seconds, cancel)

    def red(self, query: RedQuery, cancel: Cancel | None = None) -> Answer:
        """Requests, errors, durations per step."""
        return self._ask("red", query, query.timeout_seconds, cancel)

    def calls(self, query: CallQuery, cancel: Cancel | None = None) -> Answer:
        """Who calls whom, per step."""
        return self._ask("calls", query, query.timeout_seconds, cancel)

    def portions(self, query: PortionQuery, cancel: Cancel | None = None) -> Answer:
        """Requests by attribute and value."""
        return self._ask("portions", query, query.timeout_seconds, cancel)

    def users(self, query: UserQuery, cancel: Cancel | None = None) -> Answer:
        """How many people sent requests, and how many met trouble."""
        return self._ask("users", query, query.timeout_seconds, cancel)

    def changes(self, query: ChangeQuery, cancel: Cancel | None = None) -> Answer:
        """Changes that began in the window."""
        return self._ask("changes", query, query.timeout_seconds, cancel)

    def feedback(self, query: FeedbackQuery, cancel: Cancel | None = None) -> Answer:
        """Feedback given in the window."""
        return self._ask("feedback", query, query.timeout_seconds, cancel)

    def events(self, query: EventQuery, cancel: Cancel | None = None) -> Answer:
        """Product events in the window."""
        return self._ask("events", query, query.timeout_seconds, cancel)

    def extent(self, query: ExtentQuery, cancel: Cancel | None = None) -> Answer:
        """What is there at all."""
        return self._ask("extent", query, query.timeout_seconds, cancel)

    def _ask(self, question: str, query: BaseModel, timeout_seconds: float, cancel: Cancel | None) -> Answer:
        line = _Line()
        forget = cancel.register(line.hang_up) if cancel else None
        try:
            return self._answer(question, query, timeout_seconds, line)
        finally:
            if forget:
                forget()

    def _answer(self, question: str, query: BaseModel, timeout_seconds: float, line: "_Line") -> Answer:
        asked = f"watchkeeper at {self.url}"
        timeout = httpx.Timeout(timeout_seconds + GRACE_SECONDS, connect=CONNECT_SECONDS)
        try:
            with httpx.Client(timeout=timeout, trust_env=False) as client:
                response = client.post(
                    f"{self.url}/v1/query/{question}",
                    content=query.model_dump_json(),
                    headers=self._headers,
                    extensions={"trace": line.notice},
                )
        except httpx.HTTPError as error:
            raise SourceUnavailable(line.reason(asked, question, timeout_seconds, error)) from error
        return _read(response, asked, question)


class _Line:
    """The connection of one question, which another thread may cut."""

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
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it was over already

    def reason(self, asked: str, question: str, timeout_seconds: float, error: httpx.HTTPError) -> str:
        """One sentence for what went wrong."""
        if self.is_cut:
            return f"the question {question} to {asked} was cancelled"
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return f"{asked} cannot be reached ({error}); is `watchkeeper serve` running?"
        if isinstance(error, httpx.TimeoutException):
            return f"{asked} did not answer {question} within {timeout_seconds:g} s"
        return f"{asked} broke off while answering {question}: {error or type(error).__name__}"


def _read(response: httpx.Response, asked: str, question: str) -> Answer:
    if response.status_code == httpx.codes.BAD_REQUEST:
        raise QueryRejected(_detail(response))
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise ConfigError(f"{asked} wants a token that it knows: {_TOKEN}")
    if response.status_code == httpx.codes.FORBIDDEN:
        raise ConfigError(f"{asked}: {_detail(response)}; {_TOKEN}")
    if response.status_code != httpx.codes.OK:
        raise SourceUnavailable(f"{asked} answered {question} with {response.status_code}: {_detail(response)}")
    try:
        return wire.answer_from(response.content)
    except pa.ArrowException as error:
        raise SourceUnavailable(f"{asked} answered {question} with something that is no Arrow stream") from error


def _detail(response: httpx.Response) -> str:
    """The reason in a problem+json body, else the beginning of whatever came."""
    try:
        body = response.json()
    except ValueError:
        return response.text[:200]
    return str(body.get("detail", body))[:500] if isinstance(body, dict) else str(body)[:200]
