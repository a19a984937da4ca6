"""How severe it is: what users met over the last minutes, held against thresholds, with the reason in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from math import isfinite, sqrt

from watchkeeper.domain import Measured, Noun, Severity
from watchkeeper.routing.thresholds import UNITS, FigureName, SeverityRules, Threshold

LEVELS: tuple[Severity, ...] = ("P1", "P2", "P3", "P4")
Z_95 = 1.96
WHOLE = 0.9
"""The share of the window from which figures count as those of the whole window: grids cut a step off."""
SHORT = 1.1
"""As many fast paths must an incident be old before all of it is judged, and not what is plainly bad alone."""
SHOWN = 3
"""Services whose figures are told where none reached anything."""
FAST: set[FigureName] = {"errors_percent", "unavailable"}


class Fired(Noun):
    """One figure of one service that reached at least one threshold."""

    severity: Severity
    figure: FigureName
    service: str | None = None
    """None for what is said of the whole system."""
    text: str
    """The service, the figure, every threshold it reached, and the evidence it is from."""


class Judged(Noun):
    """A severity, why in words, and every rule that fired, the most severe first."""

    severity: Severity
    reason: str
    fired: tuple[Fired, ...] = ()


@dataclass(frozen=True)
class _Seen:
    """A figure in its threshold's unit and in words; `is_thin` where too few requests stand behind it."""

    value: float
    words: str
    is_thin: bool = False


def judge(
    measured: Sequence[Measured], rules: SeverityRules, *, data_loss: bool = False, said: Severity | None = None
) -> Judged:
    """How severe it is; what the alerts' senders said counts where nothing could be measured, if it is more severe.

    Figures of a window shorter than `rules.window_seconds` are judged by the fast path only. A service may be
    given twice, over the whole window and over the last half minute. Where no service is known as an entry,
    all are judged.
    """
    found = [*_whole(measured, rules, data_loss), *_each(measured, rules)]
    # A service that is given twice is silent once.
    once = {(f.figure, f.text if f.figure in UNITS else f.service): f for f in found}
    fired = sorted(once.values(), key=lambda f: f.severity)
    if not fired and not measured:
        missing = "no service could be measured, which is no sign of health"
        if said is not None and said < rules.unmeasured:
            return Judged(severity=said, reason=f"{said}: its sender says so, and {missing}")
        return Judged(severity=rules.unmeasured, reason=f"{rules.unmeasured}: {missing}")
    severity = fired[0].severity if fired else "P4"
    decisive = [f.text for f in fired if f.severity == severity]
    lesser = len(fired) - len(decisive)
    because = "; ".join(decisive) or f"no threshold is reached: {_calm(measured)}"
    because += f"; and {lesser} of lesser severity" if lesser else ""
    sentences = [f"{severity}: {because}", *_caveats(measured, rules)]
    return Judged(severity=severity, reason=". ".join(sentences), fired=tuple(fired))


def settled(
    history: Sequence[tuple[datetime, Severity]], now: datetime, falls_after: timedelta = timedelta(minutes=10)
) -> Severity:
    """The severity that holds at `now`: it rises at once, and falls when it was judged lower for `falls_after`.

    A judgement holds until the next one, so that no news is no fall; what comes after `now` does not count.
    Raises ValueError where nothing was judged by then.
    """
    past = sorted(item for item in history if item[0] <= now)
    if not past:
        raise ValueError(f"nothing was judged by {now.isoformat()}")
    ended = [*(later for _, (later, _) in pairwise(past)), None]
    return min(s for (_, s), end in zip(past, ended, strict=True) if end is None or end > now - falls_after)


def wilson_lower(successes: int, trials: int) -> float:
    """The lower end of the 95 % score interval of a share (Wilson 1927); 0 without trials."""
    if trials == 0:
        return 0.0
    share, square = successes / trials, Z_95 * Z_95
    spread = Z_95 * sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return max(0.0, (share + square / (2 * trials) - spread) / (1 + square / trials))


def _whole(measured: Sequence[Measured], rules: SeverityRules, data_loss: bool) -> Iterator[Fired]:
    """What is said of the system as a whole."""
    is_blind = bool(measured) and all(m.is_silent or m.is_unavailable for m in measured)
    known: dict[str, bool] = {"data_loss": data_loss, "blind": is_blind}
    words = {
        "data_loss": "a signal says that data is lost",
        "blind": "not one of the services that were measured reports any more, so whether they serve is not known",
    }
    for level, threshold in rules.thresholds():
        if known.get(threshold.figure):
            text = f"{words[threshold.figure]} ({level})"
            yield Fired(severity=level, figure=threshold.figure, text=text)


def _each(measured: Sequence[Measured], rules: SeverityRules) -> Iterator[Fired]:
    """What is said of each service: one for each of its figures that reached a threshold."""
    any_entry = any(m.is_entry for m in measured)
    for m in measured:
        applying = [
            (level, threshold)
            for level, threshold in rules.thresholds()
            if (m.is_entry or not any_entry or not threshold.is_for_entries) and _in_time(m, level, threshold, rules)
        ]
        by_figure = sorted(applying, key=lambda pair: pair[1].figure)
        for figure, group in groupby(by_figure, key=lambda pair: pair[1].figure):
            seen = _seen(m, figure, rules)
            reached = [(s, t) for s, t in group if t.is_reached(seen.value)] if seen else []
            if seen and reached:
                yield _fired(m, figure, seen, sorted(reached, key=lambda pair: pair[0]))


def _in_time(m: Measured, level: Severity, threshold: Threshold, rules: SeverityRules) -> bool:
    seconds = m.window.duration.total_seconds()
    if threshold.figure in ("unavailable", "silent") or _is_whole(m, rules):
        return True
    return level == "P1" and threshold.figure in FAST and seconds >= rules.fast_path_seconds * WHOLE


def _is_whole(m: Measured, rules: SeverityRules) -> bool:
    """Whether it was measured for long enough: the whole window, or all of an incident that is younger.

    Of the last half minute, which is given beside, only the fast path is judged.
    """
    seconds = m.window.duration.total_seconds()
    is_young = m.is_since_onset and seconds > SHORT * rules.fast_path_seconds
    return is_young or seconds >= WHOLE * rules.window_seconds


def _fired(m: Measured, figure: FigureName, seen: _Seen, reached: list[tuple[Severity, Threshold]]) -> Fired:
    level = reached[0][0]
    severity = LEVELS[min(LEVELS.index(level) + seen.is_thin, len(LEVELS) - 1)]
    borders = ", ".join(f"{s} {t.words()}".strip() for s, t in reached)
    lower = f"; one severity lower, of {m.requests} requests only" if seen.is_thin else ""
    source = f" [{m.evidence}]" if m.evidence else ""
    text = f"{seen.words} ({borders}{lower}){source}"
    return Fired(severity=severity, figure=figure, service=m.name, text=text)


def _seen(m: Measured, figure: FigureName, rules: SeverityRules) -> _Seen | None:
    """The figure of that name, or None where it cannot be said."""
    if figure == "errors_percent":
        return _errors(m, rules)
    if figure in ("p95_seconds", "p95_times_usual"):
        return _latency(m, figure, rules)
    if figure == "unavailable":
        said = f"{m.name} had traffic, reports nothing any more, and its callers get no answer"
        return _Seen(1.0, said) if m.is_unavailable else None
    if figure == "silent":
        said = f"{m.name} reports nothing any more, and its callers do not say that it is down"
        return _Seen(1.0, said) if m.is_silent and not m.is_unavailable else None
    share = {"cpu_percent": m.cpu_share, "memory_percent": m.memory_share}.get(figure)
    if share is None or not isfinite(share):
        return None
    # Rounded, so that 0.07 is 7 % and not a little more.
    value = round(100 * share, 6)
    name = "CPU" if figure == "cpu_percent" else "memory"
    return _Seen(value, f"{name} of {m.name} over {_span(m)} is at {_round(value)} %")


def _errors(m: Measured, rules: SeverityRules) -> _Seen | None:
    if m.requests == 0:
        return None
    share = 100 * m.errors / m.requests
    words = f"{m.errors:,} of {m.requests:,} requests to {m.name} over {_span(m)} failed"
    if m.requests >= rules.requests:
        return _Seen(share, f"{words}, {_round(share)} %")
    if m.errors < rules.least_errors:
        return None
    sure = 100 * wilson_lower(m.errors, m.requests)
    return _Seen(sure, f"{words}, of little traffic, so at least {_round(sure)} % with 95 % confidence")


def _latency(m: Measured, figure: FigureName, rules: SeverityRules) -> _Seen | None:
    p95, usual = m.p95_ms, m.usual_p95_ms
    if p95 is None or not isfinite(p95):
        return None
    words, is_thin = f"p95 of {m.name} over {_span(m)} is {_duration(p95)}", m.requests < rules.requests
    if figure == "p95_seconds":
        return _Seen(p95 / 1000, words, is_thin)
    if usual is None or not usual > 0:
        return None
    return _Seen(p95 / usual, f"{words}, {_round(p95 / usual)} times its usual {_duration(usual)}", is_thin)


def _calm(measured: Sequence[Measured]) -> str:
    """The figures of the entry services, or of the first services where none is known, that reached nothing."""
    shown = [m for m in measured if m.is_entry] or list(measured)
    return "; ".join(_figures(m) for m in shown[:SHOWN]) + ("; …" if len(shown) > SHOWN else "")


def _figures(m: Measured) -> str:
    source = f" [{m.evidence}]" if m.evidence else ""
    parts = [f"{m.errors:,} of {m.requests:,} requests to {m.name} over {_span(m)} failed"]
    if m.p95_ms is not None and isfinite(m.p95_ms):
        usual = f", usually {_duration(m.usual_p95_ms)}" if m.usual_p95_ms else ""
        parts.append(f"p95 {_duration(m.p95_ms)}{usual}")
    return f"{', '.join(parts)}{source}"


def _caveats(measured: Sequence[Measured], rules: SeverityRules) -> Iterator[str]:
    """What a reader must know of how it was judged."""
    entries = [m for m in measured if m.is_entry]
    if measured and not entries:
        yield "Where requests enter is not known, so every service was judged"
    judged = entries or measured
    whole = [m for m in judged if _is_whole(m, rules)]
    if judged and not whole:
        yield f"Less than {_seconds(rules.window_seconds)} was measured: only what is judged at once was"
    thin = [m for m in whole if m.requests < rules.requests and not (m.is_silent or m.is_unavailable)]
    for m in thin[:SHOWN]:
        yield f"Little traffic at {m.name}: {m.requests} requests over {_span(m)}"


def _span(m: Measured) -> str:
    return _seconds(m.window.duration.total_seconds())


def _seconds(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"


def _duration(ms: float) -> str:
    return f"{_round(ms)} ms" if ms < 1000 else f"{_round(ms / 1000)} s"


def _round(value: float) -> str:
    """Three digits that tell, and never in powers of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
