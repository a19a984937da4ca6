"""What a run may cost and has cost: calls, tokens, money, seconds. The limit is told before it would be passed."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from pydantic import Field

from watchkeeper import settings
from watchkeeper.domain import Noun
from watchkeeper.errors import BudgetSpent

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

CHARACTERS_A_TOKEN = 4
"""English and JSON come to three or four characters a token; an endpoint's own count is used where it gives one."""
MESSAGE_TOKENS = 4
"""What the frame of one message takes: role, separators."""
SMALLEST_REPLY_TOKENS = 32
"""A reply that may be no longer than this would say nothing: the budget counts as spent."""
MILLION = 1_000_000


class Limits(Noun):
    """How much one run may take; what is reached first ends it."""

    calls: int = Field(ge=0)
    tokens: int = Field(ge=0)
    usd: float = Field(ge=0)
    seconds: float = Field(ge=0)

    @classmethod
    def of(cls, model: settings.Model) -> Self:
        """The limits that are set in section `model`."""
        return cls(calls=model.calls, tokens=model.tokens, usd=model.usd, seconds=model.seconds)


class Price(Noun):
    """US dollars a million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


FREE = Price(input=0, output=0)


class Spent(Noun):
    """What a run has taken so far; a run that is resumed begins with what it had taken."""

    calls: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    is_estimated: bool = False
    """Whether tokens of at least one call are counted by characters, because the endpoint did not tell."""

    @property
    def tokens(self) -> int:
        """Requests and replies together."""
        return self.prompt_tokens + self.reply_tokens


NOTHING = Spent()


@dataclass(frozen=True)
class Usage:
    """The tokens of one call."""

    prompt_tokens: int
    reply_tokens: int
    is_estimated: bool


@dataclass
class Meter:
    """Counts calls, tokens, money and seconds of one run. The seconds begin with the first call."""

    limits: Limits
    already: Spent = NOTHING
    prices: Mapping[str, Price] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    """Seconds since whenever; only differences count."""
    _began: float | None = None

    def __post_init__(self) -> None:
        self._counted = self.already

    @property
    def spent(self) -> Spent:
        """All that was taken, with what an earlier part of the same run had taken."""
        return self._counted.model_copy(update={"seconds": self._seconds()})

    @property
    def seconds_left(self) -> float:
        """Until the run must end; never negative."""
        return max(0.0, self.limits.seconds - self._seconds())

    def require_time(self) -> None:
        """Raise BudgetSpent where the seconds are over."""
        if self._seconds() >= self.limits.seconds:
            raise BudgetSpent(f"the budget is spent: {self._seconds():.0f} of {self.limits.seconds:g} seconds")

    def room(self, model: str, prompt_tokens: int) -> int:
        """How many tokens the reply to such a request may have; raises BudgetSpent before a call that would exceed."""
        if self._began is None:
            self._began = self.clock()
        spent, limits, price = self._counted, self.limits, self.prices.get(model, FREE)
        if spent.calls >= limits.calls:
            raise BudgetSpent(f"the budget is spent: {spent.calls} of {limits.calls} calls")
        self.require_time()
        room = limits.tokens - spent.tokens - prompt_tokens
        if room < SMALLEST_REPLY_TOKENS:
            needed = f"the next call needs {prompt_tokens} and a reply"
            raise BudgetSpent(f"the budget is spent: {spent.tokens} of {limits.tokens} tokens, {needed}")
        dollars = limits.usd - spent.usd - prompt_tokens * price.input / MILLION
        affordable = int(dollars * MILLION / price.output) if price.output else room
        if dollars < 0 or affordable < SMALLEST_REPLY_TOKENS:
            raise BudgetSpent(f"the budget is spent: {spent.usd:.4f} of {limits.usd:g} US dollars")
        return min(room, affordable)

    def add(self, model: str, usage: Usage) -> None:
        """Count one call that was made, whether or not its reply can be used."""
        price = self.prices.get(model, FREE)
        dollars = (usage.prompt_tokens * price.input + usage.reply_tokens * price.output) / MILLION
        self._counted = self._counted.model_copy(
            update={
                "calls": self._counted.calls + 1,
                "prompt_tokens": self._counted.prompt_tokens + usage.prompt_tokens,
                "reply_tokens": self._counted.reply_tokens + usage.reply_tokens,
                "usd": self._counted.usd + dollars,
                "is_estimated": self._counted.is_estimated or usage.is_estimated,
            }
        )

    def _seconds(self) -> float:
        return self.already.seconds + (0.0 if self._began is None else self.clock() - self._began)


def tokens_of(messages: Sequence["BaseMessage"]) -> int:
    """About how many tokens the messages take, tool calls included: characters / 4, and a little for each."""
    return sum(MESSAGE_TOKENS + _characters(message) // CHARACTERS_A_TOKEN for message in messages)


def tokens_in(text: str) -> int:
    """About how many tokens a text takes: characters / 4."""
    return len(text) // CHARACTERS_A_TOKEN


def _characters(message: "BaseMessage") -> int:
    content = message.content if isinstance(message.content, str) else json.dumps(message.content, default=str)
    calls = [*getattr(message, "tool_calls", ()), *getattr(message, "invalid_tool_calls", ())]
    called = sum(len(call["name"] or "") + len(_as_text(call["args"])) for call in calls)
    return len(content) + called


def _as_text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)
