"""An endpoint that plays a whole investigation of a recorded bad deploy, turn by turn, and fails where a test wants it.

No mind is behind it. The turns are the same for every test; what differs is what goes wrong, and when.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from made_endpoint import ENOUGH_SECONDS, Answer, MadeEndpoint, made_endpoint, refusing, replying
from watchkeeper import library
from watchkeeper.evaluation.recording import TELEMETRY

RECORDING = library.HOME / "evals" / "incidents" / "bad-deploy-checkout" / TELEMETRY
AT = "2026-11-21T12:45:35Z"
CAUSE, KIND, CHANGE = "checkout", "bad-change", "checkout-1.3.6-20261121T124427-90aa4a"
KEY = "sk-proj-Zq3vXh8LmT0cRb5YwKd2Nf7J"
"""What stands for the person's key; it may be in no output."""

REPEATED = 'first(per_request) where service = "checkout"'
FINDINGS = json.dumps(
    {
        "hypotheses": [
            {
                "component": CAUSE,
                "kind": KIND,
                "probability": 0.9,
                "change_id": CHANGE,
                "claims": [{"evidence": "e12", "selector": REPEATED, "operator": ">", "value": 10, "about": CAUSE}],
            }
        ],
        "sentences": [f"Each request of checkout now makes {{{{e12: {REPEATED} | x}}}} queries."],
    }
)


def calling(tool: str, **arguments: object) -> Answer:
    """A turn that asks for a tool."""
    return replying(calls=[(tool, json.dumps(arguments))])


def choosing(name: str, question: str = "What is it?") -> Answer:
    """A supervisor's turn."""
    return replying(json.dumps({"next": name, "question": question}))


TURNS: tuple[Answer, ...] = (
    calling("inside_requests", service="checkout", what="own_time"),
    calling("changes", hours=1),
    replying("A deploy made the queries many; I know enough."),
    replying(FINDINGS),
)
"""A good investigation by one investigator, the way that endpoints answer which understand schemas."""
REPORT = len(TURNS) - 1
"""The place of the findings in it."""
SPECIALISTS: tuple[Answer, ...] = (
    choosing("monitoring-specialist"),
    calling("service_overview", by_operation=True),
    replying("checkout first (e1)"),
    choosing("incident-responder"),
    calling("changes", hours=1),
    replying("deploy 1.3.6 (e6), many queries (e12)"),
    choosing("report"),
    replying(FINDINGS),
)


def silent(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    """The connection is closed without a word."""
    handler.close_connection = True


@dataclass
class Held:
    """An answer that does not come before the test is over; the test learns when it was asked for."""

    asked: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    then: Answer = silent

    def __call__(self, handler: Any, body: dict[str, Any]) -> None:
        self.asked.set()
        self.over.wait(ENOUGH_SECONDS)
        self.then(handler, body)


def small(context_tokens: int, characters_a_token: float, turns: Callable[[dict[str, Any]], Answer]) -> Answer:
    """An endpoint that refuses what does not fit its context, counted with all that is sent and the reply's length."""

    def answer(handler: Any, body: dict[str, Any]) -> None:
        sent = {key: body[key] for key in ("messages", "tools", "response_format") if key in body}
        tokens = len(json.dumps(sent, ensure_ascii=False)) / characters_a_token + body["max_tokens"]
        if tokens > context_tokens:
            said = f"This model's maximum context length is {context_tokens} tokens, you requested {tokens:.0f}"
            return refusing(400, said, "context_length_exceeded")(handler, body)
        return turns(body)(handler, body)

    return answer


@contextmanager
def playing(*answers: Answer) -> Iterator[MadeEndpoint]:
    """A running endpoint with these turns; whoever is still held at the end is let go."""
    held = [answer for answer in answers if isinstance(answer, Held)]
    with made_endpoint(*answers) as endpoint:
        try:
            yield endpoint
        finally:
            for each in held:
                each.over.set()
