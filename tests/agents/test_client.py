"""The client over a scripted model: what leaves, what it costs, what is made of a reply."""

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.messages.tool import tool_call_chunk

from watchkeeper.agents.assembling import assembled, usage
from watchkeeper.agents.client import Terms
from watchkeeper.agents.meter import Limits, Price, Spent
from watchkeeper.agents.scripted import ScriptedModel, scripted_client
from watchkeeper.errors import BudgetSpent, ReplyRejected

QUESTION = [HumanMessage("Why is checkout slow?")]
SECRET = "AKIAABCDEFGHIJKLMNOP"


def test_messages_are_redacted_before_the_model_sees_them() -> None:
    model = ScriptedModel(turns=["x"])
    call = {"name": "search_logs", "args": {"text": f"key {SECRET}"}, "id": "1"}
    scripted_client(model).reply("chat", [SystemMessage(SECRET), *QUESTION, AIMessage(SECRET, tool_calls=[call])])
    assert SECRET not in repr(model.received)
    assert "[redacted:token]" in repr(model.received)


def test_the_callers_messages_stay_as_they_are() -> None:
    message = HumanMessage(SECRET)
    scripted_client(["x"]).reply("chat", [message])
    assert message.content == SECRET


def test_a_secret_that_is_split_over_blocks_is_seen() -> None:
    model = ScriptedModel(turns=["x"])
    halves = [{"type": "text", "text": half} for half in (SECRET[:8], SECRET[8:])]
    scripted_client(model).reply("chat", [HumanMessage(halves)])
    assert model.received[0][0].text == "[redacted:token]"


def test_the_budget_stops_before_the_call() -> None:
    model = ScriptedModel(turns=["x", "y"])
    client = scripted_client(model, Limits(calls=1, tokens=10_000, usd=1, seconds=60))
    client.reply("chat", QUESTION)
    with pytest.raises(BudgetSpent, match="1 of 1 calls"):
        client.reply("chat", QUESTION)
    assert len(model.received) == 1


def test_a_resumed_client_goes_on_where_it_was() -> None:
    client = scripted_client(["x"], already=Spent(calls=4, usd=0.5), price=Price(input=1, output=1))
    client.reply("chat", QUESTION)
    assert client.spent.calls == 5
    assert client.spent.usd > 0.5


def test_a_reply_may_not_be_longer_than_the_budget_allows() -> None:
    model = ScriptedModel(turns=["x"])
    scripted_client(model, Limits(calls=9, tokens=300, usd=1, seconds=60)).reply("chat", QUESTION)
    assert model.options[0]["extra_body"]["max_tokens"] < 300


def test_a_silent_model_is_asked_twice_and_no_more() -> None:
    model = ScriptedModel(turns=["", ""])
    with pytest.raises(ReplyRejected, match="the model answered nothing"):
        scripted_client(model).reply("chat", QUESTION)
    assert len(model.received) == 2


def test_a_model_that_thinks_until_its_limit_is_told_so() -> None:
    thinking = AIMessage("<think>hm, well", response_metadata={"finish_reason": "length"})
    with pytest.raises(ReplyRejected, match="nothing before its limit of tokens"):
        scripted_client([thinking, thinking]).reply("chat", QUESTION)


def test_a_refusal_is_told_without_the_models_words() -> None:
    refusal = AIMessage("", additional_kwargs={"refusal": "the intern did it"})
    with pytest.raises(ReplyRejected) as caught:
        scripted_client([refusal]).reply("chat", QUESTION)
    assert str(caught.value) == "the model refused to answer"


def test_a_reply_has_no_id() -> None:
    assert scripted_client(["x"]).reply("chat", QUESTION).id is None


def test_a_model_that_does_not_count_is_estimated() -> None:
    client = scripted_client(ScriptedModel(turns=["word " * 8], reports_usage=False))
    client.reply("chat", QUESTION)
    assert client.spent.is_estimated
    assert client.spent.reply_tokens == 10


def test_the_context_bounds_a_reply() -> None:
    model = ScriptedModel(turns=["x"])
    scripted_client(model, terms=Terms(context_tokens=1000)).reply("chat", [HumanMessage("x" * 2000)])
    assert 256 <= model.options[0]["extra_body"]["max_tokens"] < 500


def test_calls_with_one_index_and_ids_of_their_own_are_two() -> None:
    pieces = [
        AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(name=name, args="{}", id=id_, index=0)])
        for name, id_ in (("a", "1"), ("b", "2"))
    ]
    assert [call["name"] for call in assembled(pieces).tool_calls] == ["a", "b"]


def test_calls_of_one_id_get_ids_of_their_own() -> None:
    call = {"name": "a", "args": {}, "id": "same"}
    made = assembled([AIMessage("", tool_calls=[call, call])])
    assert [c["id"] for c in made.tool_calls] == ["same", "same-2"]


def test_a_call_without_a_name_is_malformed() -> None:
    piece = AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(name=None, args="{}", id="1", index=0)])
    assert [call["error"] for call in assembled([piece]).invalid_tool_calls] == ["a tool call needs the tool's name"]


@pytest.mark.parametrize("arguments", ['{"a": NaN}', "[" * 100_000, '"text"', "{'a': 1}"])
def test_what_is_no_json_object_is_malformed(arguments: str) -> None:
    piece = AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(name="a", args=arguments, id="1", index=0)])
    assert len(assembled([piece]).invalid_tool_calls) == 1


def test_text_that_cannot_be_stored_is_made_storable() -> None:
    calls = [tool_call_chunk(name="a", args='{"x": "\\ud800\\u0000y"}', id="1", index=0)]
    made = assembled([AIMessageChunk(content="a\ud800b\0c", tool_call_chunks=calls)])
    assert (made.content, made.tool_calls[0]["args"]) == ("a?bc", {"x": "?y"})


def test_usage_that_is_told_with_every_piece_is_not_added_up() -> None:
    pieces = [
        AIMessageChunk(content="x", usage_metadata={"input_tokens": 10, "output_tokens": n, "total_tokens": 10 + n})
        for n in (1, 2, 3)
    ]
    assert usage(pieces, prompt_tokens=99).reply_tokens == 3
