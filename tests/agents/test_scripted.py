"""A model that follows a script: what a turn may be, and that it keeps what it was told."""

import itertools

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import tool

from watchkeeper.agents.scripted import ScriptedModel, scripted_client
from watchkeeper.errors import ModelUnavailable

QUESTION = [HumanMessage("Why?")]


@tool
def search_logs(service: str) -> str:
    """Search the logs of a service."""
    raise NotImplementedError(service)


def test_a_text_is_said() -> None:
    assert ScriptedModel(turns=["Because."]).invoke(QUESTION).content == "Because."


def test_a_name_with_arguments_is_a_tool_call() -> None:
    message = ScriptedModel(turns=[("search_logs", {"service": "cart"})]).invoke(QUESTION)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [("search_logs", {"service": "cart"})]


def test_several_tool_calls_have_ids_of_their_own() -> None:
    message = ScriptedModel(turns=[[("a", {}), ("b", {})]]).invoke(QUESTION)
    assert len({call["id"] for call in message.tool_calls}) == 2


def test_a_message_is_given_as_it_is_with_broken_calls_and_reason() -> None:
    broken = {"type": "invalid_tool_call", "name": "search_logs", "args": "{oops", "id": "1", "error": None}
    turn = AIMessage("", invalid_tool_calls=[broken], response_metadata={"finish_reason": "stop"})
    message = scripted_client([turn]).reply("chat", QUESTION)
    assert [(call["name"], call["args"]) for call in message.invalid_tool_calls] == [("search_logs", "{oops")]


def test_a_function_answers_to_what_was_said() -> None:
    def echo(messages: list[BaseMessage]) -> str:
        return f"You said {messages[-1].text}"

    assert scripted_client([echo]).reply("chat", QUESTION).content == "You said Why?"


def test_an_error_is_raised() -> None:
    with pytest.raises(ModelUnavailable, match="gone"):
        scripted_client([ModelUnavailable("gone")]).reply("chat", QUESTION)


def test_a_script_may_have_no_end() -> None:
    client = scripted_client(itertools.repeat(("search_logs", {"service": "cart"})))
    replies = [client.reply("chat", QUESTION) for _ in range(5)]
    assert {call["name"] for reply in replies for call in reply.tool_calls} == {"search_logs"}


def test_one_call_too_many_fails_the_test() -> None:
    client = scripted_client(["x"])
    client.reply("chat", QUESTION)
    with pytest.raises(AssertionError, match="the script is over"):
        client.reply("chat", QUESTION)


def test_it_keeps_the_messages_and_tools_that_it_was_given() -> None:
    model = ScriptedModel(turns=["x", "y"])
    client = scripted_client(model)
    client.reply("chat", QUESTION, [search_logs])
    client.reply("chat", [HumanMessage("And now?")])
    assert [messages[0].text for messages in model.received] == ["Why?", "And now?"]
    assert model.options[0]["tools"][0]["function"]["name"] == "search_logs"


def test_it_streams_and_counts() -> None:
    pieces = list(ScriptedModel(turns=["A text that is longer than a piece."]).stream(QUESTION))
    assert "".join(str(piece.text) for piece in pieces) == "A text that is longer than a piece."
    assert len(pieces) > 2
    assert next(p for p in pieces if p.usage_metadata).usage_metadata["output_tokens"] == 8  # type: ignore[index]


def test_tools_can_be_bound_to_it() -> None:
    model = ScriptedModel(turns=["x"])
    model.bind_tools([search_logs]).invoke(QUESTION)
    assert model.options[0]["tools"][0]["function"]["name"] == "search_logs"
