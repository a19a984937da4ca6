"""What an investigation tells while it goes on, as lines on stderr."""

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
from watchkeeper.cli.screen import one_line, say

WIDTH = 78


def told(event: Event) -> None:
    """Say one event, bounded to a line."""
    text = words(event)
    if text:
        say(one_line(text, WIDTH))


def words(event: Event) -> str:
    """One event in words; empty where there is nothing to tell a person."""
    match event:
        case Started():
            return f"{'Going on' if event.is_resumed else 'Looking further'} with {event.model} ({event.graph}) …"
        case Delegated():
            return f"  {event.specialist} looks …"
        case AskedFor():
            return f"  asks {event.tool} {event.arguments}"
        case Found():
            rows = f"{event.rows} rows" if event.status == "found" else event.status
            return f"    {event.evidence}: {rows}"
        case Claimed():
            return f"  suspects {event.component} ({event.fault}), {event.claims} claims"
        case Checked():
            return f"    {event.standing}: {event.claim}"
        case Trouble():
            return f"  {event.text}"
        case Finished():
            cost = event.cost
            return f"Done: {cost.calls} calls, {cost.tokens:,} tokens, {cost.claims_struck} claims struck."
