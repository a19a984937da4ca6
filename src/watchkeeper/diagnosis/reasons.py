"""Why the ranking is as it is, in words: what weighs most for the first causes, and what may not have been seen."""

from collections.abc import Iterator, Sequence

from watchkeeper.diagnosis.fusion import Fused
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.domain.diagnosis import WORTH_A_LOOK

EXPLAINED, REASONS = 2, 3
"""Causes whose rank is explained, and reasons of each that are told."""
WORTH_A_DOUBT = 0.1
"""From this probability on it is said why the cause may be something that was not looked at."""


def reasons_told(fused: Fused, ranked: Sequence[str]) -> Iterator[str]:
    """Sentences without numbers about the first of the causes that are listed, most probable first."""
    for name in ranked[:EXPLAINED]:
        said = fused.reasons.get(name, ())[:REASONS]
        if said and fused.probabilities.get(name, 0.0) >= WORTH_A_LOOK:
            yield f"what weighs most for {quoted(name)}: {'; '.join(said)}"
    if fused.unseen >= WORTH_A_DOUBT and fused.doubts:
        yield f"the cause may be one that was not looked at: {'; '.join(fused.doubts[:REASONS])}"
