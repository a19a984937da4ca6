"""Single questions to a model: instructions apart from what they are about, one budget, no failure waited for twice."""

from collections.abc import Callable

import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from watchkeeper import settings
from watchkeeper.agents import prompts
from watchkeeper.agents.asking import DATA_BEGINS, Session, asked, limits_of_a_question
from watchkeeper.agents.client import Client
from watchkeeper.agents.scripted import ScriptedModel, scripted_client
from watchkeeper.errors import BudgetSpent, ConfigError, ModelUnavailable, ReplyRejected

PROMPTS = ("understand-question.md", "tell-answer.md")
OUTSIDE = "§ from outside §"
SPOKEN = '{"words": "yes"}'
VARIABLES = {"question": "how is <cart>?", "answer": ["fine"], "cause": "", "evidence": []}


class Spoken(BaseModel):
    words: str


class Opening:
    """Opens a client over the model, and counts."""

    def __init__(self, *turns: object, fails: Exception | None = None) -> None:
        self.model, self.fails, self.opened, self.closed = ScriptedModel(turns=turns), fails, 0, 0

    def __call__(self) -> Client:
        self.opened += 1
        if self.fails is not None:
            raise self.fails
        client = scripted_client(self.model)
        client._finalizer.detach()
        close: Callable[[], None] = self._close
        client._finalizer = close  # type: ignore[assignment]
        return client

    def _close(self) -> None:
        self.closed += 1


def test_what_is_asked_about_stands_apart_from_the_instructions() -> None:
    model = ScriptedModel(turns=[SPOKEN])
    assert asked(scripted_client(model), "tell-answer.md", VARIABLES, Spoken).words == "yes"
    above, below = model.received[0]
    assert isinstance(above, SystemMessage)
    assert isinstance(below, HumanMessage)
    assert "cart>?" in below.text
    assert "cart>?" not in above.text


@pytest.mark.parametrize("name", PROMPTS)
def test_nothing_from_outside_stands_above_the_line(name: str) -> None:
    marked = {variable: [OUTSIDE] if variable in ("answer", "evidence") else OUTSIDE for variable in _of(name)}
    above, line, below = prompts.render(name, **marked).partition(DATA_BEGINS)
    assert line
    assert OUTSIDE not in above
    assert OUTSIDE in below
    assert "</data>" in above


def _of(name: str) -> frozenset[str]:
    return prompts.variables_of(name)


def test_a_variable_that_is_missing_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match=r"tell-answer\.md: 'answer' is undefined"):
        asked(scripted_client([]), "tell-answer.md", {"question": ""}, Spoken)


def test_a_question_takes_few_calls_and_no_more_than_is_set() -> None:
    usual = settings.load(None).model
    assert limits_of_a_question(usual).model_dump() == {
        "calls": 4, "seconds": 60.0, "tokens": usual.tokens, "usd": usual.usd,
    }  # fmt: skip
    few = limits_of_a_question(usual.model_copy(update={"calls": 2, "seconds": 9}))
    assert (few.calls, few.seconds) == (2, 9)


def test_a_model_is_opened_when_it_is_first_asked_and_closed_at_the_end() -> None:
    opening = Opening(SPOKEN, SPOKEN)
    with Session(opening) as session:
        assert opening.opened == 0
        for _ in range(2):
            session.asked("tell-answer.md", VARIABLES, Spoken)
    assert (opening.opened, opening.closed) == (1, 1)


def test_a_model_that_was_never_asked_was_never_opened() -> None:
    opening = Opening()
    with Session(opening):
        pass
    assert (opening.opened, opening.closed) == (0, 0)


def test_a_failure_is_not_waited_for_twice() -> None:
    opening = Opening(fails=ModelUnavailable("nobody answers at 127.0.0.1"))
    with Session(opening) as session:
        for _ in range(2):
            with pytest.raises(ModelUnavailable, match="nobody answers"):
                session.asked("tell-answer.md", VARIABLES, Spoken)
    assert opening.opened == 1


def test_a_spent_budget_stays_spent() -> None:
    limits = limits_of_a_question(settings.load(None).model).model_copy(update={"calls": 1})
    with Session(lambda: scripted_client([SPOKEN], limits)) as session:
        session.asked("tell-answer.md", VARIABLES, Spoken)
        for _ in range(2):
            with pytest.raises(BudgetSpent, match="1 of 1 calls"):
                session.asked("tell-answer.md", VARIABLES, Spoken)


def test_after_a_reply_that_makes_no_sense_the_model_may_be_asked_something_else() -> None:
    turns = [*["no"] * 7, SPOKEN]

    def turn(messages: list[BaseMessage]) -> str:
        return SPOKEN if "is it?" in messages[-1].text else "no"

    with Session(lambda: scripted_client([turn] * len(turns) * 2)) as session:
        with pytest.raises(ReplyRejected):
            session.asked("tell-answer.md", VARIABLES, Spoken)
        assert session.asked("tell-answer.md", VARIABLES | {"question": "is it?"}, Spoken).words == "yes"


def test_nobody_is_asked_for_somebody_who_has_gone() -> None:
    opening = Opening(SPOKEN)
    with Session(opening, lambda: True) as session, pytest.raises(ModelUnavailable, match="was cancelled"):
        session.asked("tell-answer.md", VARIABLES, Spoken)
    assert opening.opened == 0
