"""Everything that one diagnosis rests on, gathered once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.analysis.symptoms import Symptom
from watchkeeper.diagnosis.blame import Share
from watchkeeper.diagnosis.measured import Served
from watchkeeper.diagnosis.releases import Trial
from watchkeeper.diagnosis.statements import Saying
from watchkeeper.diagnosis.timing import Timing
from watchkeeper.evidence.details import Details
from watchkeeper.evidence.vitals import Vitals


@dataclass(frozen=True)
class Seen:
    """What was seen, computed, and can be said."""

    vitals: Vitals
    details: Details
    timing: Timing
    symptoms: list[Symptom]
    shares: dict[str, Share]
    trials: list[Trial]
    saying: Saying
    served: Served
    """How requests were served since it began, and usually."""
    gaps: tuple[str, ...]

    @property
    def latest_onset(self) -> datetime:
        """A cause began at this moment at the latest: the first symptom's onset, its uncertainty, and two steps.

        Both onsets are placed on steps, and the running median that tames spikes may move each of them by one.
        """
        return self.timing.onset.latest + timedelta(seconds=2 * self.vitals.grid.step_seconds)

    @property
    def components(self) -> frozenset[str]:
        """All that reported anything, and all that was called."""
        return frozenset(self.vitals.presence) | {callee for _, callee, _ in self.vitals.calls}

    @property
    def edges(self) -> frozenset[tuple[str, str]]:
        """Who calls whom."""
        return frozenset((caller, callee) for caller, callee, _ in self.vitals.calls)
