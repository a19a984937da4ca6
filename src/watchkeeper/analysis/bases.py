"""What a component's requests usually cost, what is noise, and the work beyond both, in units that add up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from watchkeeper.analysis.robust import TO_SIGMA, location_scale
from watchkeeper.analysis.series import Floats, Red

Unit = Literal["s", "failures"]
Mask = NDArray[np.bool_]

LEAST_COMPARED = 4
"""Components that must be known from both times to tell how far levels drift between them."""
NO_NOISE = 1e-6
"""The share of a base that is rounding, where steps do not scatter at all."""
BEGUN = 0.25
"""The part of its largest excess from which a component's trouble has begun: noise before it is less."""
DRIFT_UNKNOWN = 1.0
"""The drift that is allowed for where it cannot be told: quiet times of then say nothing about levels of now."""


def badness(red: Red, unit: Unit) -> Floats:
    """Seconds or failures a request, shape (n,); NaN where there were none."""
    if unit == "s":
        return np.where(red.requests > 0, red.mean_ms / 1e3, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(red.requests > 0, red.errors / red.requests, np.nan)


def drift_of(services: Mapping[str, Red], usual: Mapping[str, Red], unit: Unit) -> float:
    """By what share levels differ between quiet times of then and the best step of now, as a spread over components.

    Of shares of failures there is none: their base is near nothing at any time.
    """
    if unit == "failures":
        return 0.0
    apart = []
    for name in sorted(services.keys() & usual.keys()):
        now, level = badness(services[name], unit), location_scale(badness(usual[name], unit))[0]
        if np.isfinite(now).any() and level > 0 and (best := float(np.nanmin(now))) > 0:
            apart.append(abs(np.log(best / level)))
    return float(np.median(apart)) * TO_SIGMA if len(apart) >= LEAST_COMPARED else DRIFT_UNKNOWN


@dataclass(frozen=True)
class Level:
    """What is usual a request, in the unit, and by how much each step may stray from it, shape (n,)."""

    base: float
    """NaN where nothing is known."""
    noise: Floats


def level_of(red: Red, usual: Red | None, unit: Unit, calm: Mask, drift: float = 0.0) -> Level:
    """The median of calm steps, else of the usual; with neither there is none.

    Noise is the usual's robust spread, of shares at least the binomial one; against a base of another time at least
    the drift (a share of the base) between then and now.
    """
    level, spread = location_scale(badness(usual, unit) if usual is not None else np.full(1, np.nan))
    own, wobble = location_scale(badness(red, unit)[calm])
    base = own if np.isfinite(own) else level
    known = spread if np.isfinite(spread) else wobble if np.isfinite(wobble) else 0.0
    noise = np.full(red.requests.size, known)
    if unit == "failures" and np.isfinite(base):
        noise = np.maximum(noise, _binomial(base, red.requests))
    return Level(float(base), noise if np.isfinite(own) else np.maximum(noise, drift * base))


def excess_steps(
    red: Red, usual: Red | None, unit: Unit, calm: Mask, *, spreads: float = 1.0, drift: float = 0.0
) -> tuple[Floats, float]:
    """Work beyond the base and beyond `spreads` of noise by step, in the unit, and the base a request.

    No excess without a base: who was never called before did not change, its caller did.
    """
    level = level_of(red, usual, unit, calm, drift)
    gain = np.maximum(0.0, badness(red, unit) - level.base - spreads * level.noise)
    return np.where(np.isfinite(gain), red.requests * gain, 0.0), level.base


def began_at(excess: Floats) -> int:
    """The first step in which a component's trouble has begun; of shape (n,), not all nothing."""
    return int(np.flatnonzero(excess >= BEGUN * excess.max())[0])


def rise_steps(red: Red, usual: Red | None, unit: Unit, calm: Mask, drift: float = 0.0) -> Floats:
    """By how many spreads of noise each step lies above the base, shape (n,); 0 where that is not known."""
    level = level_of(red, usual, unit, calm, drift)
    above = np.nan_to_num(badness(red, unit) - level.base)
    quiet = np.maximum(level.noise, NO_NOISE * abs(level.base))
    return np.divide(above, quiet, out=np.where(above > 0, np.inf, 0.0), where=quiet > 0)


def cost(red: Red, usual: Red | None, calm: Mask) -> tuple[float, float]:
    """Seconds of work a step, and a request, in calm steps, else usually; NaN where neither is known.

    Whatever the unit of the blame: a caller's time holds its callees', so these tell who may be below whom.
    """
    quiet = calm & (red.requests > 0) & np.isfinite(red.mean_ms)
    if quiet.any():
        return _cost(red.requests[quiet], red.mean_ms[quiet])
    if usual is None:
        return float("nan"), float("nan")
    known = (usual.requests > 0) & np.isfinite(usual.mean_ms)
    return _cost(usual.requests[known], usual.mean_ms[known]) if known.any() else (float("nan"), float("nan"))


def _cost(requests: Floats, mean_ms: Floats) -> tuple[float, float]:
    return float(np.median(requests * mean_ms)) / 1e3, float(np.median(mean_ms)) / 1e3


def _binomial(share: float, requests: Floats) -> Floats:
    """Standard error of a share of that many requests, never as if the share were nothing."""
    trials = np.maximum(requests, 1.0)
    share_or_one = np.clip(share, 1 / trials, 1.0)
    error: Floats = np.sqrt(share_or_one * (1 - share_or_one) / trials)
    return error
