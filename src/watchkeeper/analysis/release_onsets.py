"""Onsets of symptoms for the release test: given, or found in the series, several where one moved several times."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from watchkeeper.analysis.onset import Alert, Onset, onset_of_level, onset_of_share
from watchkeeper.analysis.release_series import Ints, Panel
from watchkeeper.analysis.series import Floats

CLEAR = 8.0
"""Log-likelihood ratio that makes a change of level an onset."""
LOOK_AROUND = 60
"""Fine steps on both sides of a rough onset that are looked at, besides twice its interval."""
MOST = 3
"""Onsets of one series at most."""


@dataclass(frozen=True)
class Onsets:
    """When symptoms began, o of them; a series that moved several times has several."""

    series: Ints
    """Rows of the panel."""
    step: Floats
    uncertainty: Floats
    """Half a 90 % interval, in steps."""

    @classmethod
    def of(cls, found: Iterable[tuple[int, Onset]]) -> "Onsets":
        """Rows and their onsets."""
        pairs = list(found)
        return cls(
            series=np.array([row for row, _ in pairs], dtype=np.int64),
            step=np.array([onset.step for _, onset in pairs], dtype=np.float64),
            uncertainty=np.array([onset.uncertainty for _, onset in pairs], dtype=np.float64),
        )


def onsets_in(panel: Panel, rows: Iterable[int], least: float = CLEAR) -> Onsets:
    """Moves for the worse of rows, the clearest first found and each side of it looked at again (binary segmentation,
    Scott and Knott, 1974), at most three a row; `least` is the log-likelihood ratio that each needs.
    """
    return Onsets.of((row, onset) for row in rows for onset in _within(panel, row, 0, panel.grid.size, least, MOST))


def sharpened(fine: Panel, row: int, step: float, slack: float) -> Onset | None:
    """An onset that is known roughly, on a finer grid: the change of level near that step that explains the row best.

    `step` and `slack` are in steps of the fine grid, `slack` the half of the rough interval. Seconds tell releases
    apart: a series of requests a second is worth asking for around a rough onset. None where it shows no change.
    """
    low, high = (int(np.clip(step + side * (LOOK_AROUND + 2 * slack), 0, fine.grid.size)) for side in (-1, 1))
    alert = Alert(step - low, max(slack, 1.0))
    found = _clearest(fine, row, low, high, alert)
    return found if found is not None and fine.worse[row] * (found.after - found.before) >= 0 else None


def _within(panel: Panel, row: int, low: int, high: int, least: float, left: int) -> list[Onset]:
    found = _clearest(panel, row, low, high)
    if found is None or found.evidence < least or left == 0:
        return []
    cut = int(np.ceil(found.step))
    parts = [
        *_within(panel, row, low, cut, least, left - 1),
        found,
        *_within(panel, row, cut, high, least, left - 1),
    ]
    is_worse = [panel.worse[row] * (each.after - each.before) > 0 or each is not found for each in parts]
    kept = [each for each, worse in zip(parts, is_worse, strict=True) if worse]
    return sorted(sorted(kept, key=lambda each: -each.evidence)[:left], key=lambda each: each.step)


def _clearest(panel: Panel, row: int, low: int, high: int, alert: Alert | None = None) -> Onset | None:
    values, weights = panel.values[row, low:high], panel.weights[row, low:high]
    if panel.kinds[row] == "share":
        onset = onset_of_share(values * weights, weights, alert=alert)
    else:
        onset = onset_of_level(np.where(weights > 0, values, np.nan), alert=alert)
    return onset and replace(onset, step=onset.step + low)
