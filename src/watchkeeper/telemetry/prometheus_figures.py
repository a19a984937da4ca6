"""Requests, errors and durations of one key at every step, added up from rates and told as whole requests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


@dataclass
class Figures:
    """What is known of one key at every step, each shape (n,)."""

    steps: int
    served: Floats = field(init=False)
    failed: Floats = field(init=False)
    """Requests, as estimated: a rate times the length of the step."""
    timed: Floats = field(init=False)
    spent_ms: Floats = field(init=False)
    quantiles: dict[str, Floats] = field(init=False)

    def __post_init__(self) -> None:
        self.served, self.failed, self.timed, self.spent_ms = (np.zeros(self.steps) for _ in range(4))
        self.quantiles = {name: np.full(self.steps, np.nan) for name in QUANTILES}

    def rows(self) -> Iterator[tuple[int, dict[str, object]]]:
        """Each step that has requests, with its columns; the counts are rounded so that their sums stay true."""
        failed = _whole(self.failed)
        requests = _whole(self.served) + failed
        for step in np.flatnonzero(requests):
            timed = self.timed[step]
            mean = self.spent_ms[step] / timed if timed > 0 else None
            yield (
                int(step),
                {
                    "requests": int(requests[step]),
                    "errors": int(failed[step]),
                    "mean_ms": mean,
                    **{name: _known(values[step]) for name, values in self.quantiles.items()},
                },
            )


def merged(parts: Sequence[Figures]) -> Figures:
    """Several sets of labels as one: counts and times added up, of the quantiles the largest."""
    if len(parts) == 1:
        return parts[0]
    whole = Figures(parts[0].steps)
    for part in parts:
        whole.served += part.served
        whole.failed += part.failed
        whole.timed += part.timed
        whole.spent_ms += part.spent_ms
        for name, values in part.quantiles.items():
            np.fmax(whole.quantiles[name], values, out=whole.quantiles[name])
    return whole


def _whole(values: Floats) -> NDArray[np.int64]:
    """Whole numbers whose sum up to each step is that of the values, rounded."""
    sums = np.floor(np.cumsum(values) + 0.5 + 1e-9)
    return np.diff(np.clip(sums, 0, 2**53), prepend=0.0).astype(np.int64)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
