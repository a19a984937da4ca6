import subprocess
import sys

import pytest
from pydantic import ValidationError

from watchkeeper.agents.events import EVENTS, LONGEST, Claimed, Finished, Found, Started, Trouble, line
from watchkeeper.domain import Cost

SAMPLES = [
    Started(incident="INC-2026-0001", graph="single", model="m"),
    Found(evidence="e3", question="Since when?", status="empty", rows=0),
    Claimed(component="cart", fault="cpu", claims=2),
    Trouble(text="the model stopped answering"),
    Finished(incident="INC-2026-0001", status="diagnosed", cost=Cost(seconds=1.0)),
]


@pytest.mark.parametrize("event", SAMPLES, ids=lambda e: e.kind)
def test_an_event_reads_back_as_what_it_was(event: object):
    assert EVENTS.validate_json(EVENTS.dump_json(event)) == event  # type: ignore[arg-type]


def test_an_event_of_no_known_kind_is_refused():
    with pytest.raises(ValidationError, match="kind"):
        EVENTS.validate_python({"kind": "thought", "text": "hm"})


def test_the_schema_tells_the_kinds_apart():
    schema = EVENTS.json_schema()
    kinds = {"started", "asked", "found", "delegated", "claimed", "checked", "trouble", "finished"}
    assert set(schema["discriminator"]["mapping"]) == kinds


def test_a_line_is_bounded_and_has_no_control_characters():
    told = line("a\x1b[31m\nb" + "x" * LONGEST)
    assert told.startswith("a [31m b")
    assert len(told) == LONGEST


def test_events_come_without_any_heavy_library():
    code = "import sys, watchkeeper.agents.events; print([m for m in sys.modules if m.startswith(('lang', 'openai'))])"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"
