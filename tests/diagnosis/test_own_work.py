"""What does not show a component's own work, though it is true and sets the component apart."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from watchkeeper.diagnosis.standing import MOST_BY_SYMPTOMS, SURE_ENOUGH, most_probable
from watchkeeper.domain import Claim, Window
from watchkeeper.evidence.ledger import Ledger

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(start=NOW, end=NOW + timedelta(minutes=5))
ROWS = {
    "own time": [{"service": "cart", "span": "GET", "own_ms": 90.0, "own_ms_before": 10.0}],
    "blame": [{"component": "payment", "share": 0.9}, {"component": "cart", "share": 0.05, "waits_for": "payment"}],
    "changes on trial": [{"id": "c-1", "service": "cart", "began": NOW, "outcome": "fits", "gap_seconds": 20.0}],
    "resources before and now": [
        {"service": "cart", "kind": "cpu", "value": 0.04, "value_before": 0.02},
        {"service": "cart", "kind": "queue", "value": 0.2, "value_before": 0.1},
        {"service": "cart", "kind": "memory", "value": 200e6, "value_before": 90e6},
    ],
    "last seen": [{"service": "cart", "last_seen": WINDOW.end - timedelta(seconds=5)}],
    "error origins": [{"service": "cart", "origin": "x", "count": 3, "count_before": 0}],
    "onsets": [{"service": "cart", "earliest": NOW}],
}


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger(readings={name: lambda _, r: pa.Table.from_pylist(ROWS[r.name]) for name in ROWS})
    for name in ROWS:
        made.derive(f"{name}?", name, (), {}, WINDOW)
    return made


def claim(ledger: Ledger, analysis: str, selector: str, role: str = "cause") -> Claim:
    number = next(e.id for e in ledger.evidence if e.reading is not None and e.reading.name == analysis)
    values = {"text": "x", "evidence": number, "selector": selector, "about": "cart", "role": role}
    return Claim.model_validate({**values, "standing": "supports"})


def most(ledger: Ledger, analysis: str, selector: str) -> float:
    early = claim(ledger, "onsets", 'first(earliest) where service = "cart"', "timing")
    return most_probable((claim(ledger, analysis, selector), early), (), "cart", ledger)


@pytest.mark.parametrize(
    ("analysis", "selector"),
    [
        ("own time", 'first(own_ms) where service = "cart"'),
        ("own time", 'count() where service = "cart" and span = "GET"'),
        ("own time", 'first(span) where service = "cart"'),
        ("blame", 'first(waits_for) where component = "cart"'),
        ("blame", 'count() where component = "cart"'),
        ("changes on trial", 'first(outcome) where service = "cart"'),
        ("changes on trial", 'first(gap_seconds) where service = "cart"'),
        ("resources before and now", 'first(value) where service = "cart" and kind = "cpu"'),
        ("resources before and now", 'first(value) where service = "cart" and kind = "queue"'),
        ("resources before and now", 'max(value) where service = "cart"'),
        ("last seen", 'first(last_seen) where service = "cart"'),
        ("error origins", 'first(count) where service = "cart"'),
    ],
)
def test_what_is_true_of_an_innocent_component_is_no_own_work(ledger: Ledger, analysis: str, selector: str) -> None:
    assert most(ledger, analysis, selector) == MOST_BY_SYMPTOMS


def test_memory_that_doubled_is_own_work(ledger: Ledger) -> None:
    selector = 'first(value) where service = "cart" and kind = "memory"'
    assert most(ledger, "resources before and now", selector) == SURE_ENOUGH
