"""An OpenAI-compatible endpoint on this machine, made for tests: it answers with what it was given, in order.

No mind is behind it. It speaks as such servers do: streamed where a stream is asked for, usage where it is asked for.
"""

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from watchkeeper import settings
from watchkeeper.settings import Settings

MODEL = "made-model"
ENOUGH_SECONDS = 30.0
"""So long a held answer waits at most for its test to let it go."""
PIECE_CHARACTERS = 8

Answer = Callable[["_Handler", dict[str, Any]], None]
"""Writes one response, given the request's body."""


@dataclass
class Received:
    """One request, as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def value(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class MadeEndpoint:
    """What the test sees of it."""

    base_url: str
    received: list[Received] = field(default_factory=list)
    """What was posted."""
    models: Sequence[str] = (MODEL,)


class _Handler(BaseHTTPRequestHandler):
    endpoint: MadeEndpoint
    answers: Iterator[Answer]

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in self.endpoint.models]
        send_json(self, 200, {"object": "list", "data": listed})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.endpoint.received.append(Received("POST", self.path, headers, body))
        next(self.answers)(self, json.loads(body))


@contextmanager
def made_endpoint(*answers: Answer, models: Sequence[str] = (MODEL,), port: int = 0) -> Iterator[MadeEndpoint]:
    """A running endpoint that gives these answers to what is posted, and then fails the request."""
    endpoint = MadeEndpoint("", models=models)
    given = itertools.chain(answers, itertools.repeat(refusing(500, "the test gave no more answers")))
    handler = type("Handler", (_Handler,), {"endpoint": endpoint, "answers": given})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = False
    endpoint.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def settings_for(home: Path, base_url: str, **model: object) -> Settings:
    """The shipped settings, with this endpoint; `model` are more keys of that section."""
    flags = {"model.base_url": base_url, "model.name": MODEL} | {f"model.{key}": value for key, value in model.items()}
    return settings.load(flags=flags, environment={"WATCHKEEPER_HOME": str(home)})


def replying(
    text: str | None = None,
    calls: Sequence[tuple[str, str]] = (),
    *,
    finish: str | None = None,
    with_usage: bool = True,
    refusal: str | None = None,
    ends: bool = True,
) -> Answer:
    """A reply of text, or of tool calls given as name and arguments in JSON; `ends`: whether a stream is finished."""
    finish = finish or ("tool_calls" if calls else "stop")
    made = [
        {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(calls)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if made:
        message["tool_calls"] = made
    if refusal:
        message["refusal"] = refusal

    def answer(handler: _Handler, body: dict[str, Any]) -> None:
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120} if with_usage else None
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": finish}
            send_json(handler, 200, _head(body, "chat.completion") | {"choices": [choice], "usage": usage})
            return
        wants_usage = (body.get("stream_options") or {}).get("include_usage")
        events = _events(body, message, finish if ends else None, usage if wants_usage else None)
        send(handler, 200, "".join(f"data: {json.dumps(event)}\n\n" for event in events), "text/event-stream")
        if ends:
            handler.wfile.write(b"data: [DONE]\n\n")

    return answer


def refusing(status: int, message: str = "no", code: str | None = None, **headers: str) -> Answer:
    """An error, with headers named with underscores."""

    def answer(handler: _Handler, _: dict[str, Any]) -> None:
        error = {"error": {"message": message, "type": "error", "code": code}}
        send(handler, status, json.dumps(error), "application/json", **headers)

    return answer


def saying(text: str, content_type: str = "text/html") -> Answer:
    """Whatever text, with status 200."""
    return lambda handler, _: send(handler, 200, text, content_type)


def hanging_up(after: str = "") -> Answer:
    """A stream that is cut in the middle of a chunk, after so much of it."""

    def answer(handler: _Handler, _: dict[str, Any]) -> None:
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        handler.wfile.write(f"{head}{len(after) + 100:x}\r\n{after}".encode())
        handler.close_connection = True

    return answer


def holding(release: threading.Event, before: str = "") -> Answer:
    """Silence after so much of a stream, until the test is over."""

    def answer(handler: _Handler, _: dict[str, Any]) -> None:
        if before:
            send(handler, 200, before, "text/event-stream")
            handler.wfile.flush()
        release.wait(ENOUGH_SECONDS)

    return answer


def event(**delta: object) -> str:
    """One piece of a stream, as text."""
    return f"data: {json.dumps(_head({}, 'chat.completion.chunk') | {'choices': [{'index': 0, 'delta': delta}]})}\n\n"


def send_json(handler: BaseHTTPRequestHandler, status: int, body: dict[str, Any]) -> None:
    send(handler, status, json.dumps(body), "application/json")


def send(handler: BaseHTTPRequestHandler, status: int, text: str, content_type: str, **headers: str) -> None:
    handler.send_response_only(status)
    handler.send_header("Content-Type", content_type)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(text.encode())


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-0", "object": kind, "created": 0, "model": body.get("model", MODEL)}


def _events(
    body: dict[str, Any], message: dict[str, Any], finish: str | None, usage: dict[str, int] | None
) -> Iterator[dict[str, Any]]:
    head = _head(body, "chat.completion.chunk")
    text = message["content"] or ""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[at : at + PIECE_CHARACTERS]} for at in range(0, len(text), PIECE_CHARACTERS)]
    if "refusal" in message:
        deltas.append({"refusal": message["refusal"]})
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        half = len(function["arguments"]) // 2
        first = {"index": index, "id": call["id"], "type": "function"}
        opening = {"name": function["name"], "arguments": function["arguments"][:half]}
        deltas.append({"tool_calls": [first | {"function": opening}]})
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": function["arguments"][half:]}}]})
    for delta in deltas:
        yield head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    if finish:
        yield head | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    if finish and usage:
        yield head | {"choices": [], "usage": usage}
