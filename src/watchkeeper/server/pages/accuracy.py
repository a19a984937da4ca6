"""The page *accuracy*: how often the diagnoses were right, how soon they came, whether stated odds hold."""

import asyncio

from nicegui import ui
from nicegui.element import Element

from watchkeeper.casebook.accuracy import Accuracy, Counts, Period
from watchkeeper.casebook.figures import Delay, Share, Standing
from watchkeeper.server.duty import Duty
from watchkeeper.server.pages import charts, words
from watchkeeper.server.pages.pieces import badge, box, card, empty, heading, named, section, table, tell
from watchkeeper.server.pages.shell import live

JUDGE = "watchkeeper verdict INC-2026-0001 confirmed"
_TONES: dict[Standing, str] = {"met": "wk-good", "missed": "wk-p1", "undecided": "wk-neutral", "no data": "wk-neutral"}
_DELAY_SPAN = 2.0
"""A delay is drawn against so many times its target."""


async def show(duty: Duty) -> None:
    """Fill the page, and keep it true; raises RecordsUnavailable where nothing can be read to begin with."""
    mark, figures = await asyncio.to_thread(_read, duty)
    around = box()
    seen = [figures]
    _fill(around, figures)

    async def refresh() -> None:
        _, latest = await asyncio.to_thread(_read, duty)
        if latest != seen[0]:
            seen[0] = latest
            _fill(around, latest)

    live(duty, refresh, mark)


def _read(duty: Duty) -> tuple[str, Accuracy]:
    return duty.mark(), duty.accuracy()


def _fill(around: Element, figures: Accuracy) -> None:
    around.clear()
    with around:
        heading("How often the diagnoses were right", 1)
        counts = figures.overall.counts
        if counts.incidents == 0:
            advice = ("There are no incidents yet, so there is nothing to count. Make one:",)
            empty("No verdicts yet", advice, ("watchkeeper drill run bad-deploy",))
            return
        tell(_lead(counts), "wk-now-lead")
        if counts.confirmed + counts.partly + counts.wrong == 0:
            advice = ("Judge an incident on its page (right, partly, wrong), or with",)
            empty("No verdicts yet", advice, (JUDGE,))
        _figures(figures)
        _counts(counts, figures.answered)
        _weeks(figures)
        _calibration(figures)


def _lead(counts: Counts) -> str:
    judged = counts.confirmed + counts.partly + counts.wrong
    told = words.counted(judged, "answer has been judged", "answers have been judged")
    return f"{words.counted(counts.incidents, 'incident')}; {told}. Bars hold where the truth lies with 95% confidence."


def _figures(figures: Accuracy) -> None:
    period = figures.overall
    with box("wk-figures wk-section"):
        _share("Diagnosis accuracy", "confirmed among the answers that were judged", period.diagnosis_accuracy)
        _share("Auto-filing accuracy", "valid among the tickets that were judged", period.filing_accuracy)
        _delay("Time to detect", "from the symptom's onset to the first signal", period.time_to_detect)
        _delay("Time to diagnose", "from the first signal to the first conclusion", period.time_to_diagnose)


def _share(name: str, what: str, share: Share) -> None:
    with _figure(name, share.standing, words.percent(share.value) if share.value is not None else "no verdict yet"):
        if share.low is not None and share.high is not None and share.value is not None:
            _span(share.low, share.high, share.value, share.target)
            tell(f"{words.of(share)}, {words.percent(share.low)} to {words.percent(share.high)}", "wk-small")
        wanted = f"; wanted: more than {words.percent(share.target)}" if share.target is not None else ""
        tell(f"{what}{wanted}", "wk-small wk-muted")


def _delay(name: str, what: str, delay: Delay) -> None:
    with _figure(name, delay.standing, words.mean(delay) if delay.count else "no times yet"):
        if delay.mean_minutes is not None and delay.median_minutes is not None:
            whole = _DELAY_SPAN * delay.target_minutes
            _span(delay.median_minutes / whole, delay.mean_minutes / whole, delay.mean_minutes / whole, 1 / _DELAY_SPAN)
            median = f"median {delay.median_minutes:,.1f} min, slowest {delay.slowest_minutes or 0:,.1f} min"
            tell(f"mean of {delay.count}; {median}; {words.of(delay.in_time)} in time", "wk-small")
        tell(f"{what}; wanted: less than {delay.target_minutes:.0f} min", "wk-small wk-muted")


def _figure(name: str, standing: Standing, value: str) -> Element:
    made = card(css="wk-figure")
    with made:
        heading(name, 2)
        with box("wk-row"):
            tell(value, "wk-figure-value")
            badge(standing, _TONES[standing])
    return made


def _span(low: float, high: float, value: float, target: float | None) -> None:
    """A rail from nothing to all, the range on it, the value, and the target as a mark."""
    low, high = sorted((min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)))
    with named(box("wk-span"), aria_hidden="true"):
        box("wk-span-rail")
        box("wk-span-range").style(f"left: {low:.1%}; width: {high - low:.1%}")
        if target is not None:
            box("wk-span-target").style(f"left: {target:.1%}")
        box("wk-span-value").style(f"left: {min(max(value, 0.0), 1.0):.1%}")


def _counts(counts: Counts, answered: Share) -> None:
    with section("How the incidents ended", "counts"):
        tell(f"Answered {words.share(answered)}", "wk-muted wk-small")
        with box("wk-counts"):
            for number, name, what in (
                (counts.confirmed, "confirmed", "right"),
                (counts.partly, "partly", "counts as not right"),
                (counts.wrong, "wrong", "the worst outcome"),
                (counts.unjudged, "not judged", "answered, no verdict yet"),
                (counts.abstained, "abstained", "inconclusive: no answer"),
                (counts.failed, "failed", "no diagnosis at all"),
            ):
                with box():
                    tell(f"{number:,}", "wk-count-value")
                    tell(name, "wk-strong")
                    tell(what, "wk-small wk-muted")


def _weeks(figures: Accuracy) -> None:
    with section("By week", "weeks"):
        with box("wk-row wk-small wk-muted"):
            for name, _ in charts.KINDS:
                with box("wk-fact", "span"):
                    box(f"wk-swatch wk-swatch-{name.replace(' ', '-')}", "span")
                    tell(name, tag="span")
        _chart(charts.by_week(figures.weeks))
        columns = ("week", "incidents", "diagnosis", "auto-filing", "to detect", "to diagnose")
        rows = [(week.week, *_row(week.figures)) for week in reversed(figures.weeks)]
        table("Accuracy by week, the latest first", columns, rows)


def _row(period: Period) -> tuple[str, ...]:
    return (
        f"{period.counts.incidents:,}",
        words.of(period.diagnosis_accuracy),
        words.of(period.filing_accuracy),
        words.mean(period.time_to_detect),
        words.mean(period.time_to_diagnose),
    )


def _calibration(figures: Accuracy) -> None:
    stated = figures.calibration
    with section("Whether stated probabilities can be believed", "calibration"):
        if stated.brier is None or stated.brier_of_the_mean is None:
            tell("No cause has been judged yet.", "wk-muted")
            return
        tell(
            f"{words.counted(stated.count, 'judged cause')}: Brier score {stated.brier:.2f}; 0 is perfect, "
            f"{stated.brier_of_the_mean:.2f} has whoever states the share that was confirmed every time. "
            "Points on the dashed line are stated as they turn out.",
            "wk-muted wk-small",
        )
        with box("wk-two"):
            _chart(charts.reliability(stated))
            rows = [
                (f"{words.percent(each.low)} to {words.percent(each.high)}", words.percent(each.mean_probability),
                 f"{each.confirmed.whole}", words.share(each.confirmed))
                for each in stated.bins if each.mean_probability is not None
            ]  # fmt: skip
            table("Stated probabilities against what was confirmed", ("stated", "on average", "n", "confirmed"), rows)


def _chart(options: charts.Options) -> None:
    """A chart; what it shows is in the table beside it, for whoever does not see it."""
    made = ui.echart(options, renderer="svg").classes("wk-chart")
    named(made, aria_hidden="true")
