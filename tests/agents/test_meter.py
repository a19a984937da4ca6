"""What a run may cost: limits are told before they are passed, and go on counting when a run is resumed."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from watchkeeper.agents.meter import Limits, Meter, Price, Spent, Usage, tokens_of
from watchkeeper.errors import BudgetSpent

LIMITS = Limits(calls=2, tokens=1000, usd=1.0, seconds=60)
USED = Usage(prompt_tokens=100, reply_tokens=50, is_estimated=False)
A_DOLLAR_EACH = Price(input=10_000, output=10_000)
"""A hundred tokens cost a dollar."""


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_calls_are_counted_and_end_before_one_too_many() -> None:
    meter = Meter(LIMITS, clock=Clock())
    for _ in range(2):
        meter.room("m", 10)
        meter.add("m", USED)
    with pytest.raises(BudgetSpent, match="2 of 2 calls"):
        meter.room("m", 10)


def test_a_request_that_would_exceed_the_tokens_is_not_made() -> None:
    meter = Meter(LIMITS, Spent(prompt_tokens=800, reply_tokens=100), clock=Clock())
    with pytest.raises(BudgetSpent, match="900 of 1000 tokens, the next call needs 90 and a reply"):
        meter.room("m", 90)


def test_a_reply_has_what_is_left_of_the_tokens() -> None:
    assert Meter(LIMITS, Spent(prompt_tokens=500), clock=Clock()).room("m", 100) == 400


def test_a_reply_has_what_is_left_of_the_money() -> None:
    meter = Meter(LIMITS, Spent(usd=0.25), {"m": Price(input=1000, output=2000)}, Clock())
    assert meter.room("m", 250) == 250


def test_a_request_that_would_exceed_the_money_is_not_made() -> None:
    meter = Meter(LIMITS, Spent(usd=0.5), {"m": A_DOLLAR_EACH}, Clock())
    with pytest.raises(BudgetSpent, match=r"0\.5000 of 1 US dollars"):
        meter.room("m", 60)


def test_money_is_counted_by_the_price_of_the_model() -> None:
    meter = Meter(LIMITS, prices={"dear": A_DOLLAR_EACH}, clock=Clock())
    meter.add("dear", USED)
    meter.add("free", USED)
    assert meter.spent.usd == pytest.approx(1.5)


def test_seconds_begin_with_the_first_call() -> None:
    clock = Clock()
    meter = Meter(LIMITS, clock=clock)
    clock.now += 500
    meter.room("m", 10)
    clock.now += 20
    assert (meter.spent.seconds, meter.seconds_left) == (20, 40)


def test_seconds_end_the_run() -> None:
    clock = Clock()
    meter = Meter(LIMITS, clock=clock)
    meter.room("m", 10)
    clock.now += 61
    with pytest.raises(BudgetSpent, match="61 of 60 seconds"):
        meter.room("m", 10)
    assert meter.seconds_left == 0


def test_a_resumed_run_begins_with_what_it_had_spent() -> None:
    clock = Clock()
    before = Spent(calls=1, prompt_tokens=100, reply_tokens=50, usd=0.2, seconds=50)
    meter = Meter(LIMITS, before, clock=clock)
    meter.room("m", 10)
    clock.now += 5
    meter.add("m", USED)
    assert meter.spent == Spent(calls=2, prompt_tokens=200, reply_tokens=100, usd=0.2, seconds=55)


def test_what_is_estimated_once_stays_marked() -> None:
    meter = Meter(LIMITS, clock=Clock())
    meter.add("m", Usage(1, 1, is_estimated=True))
    meter.add("m", USED)
    assert meter.spent.is_estimated


def test_spent_can_be_kept_and_read_again() -> None:
    spent = Spent(calls=3, prompt_tokens=7, reply_tokens=5, usd=0.01, seconds=1.5, is_estimated=True)
    assert Spent.model_validate_json(spent.model_dump_json()) == spent
    assert spent.tokens == 12


def test_tokens_of_messages_are_characters_and_tool_calls_over_four() -> None:
    call = {"name": "search", "args": {"q": "x" * 400}, "id": "1"}
    plain, calling = [HumanMessage("x" * 400)], [AIMessage("", tool_calls=[call]), ToolMessage("", tool_call_id="1")]
    assert 100 <= tokens_of(plain) <= 110
    assert 100 <= tokens_of(calling) <= 120
