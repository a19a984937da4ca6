"""Two stretches of the same series, an older and a newer one, as one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from watchkeeper.analysis.series import Floats, Key, Red

K = TypeVar("K", str, Key)


@dataclass(frozen=True)
class Splice:
    """How an old and a new stretch of steps become one: `gone` old steps fall away, the last `fresh` come anew."""

    gone: int
    size: int
    fresh: int

    def of(self, old: Floats | None, new: Floats | None, missing: float) -> Floats:
        """One series, shape (size,); a side that is not there, None or empty, is `missing`."""
        out = np.full(self.size, missing)
        kept = self.size - self.fresh
        if old is not None and old.size:
            out[:kept] = old[self.gone : self.gone + kept]
        if new is not None and new.size:
            out[kept:] = new[new.size - self.fresh :]
        return out


def spliced(old: Mapping[K, Red], new: Mapping[K, Red], at: Splice) -> dict[K, Red]:
    """Both by key; what had no request in all of it is left out."""
    found = {key: _red(old.get(key), new.get(key), at) for key in sorted(old.keys() | new.keys())}
    return {key: red for key, red in found.items() if red.requests.any()}


def _red(old: Red | None, new: Red | None, at: Splice) -> Red:
    none = np.full(0, np.nan)
    was, comes = (Red(none, none, none, none) if red is None else red for red in (old, new))
    return Red(
        at.of(was.requests, comes.requests, 0.0),
        at.of(was.errors, comes.errors, 0.0),
        at.of(was.mean_ms, comes.mean_ms, np.nan),
        at.of(was.p95_ms, comes.p95_ms, np.nan),
    )
