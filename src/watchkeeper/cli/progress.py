"""What an investigation tells while it goes on, as lines on stderr."""

import sys
import textwrap

from watchkeeper.agents.events import (
    AskedFor,
    Checked,
    Claimed,
    Delegated,
    Event,
    Finished,
    Found,
    Started,
    Trouble,
)
from watchkeeper.cli.screen import one_line

WIDTH = 80
LONGEST = 400
STEP = 2
"""Columns by which each level is set in."""
WRAPPED = (Trouble, Checked)
"""Events that are told whole, over as many lines as they take; of the others one line is enough."""


def told(event: Event) -> None:
    """Say one event."""
    indent = " " * STEP * level_of(event)
    width = WIDTH - len(indent)
    text = one_line(words(event), LONGEST if isinstance(event, WRAPPED) else width)
    lines = textwrap.wrap(text, width, subsequent_indent=" " * STEP, break_on_hyphens=False)
    sys.stderr.write("".join(f"{indent}{line}\n" for line in lines))
    sys.stderr.flush()


def level_of(event: Event) -> int:
    """How far a line is set in: what a step found stands below the step."""
    match event:
        case Started() | Finished():
            return 0
        case Found() | Checked():
            return 2
    return 1


def words(event: Event) -> str:
    """One event in words."""
    match event:
        case Started():
            # With its number: whoever interrupts it can have it go on.
            how = "going on with" if event.is_resumed else "looking further with"
            return f"{event.incident}: {how} {event.model} ({event.graph}) …"
        case Delegated():
            return f"{event.specialist} looks …"
        case AskedFor():
            return f"asks {event.tool} {event.arguments}"
        case Found():
            rows = counted(event.rows, "row") if event.status == "found" else event.status
            return f"{event.evidence}: {rows}"
        case Claimed():
            return f"suspects {event.component} ({event.fault}), {counted(event.claims, 'claim')}"
        case Checked():
            return f"{event.standing}: {event.claim}{f' ({event.because})' if event.because else ''}"
        case Trouble():
            return event.text
        case Finished():
            return f"Done: {_result(event)}."


def counted(number: int, what: str) -> str:
    """A number of things, in the singular where it is one."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _result(event: Finished) -> str:
    cost = event.cost
    if cost.calls == 0:
        return "no call of the model was answered"
    struck = f"{cost.claims_struck} of {counted(cost.claims_made, 'claim')} struck"
    return f"{counted(cost.calls, 'call')}, {counted(cost.tokens, 'token')}, {struck}"
