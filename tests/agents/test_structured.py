"""Structured answers: the way that an endpoint understands is found once, and a poor answer is shown once."""

import json
from pathlib import Path
from typing import Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel, Field

from made_endpoint import Answer, MadeEndpoint, made_endpoint, refusing, replying, settings_for
from watchkeeper.agents.client import Terms
from watchkeeper.agents.endpoint import open_client
from watchkeeper.agents.schemas import NotJson, is_expressible_strictly, read, schema_of
from watchkeeper.agents.scripted import ScriptedModel, scripted_client
from watchkeeper.diagnosis.findings import Findings
from watchkeeper.errors import ModelUnavailable, ReplyRejected

QUESTION = [HumanMessage("What is it?")]


class Part(BaseModel):
    name: str = Field(description="Its title.")
    title: str = "none"


class Verdict(BaseModel):
    kind: Literal["slow", "broken"]
    parts: tuple[Part, ...] = ()


class Free(BaseModel):
    values: dict[str, int]


GOOD = '{"kind": "slow", "parts": [{"name": "cart"}]}'
SLOW = Verdict(kind="slow", parts=(Part(name="cart"),))


def asked(home: Path, *answers: Answer, **model: object) -> tuple[Verdict, MadeEndpoint]:
    with (
        made_endpoint(*answers) as endpoint,
        open_client(settings_for(home, endpoint.base_url, **model), sleep=lambda _: None) as client,
    ):
        return client.structured("chat", QUESTION, Verdict), endpoint


def kept(home: Path) -> list[str]:
    return list(json.loads((home / "model-abilities.json").read_text())["structured"].values())


def test_a_schema_is_asked_for_strictly_first(home: Path) -> None:
    verdict, endpoint = asked(home, replying(GOOD))
    described = endpoint.received[0].value["response_format"]["json_schema"]
    assert verdict == SLOW
    assert (described["name"], described["strict"]) == ("Verdict", True)
    assert described["schema"]["required"] == ["kind", "parts"]
    assert kept(home) == ["schema-strict"]


def test_an_endpoint_that_knows_no_strictness_is_asked_without(home: Path) -> None:
    verdict, endpoint = asked(home, refusing(400, "strict is not supported"), replying(GOOD))
    assert verdict == SLOW
    assert "strict" not in endpoint.received[1].value["response_format"]["json_schema"]
    assert kept(home) == ["schema"]


def test_an_endpoint_that_knows_no_schemas_is_asked_by_a_tool(home: Path) -> None:
    no = refusing(400, "response_format is not supported")
    verdict, endpoint = asked(home, no, no, replying(calls=[("Verdict", GOOD)]))
    assert verdict == SLOW
    assert endpoint.received[2].value["tool_choice"]["function"]["name"] == "Verdict"
    assert kept(home) == ["tool-forced"]


def test_an_endpoint_that_forces_no_tool_is_asked_to_choose_it(home: Path) -> None:
    no = refusing(400, "unsupported")
    verdict, endpoint = asked(home, no, no, no, replying(calls=[("Verdict", GOOD)]))
    assert verdict == SLOW
    assert "tool_choice" not in endpoint.received[3].value
    assert kept(home) == ["tool"]


def test_an_endpoint_that_knows_neither_is_asked_in_words(home: Path) -> None:
    no = refusing(400, "unsupported")
    verdict, endpoint = asked(home, no, no, no, no, replying(f"Here you are:\n```json\n{GOOD}\n```"))
    last = endpoint.received[4].value["messages"]
    assert verdict == SLOW
    assert last[0]["content"].startswith("What is it?\n\nAnswer with one JSON object")
    assert kept(home) == ["parse"]


def test_an_endpoint_that_takes_no_notice_of_a_schema_is_asked_otherwise(home: Path) -> None:
    verdict, endpoint = asked(home, replying("It is slow."), replying(calls=[("Verdict", GOOD)]))
    assert verdict == SLOW
    assert len(endpoint.received) == 2
    assert kept(home) == ["tool-forced"]


def test_what_worked_is_tried_first_the_next_time(home: Path) -> None:
    no = refusing(400, "unsupported")
    with made_endpoint(no, no, replying(calls=[("Verdict", GOOD)]), replying(calls=[("Verdict", GOOD)])) as endpoint:
        for _ in range(2):
            with open_client(settings_for(home, endpoint.base_url)) as client:
                client.structured("chat", QUESTION, Verdict)
    assert len(endpoint.received) == 4


def test_what_no_longer_works_is_found_out_anew(home: Path) -> None:
    with made_endpoint(replying(GOOD), refusing(400, "unsupported"), replying(GOOD)) as endpoint:
        for _ in range(2):
            with open_client(settings_for(home, endpoint.base_url)) as client:
                client.structured("chat", QUESTION, Verdict)
    assert kept(home) == ["schema"]


@pytest.mark.parametrize("text", ["", "{oops", "[]", '{"structured": {"x": "magic"}}'])
def test_a_broken_cache_is_no_obstacle(home: Path, text: str) -> None:
    (home / "model-abilities.json").write_text(text)
    assert asked(home, replying(GOOD))[0] == SLOW
    assert kept(home)[-1] == "schema-strict"


def test_the_password_of_an_address_is_not_kept(home: Path) -> None:
    with made_endpoint(replying(GOOD)) as endpoint:
        with_password = endpoint.base_url.replace("://", "://me:my-password@")
        with open_client(settings_for(home, with_password)) as client:
            client.structured("chat", QUESTION, Verdict)
    assert "my-password" not in (home / "model-abilities.json").read_text()


def test_a_mode_that_is_set_is_the_only_one(home: Path) -> None:
    with pytest.raises(ModelUnavailable, match="answered 400"):
        asked(home, refusing(400, "unsupported"), structured="parse")
    assert not (home / "model-abilities.json").exists()


def test_an_endpoint_that_is_down_is_not_asked_in_other_ways(home: Path) -> None:
    with (
        made_endpoint(*[refusing(503)] * 3, replying(GOOD)) as endpoint,
        open_client(settings_for(home, endpoint.base_url), sleep=lambda _: None) as client,
        pytest.raises(ModelUnavailable, match="503"),
    ):
        client.structured("chat", QUESTION, Verdict)
    assert len(endpoint.received) == 3


def test_an_answer_that_does_not_fit_is_shown_with_what_is_wrong() -> None:
    model = ScriptedModel(turns=['{"kind": "purple"}', GOOD])
    assert scripted_client(model, terms=Terms(structured="parse")).structured("chat", QUESTION, Verdict) == SLOW
    answer, complaint = model.received[1][-2:]
    assert answer.text == '{"kind": "purple"}'
    assert "kind: Input should be 'slow' or 'broken'" in complaint.text


def test_an_answer_that_does_not_fit_twice_is_rejected() -> None:
    client = scripted_client(['{"kind": "purple"}', "no idea"], terms=Terms(structured="parse"))
    with pytest.raises(ReplyRejected, match="does not fit what was asked for"):
        client.structured("chat", QUESTION, Verdict)


def test_a_model_that_never_answers_in_json_is_rejected_after_every_way() -> None:
    model = ScriptedModel(turns=["It is slow."] * 4)
    with pytest.raises(ReplyRejected, match="no JSON object"):
        scripted_client(model).structured("chat", QUESTION, Verdict)
    assert len(model.received) == 4


def test_a_refusal_is_not_asked_again_in_other_ways() -> None:
    refusal = AIMessage("", additional_kwargs={"refusal": "I will not."})
    with pytest.raises(ReplyRejected, match="refused"):
        scripted_client([refusal]).structured("chat", QUESTION, Verdict)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Sure! {GOOD} Anything else?",
        f'I first thought {{"kind": "purple"}}, but it is {GOOD}',
        f"{{not json}} {GOOD}",
    ],
)
def test_an_object_is_found_in_what_stands_around_it(text: str) -> None:
    assert read(text, Verdict) == SLOW


@pytest.mark.parametrize("text", ["", "none", "{" * 10_000, "[1, 2]"])
def test_a_text_without_an_object_has_none(text: str) -> None:
    with pytest.raises(NotJson):
        read(text, Verdict)


def test_a_schema_is_short_and_keeps_fields_that_are_called_like_its_own_words() -> None:
    part = schema_of(Verdict, is_strict=False)["$defs"]["Part"]
    assert part == {
        "type": "object",
        "properties": {"name": {"type": "string", "description": "Its title."}, "title": {"type": "string"}},
        "required": ["name"],
    }


def test_free_keys_cannot_be_asked_for_strictly() -> None:
    assert not is_expressible_strictly(Free)
    assert is_expressible_strictly(Findings)


def test_the_schema_of_findings_leaves_room_in_a_small_context() -> None:
    assert len(json.dumps(schema_of(Findings, is_strict=True))) < 4500
