"""An endpoint over loopback: what it is asked, and what becomes of everything that goes wrong with it."""

import gc
import os
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool

from made_endpoint import (
    MODEL,
    Answer,
    event,
    hanging_up,
    holding,
    made_endpoint,
    refusing,
    replying,
    saying,
    settings_for,
)
from watchkeeper.agents.endpoint import open_client
from watchkeeper.agents.meter import Limits, Spent
from watchkeeper.errors import BudgetSpent, ConfigError, ModelUnavailable, ReplyRejected

KEY = "sk-secret-0123456789abcdefghij"
QUESTION = [HumanMessage("Why is checkout slow?")]
A_MOMENT_SECONDS = 0.05
"""A timeout for requests that are never answered."""


@tool
def search_logs(service: str) -> str:
    """Search the logs of a service."""
    raise NotImplementedError(service)


@pytest.fixture(autouse=True)
def no_variables_of_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("OPENAI", "LANGSMITH", "LANGCHAIN"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def ask(home: Path, *answers: Answer, waits: list[float] | None = None, **model: object) -> AIMessage:
    """One reply of an endpoint that gives these answers."""
    with (
        made_endpoint(*answers) as endpoint,
        open_client(settings_for(home, endpoint.base_url, **model), sleep=(waits or []).append) as client,
    ):
        return client.reply("investigator", QUESTION, [search_logs])


def told(home: Path, *answers: Answer, waits: list[float] | None = None, **model: object) -> str:
    """The sentence with which an endpoint that gives these answers fails."""
    with pytest.raises(ModelUnavailable) as caught:
        ask(home, *answers, waits=waits, **model)
    return str(caught.value)


def test_a_streamed_reply_is_one_message_with_its_tokens(home: Path) -> None:
    message = ask(home, replying("Because the pool is exhausted."))
    assert message.content == "Because the pool is exhausted."
    assert message.usage_metadata == {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}


def test_a_streamed_tool_call_is_whole_again(home: Path) -> None:
    message = ask(home, replying(calls=[("search_logs", '{"service": "cart"}'), ("search_logs", '{"service": "pay"}')]))
    assert [(call["name"], call["args"], call["id"]) for call in message.tool_calls] == [
        ("search_logs", {"service": "cart"}, "call_0"),
        ("search_logs", {"service": "pay"}, "call_1"),
    ]


def test_the_request_names_model_tools_and_the_length_of_a_reply(home: Path) -> None:
    with (
        made_endpoint(replying("x")) as endpoint,
        open_client(settings_for(home, endpoint.base_url, output_tokens=700)) as client,
    ):
        client.reply("chat", QUESTION, [search_logs])
    body = endpoint.received[0].value
    assert (body["model"], body["max_tokens"], body["temperature"], body["stream"]) == (MODEL, 700, 0, True)
    assert body["tools"][0]["function"]["name"] == "search_logs"
    assert "max_completion_tokens" not in body


def test_a_reply_has_room_only_in_what_the_context_leaves(home: Path) -> None:
    long = [HumanMessage("word " * 3000)]
    with (
        made_endpoint(replying("x")) as endpoint,
        open_client(settings_for(home, endpoint.base_url, context_tokens=4500)) as client,
    ):
        client.reply("chat", long)
    assert endpoint.received[0].value["max_tokens"] < 4500 - 3000


def test_pieces_are_told_as_they_come(home: Path) -> None:
    pieces: list[str] = []
    with (
        made_endpoint(replying("Because of the pool.")) as endpoint,
        open_client(settings_for(home, endpoint.base_url), on_token=pieces.append) as client,
    ):
        client.reply("chat", QUESTION)
    assert len(pieces) > 1
    assert "".join(pieces) == "Because of the pool."


def test_an_endpoint_that_cannot_stream_is_asked_for_the_whole(home: Path) -> None:
    def never_streamed(handler: object, body: dict[str, object]) -> None:
        replying("All at once.")(handler, {**body, "stream": False})  # type: ignore[arg-type]

    with made_endpoint(*[never_streamed] * 3) as endpoint, open_client(settings_for(home, endpoint.base_url)) as client:
        first = client.reply("chat", QUESTION)
        client.reply("chat", QUESTION)
    assert first.content == "All at once."
    assert [request.value.get("stream", False) for request in endpoint.received] == [True, False, False]


def test_tokens_that_the_endpoint_does_not_tell_are_estimated_and_marked(home: Path) -> None:
    with (
        made_endpoint(replying("word " * 40, with_usage=False)) as endpoint,
        open_client(settings_for(home, endpoint.base_url)) as client,
    ):
        message = client.reply("chat", QUESTION)
        spent = client.spent
    assert spent.is_estimated
    assert spent.reply_tokens == 50
    assert message.response_metadata["usage"] == "estimated"


def test_malformed_arguments_come_back_with_the_reason(home: Path) -> None:
    message = ask(home, replying(calls=[("search_logs", '{"service": "cart'), ("search_logs", "[1]")]))
    assert message.tool_calls == []
    assert [call["args"] for call in message.invalid_tool_calls] == ['{"service": "cart', "[1]"]
    assert "not JSON" in str(message.invalid_tool_calls[0]["error"])


def test_malformed_arguments_are_shown_to_the_model_again_as_json(home: Path) -> None:
    with (
        made_endpoint(replying(calls=[("search_logs", "{oops")]), replying("x")) as endpoint,
        open_client(settings_for(home, endpoint.base_url)) as client,
    ):
        broken = client.reply("chat", QUESTION, [search_logs])
        answer = ToolMessage("bad arguments", tool_call_id=str(broken.invalid_tool_calls[0]["id"]))
        client.reply("chat", [*QUESTION, broken, answer], [search_logs])
    call = endpoint.received[1].value["messages"][1]["tool_calls"][0]
    assert (call["id"], call["function"]["arguments"]) == ("call_0", '{"malformed": "{oops"}')


def test_a_tool_call_in_text_is_left_as_text(home: Path) -> None:
    text = '{"name": "search_logs", "arguments": {"service": "cart"}}'
    assert ask(home, replying(text)).content == text


def test_an_empty_reply_is_asked_for_once_more(home: Path) -> None:
    assert ask(home, replying(""), replying("Now then.")).content == "Now then."


def test_two_empty_replies_are_rejected(home: Path) -> None:
    assert told(home, replying(""), replying("  ")) == "the model answered nothing"


def test_a_refusal_is_told(home: Path) -> None:
    assert told(home, replying("", refusal="I cannot help with that.")) == "the model refused to answer"


def test_a_reply_that_a_filter_stopped_is_a_refusal(home: Path) -> None:
    assert told(home, replying("I ca", finish="content_filter")) == "the endpoint's filter stopped the answer"


def test_a_tool_call_that_was_cut_off_at_the_limit_is_rejected(home: Path) -> None:
    with pytest.raises(ReplyRejected, match="cut off in a tool call"):
        ask(home, replying(calls=[("search_logs", '{"service": "ca')], finish="length"))


def test_what_a_model_thinks_aloud_is_left_out(home: Path) -> None:
    assert ask(home, replying("<think>The user wants…</think>\n\nThe pool.")).content == "The pool."


def test_a_rate_limit_is_waited_out_as_long_as_it_says(home: Path, waits: list[float]) -> None:
    with (
        made_endpoint(refusing(429, Retry_After="7"), replying("x")) as endpoint,
        open_client(settings_for(home, endpoint.base_url), sleep=waits.append) as client,
    ):
        client.reply("chat", QUESTION)
    assert waits == [7.0]


def test_a_rate_limit_may_name_a_date(home: Path, waits: list[float]) -> None:
    limited = refusing(429, Date="Mon, 02 Nov 2026 10:00:00 GMT", Retry_After="Mon, 02 Nov 2026 10:00:30 GMT")
    with (
        made_endpoint(limited, replying("x")) as endpoint,
        open_client(settings_for(home, endpoint.base_url), sleep=waits.append) as client,
    ):
        client.reply("chat", QUESTION)
    assert waits == [30.0]


def test_a_rate_limit_beyond_the_time_left_ends_it_at_once(home: Path) -> None:
    sentence = told(home, refusing(429, Retry_After="3600"), seconds=60)
    assert "limits requests (429), it asks to wait 3600 s" in sentence


def test_server_errors_are_tried_again_so_often_and_no_more(home: Path) -> None:
    sentence = told(home, *[refusing(503, "overloaded")] * 3, attempts=3)
    assert "answered 503: overloaded" in sentence
    assert sentence.endswith("tried 3 times")


def test_a_quota_that_is_used_up_is_not_tried_again(home: Path) -> None:
    assert "no quota left" in told(home, refusing(429, code="insufficient_quota"), replying("x"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_request_that_is_wrong_is_not_tried_again(home: Path, status: int) -> None:
    with (
        made_endpoint(refusing(status), replying("x")) as endpoint,
        open_client(settings_for(home, endpoint.base_url)) as client,
        pytest.raises(ModelUnavailable),
    ):
        client.reply("chat", QUESTION)
    assert len(endpoint.received) == 1


def test_a_refused_key_is_told_by_the_name_of_its_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    sentence = told(home, refusing(401, f"Incorrect API key provided: {KEY}"))
    assert sentence.endswith("refuses the key in $OPENAI_API_KEY (401)")


def test_a_missing_key_is_told_by_the_name_of_its_variable(home: Path) -> None:
    sentence = told(home, refusing(401), api_key_variable="MY_KEY")
    assert sentence.endswith("wants a key, and $MY_KEY holds none (401)")


def test_the_key_is_in_no_text_of_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, mail = "-".join(["a", "key", "of", "no", "known", "form"]), "@".join(["me", "shop.example"])
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ModelUnavailable) as caught:
        ask(home, refusing(400, f"you sent {key}, mail {mail}"))
    told_in_full = "".join(traceback.format_exception(caught.value))
    assert "you sent [redacted:key], mail [redacted:email]" in told_in_full
    assert key not in told_in_full
    assert mail not in told_in_full


def test_a_key_with_a_line_break_at_its_end_is_used_without(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    with made_endpoint(replying("x")) as endpoint, open_client(settings_for(home, endpoint.base_url)) as client:
        client.reply("chat", QUESTION)
    assert endpoint.received[0].headers["authorization"] == f"Bearer {KEY}"


def test_an_unknown_model_is_told_with_what_to_set(home: Path) -> None:
    sentence = told(home, refusing(404, "model 'made-model' not found"))
    assert "set model.name and model.base_url; it says: model 'made-model' not found" in sentence


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
        "the request exceeds the available context size, try increasing it",
    ],
)
def test_a_conversation_that_is_too_long_is_told_so(home: Path, said: str) -> None:
    sentence = told(home, refusing(400, said))
    assert "set model.context_tokens lower" in sentence


def test_a_redirect_is_not_followed(home: Path) -> None:
    with made_endpoint(replying("x")) as elsewhere:
        sentence = told(home, refusing(307, Location=f"{elsewhere.base_url}/chat/completions"))
    assert elsewhere.received == []
    assert f"set model.base_url; to {elsewhere.base_url}" in sentence


@pytest.mark.parametrize("body", ["<html>Welcome to the router</html>", "data: {oops\n\n", "null", '{"a": 1}', ""])
def test_garbage_is_told_to_be_none_of_an_endpoint(home: Path, body: str) -> None:
    sentence = told(home, *[saying(body)] * 6)
    assert "does not answer as an OpenAI-compatible endpoint does" in sentence


@pytest.mark.parametrize("piece", ["[]", "1", '{"choices": 3}', '{"choices": [{"delta": {"tool_calls": [7]}}]}'])
def test_a_stream_of_garbage_is_a_sentence(home: Path, piece: str) -> None:
    stream = saying(f"{event(content='Be')}data: {piece}\n\n", "text/event-stream")
    assert told(home, *[stream] * 6).startswith("the model at http://127.0.0.1:")


def stream_of(*choices: str, usage: str = "null") -> Answer:
    """A stream of these choices, in JSON."""
    events = [f'data: {{"id": 1, "choices": [{choice}], "usage": {usage}}}\n\n' for choice in choices]
    return saying("".join(events), "text/event-stream")


DONE = '{"index": 0, "delta": {}, "finish_reason": "stop"}'


def test_a_tool_call_without_index_and_with_arguments_as_an_object_is_understood(home: Path) -> None:
    call = '{"id": "7", "function": {"name": "search_logs", "arguments": {"service": "cart"}}}'
    message = ask(home, stream_of(f'{{"index": 0, "delta": {{"tool_calls": [{call}]}}}}', DONE))
    assert [(c["name"], c["args"]) for c in message.tool_calls] == [("search_logs", {"service": "cart"})]


def test_a_reply_in_the_name_of_somebody_else_is_the_models(home: Path) -> None:
    message = ask(home, stream_of('{"index": 0, "delta": {"role": "user", "content": "Because."}}', DONE))
    assert message.content == "Because."


@pytest.mark.parametrize(
    "usage", ["{}", "7", '{"prompt_tokens": "many"}', '{"prompt_tokens": 3, "completion_tokens": -9}']
)
def test_counts_that_are_none_are_estimated(home: Path, usage: str) -> None:
    said = '{"index": 0, "delta": {"role": "assistant", "content": "Because."}}'
    assert ask(home, stream_of(said, DONE, usage=usage)).response_metadata["usage"] == "estimated"


def test_an_error_inside_a_stream_is_tried_again(home: Path) -> None:
    stream = saying(f'{event(content="Be")}data: {{"error": {{"message": "worker died"}}}}\n\n', "text/event-stream")
    assert ask(home, stream, replying("Because.")).content == "Because."


def test_a_stream_cut_in_the_middle_is_begun_anew(home: Path) -> None:
    assert ask(home, hanging_up(event(content="Be")), replying("Because.")).content == "Because."


def test_a_stream_that_ends_without_an_end_is_begun_anew(home: Path) -> None:
    assert ask(home, replying("Beca", ends=False), replying("Because.")).content == "Because."


def test_a_stream_that_ends_in_the_middle_of_a_piece_is_begun_anew(home: Path) -> None:
    broken = saying(f"{event(content='Be')}{event(content='cause')[:-20]}", "text/event-stream")
    assert ask(home, broken, replying("Because.")).content == "Because."


def test_a_stream_that_breaks_every_time_is_told_so(home: Path) -> None:
    sentence = told(home, *[replying("Beca", ends=False)] * 3)
    assert sentence.endswith("broke off in the middle of its reply, tried 3 times")


def test_what_a_broken_stream_cost_is_counted(home: Path) -> None:
    with (
        made_endpoint(replying("Beca" * 10, ends=False), replying("x")) as endpoint,
        open_client(settings_for(home, endpoint.base_url), sleep=lambda _: None) as client,
    ):
        client.reply("chat", QUESTION)
        spent = client.spent
    assert (spent.calls, spent.reply_tokens) == (2, 10 + 20)


def test_a_server_that_goes_away_in_mid_run_is_told(home: Path, waits: list[float]) -> None:
    with made_endpoint(replying("x")) as endpoint:
        client = open_client(settings_for(home, endpoint.base_url), sleep=waits.append)
        client.reply("chat", QUESTION)
    with client, pytest.raises(ModelUnavailable, match=r"cannot be reached or hung up: .*refused.*tried 3 times"):
        client.reply("chat", QUESTION)
    assert waits == [1.0, 2.0]


def test_a_silent_server_is_given_up_after_the_timeout(home: Path, release: threading.Event) -> None:
    with made_endpoint(holding(release)) as endpoint:
        chosen = settings_for(home, endpoint.base_url, request_timeout_seconds=A_MOMENT_SECONDS)
        with open_client(chosen) as client, pytest.raises(ModelUnavailable, match=r"did not answer within 0\.05 s"):
            client.reply("chat", QUESTION)
        release.set()


def test_a_stream_that_falls_silent_is_given_up_after_the_timeout(home: Path, release: threading.Event) -> None:
    with made_endpoint(holding(release, before=event(content="Be"))) as endpoint:
        chosen = settings_for(home, endpoint.base_url, request_timeout_seconds=A_MOMENT_SECONDS)
        with open_client(chosen) as client, pytest.raises(ModelUnavailable, match=r"did not answer within 0\.05 s"):
            client.reply("chat", QUESTION)
        release.set()


def test_the_end_of_the_run_ends_a_request_that_is_kept_alive(home: Path) -> None:
    times = iter([0.0, 0.0, 0.0, 1000.0])
    seconds = [0.0]

    def clock() -> float:
        seconds[0] = next(times, seconds[0])
        return seconds[0]

    with (
        made_endpoint(saying(": still thinking\n\n" * 100, "text/event-stream")) as endpoint,
        open_client(settings_for(home, endpoint.base_url), clock=clock) as client,
        pytest.raises(BudgetSpent, match="1000 of 300 seconds"),
    ):
        client.reply("chat", QUESTION)


def test_a_reply_without_end_is_cut_off(home: Path) -> None:
    endless = saying("data: " + "x" * (9 << 20), "text/event-stream")
    assert "larger than 8 MiB" in told(home, endless, endless)


def test_the_only_model_that_is_offered_is_taken(home: Path) -> None:
    with (
        made_endpoint(models=["the-only-one"]) as endpoint,
        open_client(settings_for(home, endpoint.base_url, name="")) as client,
    ):
        assert client.name_of("chat") == "the-only-one"


def test_several_models_are_listed_and_none_is_taken(home: Path) -> None:
    several = pytest.raises(ModelUnavailable, match=r"set model\.name to one of small, large")
    with made_endpoint(models=["small", "large"]) as endpoint, several:
        open_client(settings_for(home, endpoint.base_url, name=""))


def test_no_model_at_all_is_told(home: Path) -> None:
    with made_endpoint(models=[]) as endpoint, pytest.raises(ModelUnavailable, match="offers no model"):
        open_client(settings_for(home, endpoint.base_url, name=""))


def test_a_role_has_the_model_of_its_table(home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "models.yaml").write_text("roles: {chat: small}\nprices: {small: {input: 1, output: 10}}\n")
    with made_endpoint(replying("x")) as endpoint, open_client(settings_for(home, endpoint.base_url)) as client:
        client.reply("chat", QUESTION)
        assert (client.name_of("chat"), client.name_of("investigator")) == ("small", MODEL)
        assert client.spent.usd == pytest.approx((100 * 1 + 20 * 10) / 1e6)
    assert endpoint.received[0].value["model"] == "small"


def test_a_role_that_does_not_exist_stops_with_file_and_key(home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "models.yaml").write_text("roles: {investigater: small}\n")
    with pytest.raises(ConfigError, match=r"models\.yaml: roles\.investigater"):
        open_client(settings_for(home, "http://127.0.0.1:1/v1"))


def test_without_an_endpoint_it_says_what_to_set(home: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no model is configured: set model\.base_url or \$OPENAI_BASE_URL"):
        open_client(settings_for(home, ""))


def test_the_endpoint_may_stand_in_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with made_endpoint(replying("x")) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        with open_client(settings_for(home, "")) as client:
            assert client.reply("chat", QUESTION).content == "x"


@pytest.mark.parametrize("url", ["127.0.0.1:11434", "ftp://host/v1", "http://", "http://[::1/v1", "http://h:99999/v1"])
def test_what_is_no_address_stops(home: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"model\.base_url: .*expected an address such as"):
        open_client(settings_for(home, url))


def test_secrets_never_reach_the_wire(home: Path) -> None:
    secrets = {
        "aws": "AKIAABCDEFGHIJKLMNOP",
        "bearer": "Bearer abcdef0123456789abcdef",
        "mail": "jane@shop.example",
        "card": "4111 1111 1111 1111",
    }
    said, named = " ".join(secrets.values()), {"password": "hunter2", "card": 4111111111111111}
    messages = [
        SystemMessage(said),
        HumanMessage([{"type": "text", "text": said}]),
        AIMessage(said, tool_calls=[{"name": "search_logs", "args": {"service": said, "list": [said]}, "id": "1"}]),
        ToolMessage(f'{{"authorization": "{said}"}}', tool_call_id="1"),
        AIMessage("", tool_calls=[{"name": "search_logs", "args": named, "id": "2"}]),
        ToolMessage("x", tool_call_id="2"),
    ]
    with (
        made_endpoint(refusing(400, said)) as endpoint,
        open_client(settings_for(home, endpoint.base_url)) as client,
        pytest.raises(ModelUnavailable) as caught,
    ):
        client.reply("chat", messages)
    left = endpoint.received[0].body + str(caught.value)
    hidden = ["AKIAABCDEFGHIJKLMNOP", "abcdef0123456789", "jane@shop", "4111 1111", "41111111", "hunter2"]
    assert [secret for secret in hidden if secret in left] == []


def test_redaction_follows_the_settings(home: Path) -> None:
    chosen = settings_for(home, "http://127.0.0.1:1/v1")
    own = chosen.redaction.model_copy(update={"ip_addresses": True, "extra_patterns": ("CUST-[0-9]+",)})
    with made_endpoint(replying("x")) as endpoint:
        chosen = settings_for(home, endpoint.base_url).model_copy(update={"redaction": own})
        with open_client(chosen) as client:
            client.reply("chat", [HumanMessage("10.1.2.3 CUST-77")])
    assert endpoint.received[0].value["messages"][0]["content"] == "[redacted:ip] [redacted:custom]"


def test_what_is_in_the_environment_for_others_does_not_leave(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-mine")
    monkeypatch.setenv("OPENAI_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with made_endpoint(replying("x")) as endpoint, open_client(settings_for(home, endpoint.base_url)) as client:
        client.reply("chat", QUESTION)
    headers = endpoint.received[0].headers
    assert not [name for name in headers if name.startswith(("openai-", "x-stainless"))]
    assert headers["authorization"] == "Bearer none"


def test_nothing_is_traced_whatever_the_environment_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with made_endpoint(replying("x")) as endpoint, made_endpoint(*[saying("{}")] * 9) as traces:
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2_x")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", traces.base_url)
        with open_client(settings_for(home, endpoint.base_url)) as client:
            client.reply("chat", QUESTION)
    assert traces.received == []


def test_a_resumed_run_goes_on_counting(home: Path) -> None:
    before = Spent(calls=2, prompt_tokens=10, reply_tokens=5, usd=0.1, seconds=20)
    limits = Limits(calls=3, tokens=10_000, usd=1, seconds=60)
    with (
        made_endpoint(replying("x")) as endpoint,
        open_client(settings_for(home, endpoint.base_url), already=before, limits=limits) as client,
    ):
        client.reply("chat", QUESTION)
        with pytest.raises(BudgetSpent, match="3 of 3 calls"):
            client.reply("chat", QUESTION)
    assert len(endpoint.received) == 1


def test_two_runs_follow_each_other_in_one_process(home: Path) -> None:
    with made_endpoint(replying("one"), replying("two")) as endpoint:
        chosen = settings_for(home, endpoint.base_url)
        with open_client(chosen) as first:
            one = first.reply("chat", QUESTION)
        with open_client(chosen) as second:
            two = second.reply("chat", QUESTION)
            assert second.spent.calls == 1
    assert (one.content, two.content) == ("one", "two")


def test_a_client_that_nobody_closed_lets_go_of_its_connection(home: Path) -> None:
    with made_endpoint(replying("x")) as endpoint:
        open_client(settings_for(home, endpoint.base_url)).reply("chat", QUESTION)
        gc.collect()
