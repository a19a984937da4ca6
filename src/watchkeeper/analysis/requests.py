"""What changed inside requests: where their time goes, how many calls they make, which inputs fail."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.analysis.robust import ratio_rise
from watchkeeper.analysis.spans import Ints, Spans, entry_of, error_origins, exceptions, exclusive_time
from watchkeeper.redaction import is_secret

_CONSEQUENCES = ("status", "error", "exception", "duration", "response", "otel.")


@dataclass(frozen=True)
class OwnTime:
    """Time that one kind of span of a service took by itself, in ms per request that the service answered."""

    service: str
    name: str
    before_ms: float
    after_ms: float

    @property
    def gain_ms(self) -> float:
        """How much longer it takes."""
        return self.after_ms - self.before_ms


@dataclass(frozen=True)
class Fanout:
    """How many spans of one kind a service makes per request that it answers."""

    service: str
    name: str
    before: float
    after: float


@dataclass(frozen=True)
class ErrorOrigin:
    """Where failures begin: spans that failed though nothing below them did."""

    service: str
    name: str
    exception: str
    message: str
    count: int
    before: int
    kind: str


@dataclass(frozen=True)
class FailingInput:
    """An attribute's value that carries the failures of a service."""

    service: str
    attribute: str
    value: str
    failed: int
    requests: int
    failed_elsewhere: int
    requests_elsewhere: int


def own_times(usual: Spans, incident: Spans) -> list[OwnTime]:
    """Own time by service and span name, the largest gain first."""
    before, after = _per_request(usual), _per_request(incident)
    found = [OwnTime(s, n, before.get((s, n), (0.0, 0.0))[0], ms) for (s, n), (ms, _) in after.items()]
    return sorted(found, key=lambda o: (-o.gain_ms, o.service, o.name))


def fanouts(usual: Spans, incident: Spans, factor: float = 2.0) -> list[Fanout]:
    """Kinds of spans that a service now makes at least `factor` times as often per request, the steepest first."""
    before, after = _per_request(usual), _per_request(incident)
    found = [
        Fanout(s, n, before[s, n][1], times)
        for (s, n), (_, times) in after.items()
        if (s, n) in before and times >= factor * before[s, n][1] and times - before[s, n][1] >= 1.0
    ]
    return sorted(found, key=lambda f: (-f.after / f.before, f.service, f.name))


def origins(usual: Spans, incident: Spans) -> list[ErrorOrigin]:
    """Where errors begin now, with how often the same began there before; the most frequent first."""
    past, present = _origins(usual), _origins(incident)
    found = [ErrorOrigin(s, n, e, m, count, past[s, n, e, m, k], k) for (s, n, e, m, k), count in present.items()]
    return sorted(found, key=lambda o: (-(o.count - o.before), o.service, o.name, o.exception, o.message))


def failing_input(spans: Spans, service: str, significance: float = 1e-4) -> FailingInput | None:
    """The attribute value whose requests fail far more often than the service's others; None if none stands out.

    Attributes that a failure itself sets (status codes, error types) do not count, nor ones with more than 50 values.
    """
    rows = np.flatnonzero(spans.is_entry & (spans.service == service))
    failed = spans.is_error[rows]
    if failed.sum() < 5:
        return None
    return _sharpest(service, _by_input(spans, rows, failed), int(failed.sum()), rows.size, significance)


def _by_input(spans: Spans, rows: Ints, failed: NDArray[np.bool_]) -> dict[tuple[str, str], tuple[int, int]]:
    """Failed ones and all of those spans by attribute and value, without attributes that a failure sets."""
    maps = spans.table["attributes"].take(pa.array(rows)).combine_chunks()
    lengths = np.diff(maps.offsets.to_numpy())
    keys, values = maps.keys.dictionary_encode(), maps.items.dictionary_encode()
    of = np.repeat(failed, lengths)
    is_told = np.array([not any(m in k for m in _CONSEQUENCES) for k in keys.dictionary.to_pylist()], dtype=bool)
    kept = np.asarray(values.is_valid()) & is_told[keys.indices.to_numpy()] if of.size else np.zeros(0, dtype=bool)
    width = max(1, len(values.dictionary))
    value_codes = pc.fill_null(values.indices, 0).to_numpy()
    codes = keys.indices.to_numpy().astype(np.int64)[kept] * width + value_codes[kept]
    found, place, counts = np.unique(codes, return_inverse=True, return_counts=True)
    bad = np.bincount(place, of[kept], found.size).astype(int)
    pairs = ((keys.dictionary[int(c) // width].as_py(), values.dictionary[int(c) % width].as_py()) for c in found)
    return dict(zip(pairs, zip(bad.tolist(), counts.tolist(), strict=True), strict=True))


def _sharpest(
    service: str, counts: dict[tuple[str, str], tuple[int, int]], failed: int, total: int, significance: float
) -> FailingInput | None:
    variety = Counter(key for key, _ in counts)
    best: tuple[float, FailingInput] | None = None
    for (key, value), (bad, of) in sorted(counts.items()):
        rest_bad, rest = failed - bad, total - of
        if not 2 <= variety[key] <= 50 or rest == 0 or bad < 0.6 * failed or bad / of < 2 * rest_bad / rest:
            continue
        p = ratio_rise(bad, of, rest_bad, rest)
        is_best = p <= significance / max(1, len(counts)) and (best is None or bad / of > best[0])
        # Asked last: to tell whether a text is a secret takes far longer than to count it.
        if is_best and not is_secret(key, value):
            best = (bad / of, FailingInput(service, key, value, bad, of, rest_bad, rest))
    return best[1] if best else None


def _per_request(spans: Spans) -> dict[tuple[str, str], tuple[float, float]]:
    """Own milliseconds and spans per answered request, by service and span name."""
    entries = Counter(spans.service[spans.is_entry].tolist())
    counted = spans.is_entry[entry_of(spans)] & np.isin(spans.service, list(entries))
    services, names = (
        pa.array(texts[counted], pa.string()).dictionary_encode() for texts in (spans.service, spans.name)
    )
    width = max(1, len(names.dictionary))
    codes = services.indices.to_numpy().astype(np.int64) * width + names.indices.to_numpy()
    found, place, times = np.unique(codes, return_inverse=True, return_counts=True)
    spent = np.bincount(place, exclusive_time(spans)[counted] / 1e3, found.size)
    pairs = ((services.dictionary[int(c) // width].as_py(), names.dictionary[int(c) % width].as_py()) for c in found)
    return {
        key: (float(ms) / entries[key[0]], int(count) / entries[key[0]])
        for key, ms, count in zip(pairs, spent, times, strict=True)
    }


def _origins(spans: Spans) -> Counter[tuple[str, str, str, str, str]]:
    rows = np.flatnonzero(error_origins(spans))
    details = exceptions(spans, rows)
    keys = (
        (spans.service[row], spans.name[row], kind, _steady(message), spans.kind[row])
        for row, (kind, message) in zip(rows.tolist(), details, strict=True)
    )
    return Counter(keys)


def _steady(message: str) -> str:
    """A message without its digits, so that the same failure with another id is the same."""
    return "".join("#" if c.isdigit() else c for c in message)
