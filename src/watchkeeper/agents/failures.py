"""What goes wrong between us and an endpoint, in one sentence without secrets; and when trying again may help."""

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx2
import openai
from langchain_core.exceptions import ContextOverflowError
from tenacity import RetryCallState, Retrying, retry_if_exception

from watchkeeper.agents.address import Address
from watchkeeper.errors import ModelUnavailable

Result = TypeVar("Result")

FOREIGN = (
    openai.OpenAIError,
    httpx2.HTTPError,
    ContextOverflowError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
)
"""What asking an endpoint raises: the last five come from libraries that take a foreign answer for what it is not."""

LONGEST_WAIT_SECONDS = 20.0
"""Between two tries where the endpoint does not say how long."""
_TOO_LONG = re.compile(
    r"context (?:length|size|window)|context_length|maximum context|prompt is too long", re.IGNORECASE
)
"""How servers say it, each in its own words."""
PASSING_STATUS = {408, 409, 425, 429}
NOT_UNDERSTOOD_STATUS = {400, 405, 415, 422, 501}


class Failure(ModelUnavailable):
    """One try that failed."""

    def __init__(
        self,
        message: str,
        *,
        is_passing: bool = False,
        is_not_understood: bool = False,
        wait_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.is_passing = is_passing
        """Whether the same request may succeed later."""
        self.is_not_understood = is_not_understood
        """Whether the endpoint does not know what was asked of it; another way to ask may help."""
        self.wait_seconds = wait_seconds
        """How long the endpoint asks to wait."""

    def after(self, tries: int) -> "Failure":
        """The same, told after so many tries."""
        waiting = f", it asks to wait {self.wait_seconds:g} s" if self.wait_seconds else ""
        tried = f", tried {tries} times" if tries > 1 else ""
        told = Failure(f"{self}{waiting}{tried}")
        told.is_not_understood = self.is_not_understood
        return told


def broken_off(address: Address) -> Failure:
    """A stream that ended before the model had said that it is done."""
    return Failure(f"the model at {address.shown} broke off in the middle of its reply", is_passing=True)


def failure(error: BaseException, address: Address, timeout_seconds: float) -> Failure:
    """What a library raised, as a sentence. Its text may quote bodies and headers: it is bounded and redacted.

    A model that was silent until the timeout is not asked again: it would be silent, or busy with both requests.
    """
    where = f"the model at {address.shown}"
    match error:
        case ContextOverflowError():
            return _too_long(address)
        case openai.APITimeoutError() | httpx2.TimeoutException() | TimeoutError():
            return Failure(f"{where} did not answer within {timeout_seconds:.3g} s")
        case openai.APIStatusError():
            return _of_status(error, address)
        case openai.APIConnectionError() | httpx2.HTTPError() | OSError():
            reason = address.quoted(str(_root(error)).rstrip("."))
            return Failure(f"{where} cannot be reached or hung up: {reason}", is_passing=True)
        case openai.APIError():
            return Failure(f"{where} failed: {_said(error, address)}", is_passing=True)
    if isinstance(error, AttributeError | TypeError):
        # What a library trips over where a page came instead of JSON; its words mean nothing to a person.
        return Failure(f"{where} does not answer as an OpenAI-compatible endpoint does: is model.base_url right?")
    reason = address.quoted(f"{type(error).__name__}: {error}")
    return Failure(f"{where} does not answer as an OpenAI-compatible endpoint does ({reason})")


def persist(
    attempt: Callable[[], Result], tries: int, seconds_left: Callable[[], float], sleep: Callable[[float], None]
) -> Result:
    """What the attempt returns; a passing failure is tried again, so many tries in all, never past the time left.

    Raises the last Failure; whatever else the attempt raises passes at once.
    """

    def is_over(state: RetryCallState) -> bool:
        return state.attempt_number >= tries or state.upcoming_sleep >= seconds_left()

    retrying = Retrying(
        sleep=sleep,
        stop=is_over,
        wait=_wait,
        retry=retry_if_exception(lambda error: isinstance(error, Failure) and error.is_passing),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except Failure as last:
        raise last.after(retrying.statistics["attempt_number"]) from None


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Failure) and error.wait_seconds is not None:
        return error.wait_seconds
    return min(LONGEST_WAIT_SECONDS, 2.0 ** (state.attempt_number - 1))


def _of_status(error: openai.APIStatusError, address: Address) -> Failure:
    status, where = error.status_code, f"the model at {address.shown}"
    said = _said(error, address)
    if status in (401, 403):
        variable = f"${address.key_variable}"
        refused = f"refuses the key in {variable}" if address.key else f"wants a key, and {variable} holds none"
        return Failure(f"{where} {refused} ({status})")
    if status == 404:
        return Failure(f"{where} knows no such model or path (404): set model.name and model.base_url; it says: {said}")
    if status in NOT_UNDERSTOOD_STATUS and _TOO_LONG.search(said):
        return _too_long(address)
    if status < 400:
        elsewhere = address.quoted(error.response.headers.get("location", "an address that it does not name"))
        return Failure(f"{where} sends elsewhere ({status}), which is not followed: set model.base_url; to {elsewhere}")
    if status == 429 and error.code == "insufficient_quota":
        return Failure(f"{where} has no quota left for this key (429): {said}")
    return Failure(
        f"{where} limits requests (429)" if status == 429 else f"{where} answered {status}: {said}",
        is_passing=status in PASSING_STATUS or status >= 500,
        is_not_understood=status in NOT_UNDERSTOOD_STATUS,
        wait_seconds=_asked_wait(error.response.headers) if status in (429, 503) else None,
    )


def _too_long(address: Address) -> Failure:
    where = f"the model at {address.shown}"
    return Failure(f"{where} says that the conversation is too long for it: set model.context_tokens lower")


def _said(error: openai.APIError, address: Address) -> str:
    """What the endpoint itself says, without the library's frame around it."""
    message = error.body.get("message") if isinstance(error.body, dict) else None
    return address.quoted(message if isinstance(message, str) else error.message)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _asked_wait(headers: httpx2.Headers) -> float | None:
    """Seconds that the header Retry-After asks for; a date counts from the answer's own date."""
    text = headers.get("retry-after", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(headers["date"])).total_seconds())
    except (ValueError, TypeError, LookupError):
        return None
