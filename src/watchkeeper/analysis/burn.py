"""Whether a service's error budget burns too fast: multi-window, multi-burn-rate alerts.

Method: The Site Reliability Workbook (Beyer et al., 2018), chapter 5, "Alerting on SLOs", table 5-8: an alert fires
where the budget burns faster than a rate over a long window, and still does over a short one.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from watchkeeper.analysis.series import Floats

Urgency = Literal["page", "ticket"]


@dataclass(frozen=True)
class BurnRule:
    """Fires where the budget burns `rate` times too fast over both windows."""

    rate: float
    long_seconds: float
    short_seconds: float
    urgency: Urgency


RULES = (
    BurnRule(14.4, 3600.0, 300.0, "page"),
    BurnRule(6.0, 6 * 3600.0, 1800.0, "page"),
    BurnRule(1.0, 3 * 86_400.0, 6 * 3600.0, "ticket"),
)
"""The workbook's: 2 % of a 30 days' budget in an hour, 5 % in six, 10 % in three days."""
LEAST_BAD = 10
"""Bad requests in the short window below which a rate is luck."""
LEAST_HISTORY = 0.1
"""The share of a rule's long window that history must fill for the rule to be asked; the rest is taken to be good."""


@dataclass(frozen=True)
class Burning:
    """A budget that burns too fast."""

    rule: BurnRule
    rate: float
    """Over the short window."""
    bad_share: float
    """Over the short window."""


def burning(bad: Floats, total: Floats, step_seconds: float, objective: float) -> Burning | None:
    """The most urgent rule that fires at the end of counts a step, shapes (n,); None where none does.

    `objective` is the share of requests that must be good, below 1. Steps before history began are none: a window that
    they would fill holds what there is, if that is `LEAST_HISTORY` of it (the shortest rule needs its short window
    only), and its budget is that of the time it spans.
    """
    budget = 1.0 - objective
    if not 0 < budget < 1:
        raise ValueError(f"an objective lies between 0 and 1, not {objective}")
    known = float(np.count_nonzero(np.cumsum(total) > 0)) * step_seconds
    for number, rule in enumerate(RULES):
        needed = rule.short_seconds if number == 0 else max(rule.short_seconds, LEAST_HISTORY * rule.long_seconds)
        if known < min(needed, rule.long_seconds):
            continue
        (short_bad, short), (long_bad, long) = (
            _last(bad, total, seconds, step_seconds) for seconds in (rule.short_seconds, rule.long_seconds)
        )
        if short_bad < LEAST_BAD:
            continue
        if short_bad >= rule.rate * budget * short and long_bad >= rule.rate * budget * long:
            return Burning(rule, short_bad / short / budget, short_bad / short)
    return None


def _last(bad: Floats, total: Floats, seconds: float, step_seconds: float) -> tuple[float, float]:
    steps = max(1, round(seconds / step_seconds))
    return float(bad[-steps:].sum()), float(total[-steps:].sum())
