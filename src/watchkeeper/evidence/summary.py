"""What the analyses saw, before and after the onset, as the rows that evidence keeps."""

from collections.abc import Iterable, Mapping

import numpy as np

from watchkeeper.analysis.excess import Parts
from watchkeeper.analysis.robust import location_scale
from watchkeeper.analysis.series import Key, Red
from watchkeeper.domain import Scalar
from watchkeeper.evidence.details import Details
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.vitals import Vitals

RED_COLUMNS = ("requests", "errors", "mean_ms_before", "mean_ms", "p95_ms_before", "p95_ms")


def keep_summaries(ledger: Ledger, vitals: Vitals, details: Details, parts: Parts) -> None:
    """Replace first rows of long tables by what changed, the largest change first."""
    seen = vitals.evidence
    services: dict[Key, Red] = {(name,): red for name, red in vitals.services.items()}
    ledger.keep(seen["services"], ("service", *RED_COLUMNS), _red_rows(services, parts))
    ledger.keep(seen["operations"], ("service", "operation", *RED_COLUMNS), _red_rows(vitals.operations, parts))
    ledger.keep(seen["calls"], ("caller", "callee", "operation", *RED_COLUMNS), _red_rows(vitals.calls, parts))
    ledger.keep(seen["resources"], ("service", "metric", "unit", "before", "now"), _resource_rows(vitals, parts))
    seen = details.evidence
    ledger.keep(seen["versions"], ("service", "version", *RED_COLUMNS), _red_rows(details.versions, parts))
    ledger.keep(
        seen["spans"],
        ("service", "span", "own_ms_before", "own_ms"),
        ((o.service, o.name, round(o.before_ms, 3), round(o.after_ms, 3)) for o in details.own_times),
    )
    ledger.keep(
        seen["logs"],
        ("service", "template", "before", "now", "severity", "first", "example"),
        ((n.service, n.template, n.before, n.after, n.severity, n.first, n.example) for n in details.logs),
    )


def _red_rows(series: Mapping[Key, Red], parts: Parts) -> list[tuple[Scalar, ...]]:
    """The incident's requests and errors, and durations on both sides; by the extra time they add up to."""
    rows = []
    for key, red in series.items():
        requests, errors = red.total(parts.incident)
        before, now = red.mean_over(parts.usual), red.mean_over(parts.incident)
        tails = [location_scale(red.p95_ms[part])[0] for part in (parts.usual, parts.incident)]
        weight = errors * 1e6 + (float(np.nan_to_num(now - before)) * requests)
        rows.append((-weight, (*key, int(requests), int(errors), *_rounded((before, now, *tails)))))
    return [row for _, row in sorted(rows, key=lambda pair: (pair[0], str(pair[1])))]


def _resource_rows(vitals: Vitals, parts: Parts) -> Iterable[tuple[Scalar, ...]]:
    for (service, _), usage in sorted(vitals.resources.items()):
        levels = (location_scale(usage.values[part])[0] for part in (parts.usual, parts.incident))
        yield (service, usage.metric, usage.unit, *_rounded(levels))


def _rounded(values: Iterable[float]) -> list[Scalar]:
    return [round(float(v), 3) if np.isfinite(v) else None for v in values]
