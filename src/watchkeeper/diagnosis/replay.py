"""The request of one failing or slow trace, as a command that somebody can try."""

from dataclasses import dataclass

from watchkeeper.analysis.reproduction import reproduce
from watchkeeper.diagnosis.seen import Seen
from watchkeeper.domain import Diagnosis, Reproduction
from watchkeeper.evidence.ledger import Ledger

UNSEEN = ("silence", "memory")
"""Faults that no single request shows."""


@dataclass(frozen=True)
class Replay:
    """The reproduction, and whether sending it changes nothing."""

    noun: Reproduction
    is_safe: bool


def replay_of(ledger: Ledger, seen: Seen, diagnosis: Diagnosis) -> Replay | None:
    """The request of a trace that shows the trouble at the blamed component, else anywhere; None without one."""
    number = seen.details.evidence["spans"]
    table = ledger.answer(number)
    top = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
    if top is not None and top.kind in UNSEEN:
        return None
    component = top.component if top is not None else None
    is_slow = not any(s.measure == "error ratio" for s in seen.symptoms)
    found = None if table is None else reproduce(table, component, is_slow=is_slow)
    if found is None:
        return None
    return Replay(Reproduction(command=found.command, trace_id=found.trace_id, evidence=number), found.is_safe)
