"""Single questions to a model, by the name of a prompt; all that belong to one question of a person share a budget."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TypeVar

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from watchkeeper import settings
from watchkeeper.agents import prompts
from watchkeeper.agents.client import Client
from watchkeeper.agents.meter import Limits
from watchkeeper.agents.roles import Role
from watchkeeper.errors import ModelUnavailable, ReplyRejected

M = TypeVar("M", bound=BaseModel)

CALLS, SECONDS = 4, 60.0
"""What one question of a person may take, where the settings allow as much."""
DATA_BEGINS = "\n---\n"
"""A line of a prompt: what stands above are our instructions, below is what they are about."""


def limits_of_a_question(model: settings.Model) -> Limits:
    """The limits of section `model`, and no more than a person waits for."""
    limits = Limits.of(model)
    return limits.model_copy(
        update={"calls": min(CALLS, limits.calls), "seconds": min(SECONDS, limits.seconds)},
    )


def asked(client: Client, prompt: str, variables: Mapping[str, object], schema: type[M], role: Role = "chat") -> M:
    """The model's answer to a prompt as a value of the schema.

    What stands above the prompt's first line `---` goes as the system's message, the rest as the user's: no text from
    outside belongs above it. Raises ConfigError for a prompt that is not there or wants more variables,
    ModelUnavailable.
    """
    above, line, below = prompts.render(prompt, **variables).partition(DATA_BEGINS)
    messages: list[BaseMessage] = [SystemMessage(above.strip()), HumanMessage(below.strip())]
    return client.structured(role, messages if line else [HumanMessage(above)], schema)


class Session:
    """A model for one question of a person: opened when it is first asked, not asked again once it has failed."""

    def __init__(self, open_client: Callable[[], Client], is_cancelled: Callable[[], bool] = lambda: False) -> None:
        self._open, self._is_cancelled = open_client, is_cancelled
        self._client: Client | None = None
        self._failure: ModelUnavailable | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._client is not None:
            self._client.close()

    def asked(self, prompt: str, variables: Mapping[str, object], schema: type[M]) -> M:
        """As `asked`; raises ModelUnavailable at once where the model failed before, or nobody waits any more.

        What it raises repeats nothing that the model wrote.
        """
        if self._is_cancelled():
            raise ModelUnavailable("the question was cancelled")
        if self._failure is not None:
            raise type(self._failure)(str(self._failure))
        try:
            if self._client is None:
                self._client = self._open()
            return asked(self._client, prompt, variables, schema)
        except ReplyRejected as error:
            # What is wrong in particular names fields as the model wrote them: nothing that a person is shown.
            raise ReplyRejected(str(error).partition(":")[0]) from error
        except ModelUnavailable as error:
            # Whoever waits for an answer does not wait for the same failure twice.
            self._failure = error
            raise
