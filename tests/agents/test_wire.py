"""Six exchanges with an endpoint, as they went over the wire: what is sent must stay the same, byte for byte.

The cassettes hold what the program `tests/made_endpoint.py` answered over loopback; no model was behind it. They are
replayed without a network. To record them anew, after a change of what is sent:

    RECORD_CASSETTES=1 pytest tests/agents/test_wire.py
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vcr
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.persisters.filesystem import FilesystemPersister

from made_endpoint import Answer, made_endpoint, refusing, replying, settings_for
from watchkeeper.agents.client import Client
from watchkeeper.agents.endpoint import open_client

RECORDS = os.environ.get("RECORD_CASSETTES") == "1"
CASSETTES = Path(__file__).parent / "cassettes"
PORT = 18765
"""Of the endpoint while it is recorded; where it is replayed, nothing listens there."""
HEADER = """# What tests/made_endpoint.py, a program that gives scripted answers over loopback, answered to the client.
# No model was behind it. Recorded by RECORD_CASSETTES=1 pytest tests/agents/test_wire.py
"""
KEPT_HEADERS = ("content-type",)
EXPECTED = {
    "tool_call",
    "structured_output",
    "stream",
    "rate_limit_then_success",
    "broken_stream_then_success",
    "unknown_tool",
}

SYSTEM = SystemMessage("You look for the cause of an incident.")
QUESTION = HumanMessage("Why is checkout slow?")


class WithHeader(FilesystemPersister):
    """Cassettes that say who answered."""

    @staticmethod
    def save_cassette(cassette_path: Path, cassette_dict: Any, serializer: Any) -> None:
        FilesystemPersister.save_cassette(cassette_path, cassette_dict, serializer)
        path = Path(cassette_path)
        path.write_text(HEADER + path.read_text())


class Verdict(BaseModel):
    component: str
    is_release: bool


@tool
def search_logs(service: str) -> str:
    """Search the logs of a service."""
    raise NotImplementedError(service)


def _asked(request: Any) -> Any:
    request.headers = {name: value for name, value in request.headers.items() if name.lower() in KEPT_HEADERS}
    return request


def _answered(response: Any) -> Any:
    kept = (*KEPT_HEADERS, "retry-after")
    response["headers"] = {name: value for name, value in response["headers"].items() if name.lower() in kept}
    return response


@contextlib.contextmanager
def wire(home: Path, name: str, *answers: Answer, waits: list[float] | None = None) -> Iterator[Client]:
    """A client whose exchanges are those of a cassette; the answers are given only while it is recorded."""
    recorder = vcr.VCR(
        record_mode="all" if RECORDS else "none",
        drop_unused_requests=RECORDS,
        match_on=("method", "host", "path", "body"),
        filter_headers=("authorization",),
        before_record_request=_asked,
        before_record_response=_answered,
    )
    recorder.register_persister(WithHeader)
    with contextlib.ExitStack() as stack:
        if RECORDS:
            stack.enter_context(made_endpoint(*answers, port=PORT))
        cassette = stack.enter_context(recorder.use_cassette(str(CASSETTES / f"{name}.yaml")))
        chosen = settings_for(home, f"http://127.0.0.1:{PORT}/v1", api_key_variable="NO_SUCH_KEY")
        sleep = [].append if waits is None else waits.append
        yield stack.enter_context(open_client(chosen, sleep=sleep))
        assert RECORDS or cassette.all_played


def test_a_tool_is_called_and_its_result_is_sent_back(home: Path) -> None:
    call = replying(calls=[("search_logs", '{"service": "cart"}')])
    with wire(home, "tool_call", call, replying("The cart's pool is exhausted.")) as client:
        calling = client.reply("investigator", [SYSTEM, QUESTION], [search_logs])
        result = ToolMessage(
            "HikariPool-1 - Connection is not available", tool_call_id=str(calling.tool_calls[0]["id"])
        )
        answer = client.reply("investigator", [SYSTEM, QUESTION, calling, result], [search_logs])
    assert calling.tool_calls[0]["args"] == {"service": "cart"}
    assert answer.content == "The cart's pool is exhausted."


def test_an_answer_comes_structured(home: Path) -> None:
    with wire(home, "structured_output", replying('{"component": "cart", "is_release": false}')) as client:
        verdict = client.structured("investigator", [SYSTEM, QUESTION], Verdict)
    assert verdict == Verdict(component="cart", is_release=False)


def test_a_reply_comes_in_pieces(home: Path) -> None:
    with wire(home, "stream", replying("The cart's pool is exhausted since 10:02.")) as client:
        pieces: list[str] = []
        client.on_token = pieces.append
        answer = client.reply("chat", [QUESTION])
        assert client.spent.tokens == 120
    assert len(pieces) > 3
    assert "".join(pieces) == answer.content


def test_a_rate_limit_is_waited_out(home: Path) -> None:
    waits: list[float] = []
    limited = refusing(429, "slow down", Retry_After="2")
    with wire(home, "rate_limit_then_success", limited, replying("The cart."), waits=waits) as client:
        assert client.reply("chat", [QUESTION]).content == "The cart."
    assert waits == [2.0]


def test_a_stream_that_ends_too_early_is_begun_anew(home: Path) -> None:
    # Its body is whole for HTTP; what is missing is the reason why the model stopped.
    broken = replying("The cart's pool is", ends=False)
    with wire(home, "broken_stream_then_success", broken, replying("The cart's pool is exhausted.")) as client:
        assert client.reply("chat", [QUESTION]).content == "The cart's pool is exhausted."
        assert client.spent.calls == 2


def test_a_tool_that_does_not_exist_is_told_to_the_model(home: Path) -> None:
    unknown = replying(calls=[("restart_service", '{"service": "cart"}')])
    with wire(home, "unknown_tool", unknown, replying("Then I look at its logs.")) as client:
        calling = client.reply("investigator", [SYSTEM, QUESTION], [search_logs])
        no_tool = ToolMessage("there is no tool restart_service", tool_call_id=str(calling.tool_calls[0]["id"]))
        answer = client.reply("investigator", [SYSTEM, QUESTION, calling, no_tool], [search_logs])
    assert calling.tool_calls[0]["name"] == "restart_service"
    assert answer.content == "Then I look at its logs."


def test_there_are_six_cassettes_and_each_says_who_answered() -> None:
    cassettes = sorted(CASSETTES.glob("*.yaml"))
    assert {path.stem for path in cassettes} == EXPECTED
    assert all(path.read_text().startswith(HEADER) for path in cassettes)


def test_no_key_is_in_a_cassette() -> None:
    kept = "".join(path.read_text().lower() for path in CASSETTES.glob("*.yaml"))
    assert "authorization" not in kept
    assert "bearer" not in kept


@pytest.mark.skipif(RECORDS, reason="while cassettes are recorded everything is new")
def test_a_request_that_was_not_recorded_is_refused(home: Path) -> None:
    with pytest.raises(CannotOverwriteExistingCassetteException), wire(home, "stream") as client:
        client.reply("chat", [HumanMessage("Something else?")])


def test_a_secret_never_reaches_a_cassette(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    call = {"name": "search_logs", "args": {"service": f"token={secret}"}, "id": "1"}
    messages = [
        HumanMessage(f"the key is {secret}"),
        AIMessage("", tool_calls=[call]),
        ToolMessage(secret, tool_call_id="1"),
    ]
    with (
        made_endpoint(replying("x")) as endpoint,
        vcr.VCR(record_mode="all").use_cassette(str(path)),
        open_client(settings_for(home, endpoint.base_url)) as client,
    ):
        client.reply("chat", messages)
    assert "[redacted:" in path.read_text()
    assert secret not in path.read_text()
