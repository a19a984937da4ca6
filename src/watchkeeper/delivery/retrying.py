"""A few quick tries of what is safe to repeat; whatever lasts longer is for the outbox."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, nap, retry_if_exception, stop_after_attempt, wait_exponential

TRIES = 3
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 1.0

Answer = TypeVar("Answer")


class Quickly:
    """Repeats a call while its error is one after which it may be repeated; the last error is raised as it is."""

    def __init__(self, sleep: Callable[[float], None] = nap.sleep, tries: int = TRIES) -> None:
        self._sleep, self._tries = sleep, tries

    def __call__(self, call: Callable[[], Answer], is_safe: Callable[[BaseException], bool]) -> Answer:
        """What the call answers."""
        tries = Retrying(
            retry=retry_if_exception(is_safe),
            stop=stop_after_attempt(self._tries),
            wait=wait_exponential(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS),
            sleep=self._sleep,
            reraise=True,
        )
        return tries(call)
