from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from watchkeeper.diagnosis.standing import MOST_BY_SYMPTOMS, MOST_LATE, MOST_UNTIMED, most_probable
from watchkeeper.domain import Claim, Window
from watchkeeper.evidence.ledger import Ledger

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(start=NOW, end=NOW + timedelta(minutes=5))
ROWS = {
    "before and now": [{"service": "cart", "mean_ms": 500.0, "mean_ms_before": 20.0}],
    "own time": [
        {"service": "cart", "span": "SELECT", "own_ms": 480.0, "own_ms_before": 10.0},
        {"service": "cart", "span": "GET", "own_ms": 10.1, "own_ms_before": 10.0},
    ],
    "blame": [{"component": "cart", "share": 0.1}, {"component": "payment", "share": 0.9}],
    "new lines": [{"service": "cart", "count": 40, "count_before": 0}],
    "onsets": [{"service": "cart", "earliest": NOW}],
}


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger(readings={name: lambda _, r: pa.Table.from_pylist(ROWS[r.name]) for name in ROWS})
    for name in ROWS:
        made.derive(f"{name}?", name, (), {}, WINDOW)
    return made


def claim(evidence: str, selector: str, role: str = "cause") -> Claim:
    return Claim.model_validate(
        {"text": "x", "evidence": evidence, "selector": selector, "about": "cart", "role": role, "standing": "supports"}
    )


SLOW = claim("e1", 'first(mean_ms) where service = "cart"')
OWN = claim("e2", 'first(own_ms) where service = "cart" and span = "SELECT"')
TINY = claim("e2", 'first(own_ms) where service = "cart" and span = "GET"')
LITTLE_BLAME = claim("e3", 'first(share) where component = "cart"')
LINE = claim("e4", 'first(count) where service = "cart"')
EARLY = claim("e5", 'first(earliest) where service = "cart"', "timing")


def test_own_work_that_grew_in_time_may_be_called_as_probable_as_one_likes(ledger: Ledger) -> None:
    assert most_probable((OWN, EARLY), (), "cart", ledger) == 1.0


@pytest.mark.parametrize("weak", [SLOW, TINY, LITTLE_BLAME, LINE], ids=["slow", "tiny", "little blame", "a line"])
def test_what_a_victim_shows_too_is_not_enough(ledger: Ledger, weak: Claim) -> None:
    assert most_probable((weak, EARLY), (), "cart", ledger) == MOST_BY_SYMPTOMS


def test_an_open_time_leaves_a_cause_half_sure(ledger: Ledger) -> None:
    assert most_probable((OWN,), (), "cart", ledger) == MOST_UNTIMED


def test_trouble_that_came_after_the_first_symptom_is_hardly_a_cause(ledger: Ledger) -> None:
    assert most_probable((OWN,), (EARLY,), "cart", ledger) == MOST_LATE
