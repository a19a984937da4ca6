"""Work in which a database cannot be written for a while, in this process or in one of its own."""

import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from structlog.testing import capture_logs

from killed_worker import Work
from made_steps import FIRST, MadeSteps, conductor_of, finish
from watchkeeper.records.store import Records


def wait_for_trouble(
    steps: MadeSteps, is_over: Callable[[], None], place: str, records: Records, words: str = ""
) -> list[str]:
    """Have an incident looked into; end the trouble that one of its steps makes once it is known. What was said.

    Known it is once something was said with these words in it: what is met first may be a connection that was cut.
    """
    with capture_logs() as said, conductor_of(place, steps, records) as conductor:
        conductor.launch()
        conductor.start(FIRST, "signal")
        while conductor.is_well() or not any(words in str(each.get("says", "")) for each in said):
            conductor.idle(0.01)
        is_over()
        finish(conductor)
    return [str(each["says"]) for each in said if "says" in each]


def on_a_full_disk(work: Work, wire: Connection, _: Path) -> None:
    """No file may grow, from the middle of a step until that is known."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    troubles = iter([True])

    def fill(_: str) -> None:
        if next(troubles, False):
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, most))

    steps = MadeSteps(gather=fill)
    with Records.open(work.records) as records:
        said = wait_for_trouble(
            steps, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)), work.workflows, records
        )
    wire.send((steps.of(FIRST), said))
