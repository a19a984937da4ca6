from datetime import timedelta
from math import nan
from pathlib import Path

import pytest

from routing.made_cases import NOON, measured
from watchkeeper.domain import Measured, Severity
from watchkeeper.routing import routes
from watchkeeper.routing.severity import Judged, judge, settled, wilson_lower

RULES = routes.load(Path("/nowhere")).severity


def judged(*figures: Measured, data_loss: bool = False) -> Judged:
    return judge(figures, RULES, data_loss=data_loss)


@pytest.mark.parametrize(
    ("errors", "severity"),
    [(4, "P4"), (5, "P3"), (9, "P3"), (10, "P2"), (50, "P2"), (51, "P1"), (1000, "P1")],
)
def test_the_share_of_failed_requests_decides(errors: int, severity: Severity) -> None:
    assert judged(measured(requests=1000, errors=errors)).severity == severity


@pytest.mark.parametrize(
    ("p95_ms", "severity"),
    [(999.9, "P4"), (1000, "P3"), (1999, "P3"), (2000, "P2"), (5000, "P2"), (5001, "P1")],
)
def test_the_p95_decides(p95_ms: float, severity: Severity) -> None:
    assert judged(measured(p95_ms=p95_ms, usual_p95_ms=None)).severity == severity


@pytest.mark.parametrize(
    ("p95_ms", "severity"), [(240, "P4"), (288, "P4"), (289, "P3"), (479, "P3"), (480, "P2"), (680, "P2")]
)
def test_the_p95_is_held_against_the_usual_one(p95_ms: float, severity: Severity) -> None:
    assert judged(measured(p95_ms=p95_ms, usual_p95_ms=240)).severity == severity


@pytest.mark.parametrize(
    ("cpu", "memory", "severity"),
    [(0.8, 0.7, "P4"), (0.81, None, "P2"), (None, 0.71, "P3"), (0.9, 0.9, "P2"), (nan, nan, "P4"), (None, None, "P4")],
)
def test_cpu_and_memory_of_any_service_count(cpu: float | None, memory: float | None, severity: Severity) -> None:
    inner = measured("stock", is_entry=False, cpu_share=cpu, memory_share=memory)
    assert judged(measured(), inner).severity == severity


def test_errors_and_slowness_inside_do_not_count_while_users_feel_nothing() -> None:
    inner = measured("stock", errors=500, p95_ms=9000, is_entry=False)
    assert judged(measured(), inner).severity == "P4"


def test_where_no_entry_is_known_every_service_is_judged_and_that_is_said() -> None:
    found = judged(measured("stock", errors=500, is_entry=False))
    assert found.severity == "P1"
    assert "Where requests enter is not known" in found.reason


def test_the_reason_names_service_figure_window_and_every_threshold_that_was_reached() -> None:
    found = judged(measured(p95_ms=680, usual_p95_ms=240).model_copy(update={"evidence": "e3"}))
    assert found.reason == (
        "P2: p95 of dashboard over 5 minutes is 680 ms, 2.83 times its usual 240 ms (P2 from 2 times, "
        "P3 above 1.2 times) [e3]"
    )


def test_every_rule_that_fired_is_told_the_most_severe_first() -> None:
    found = judged(measured(errors=60, p95_ms=1500), measured("stock", cpu_share=0.9, is_entry=False))
    assert [(f.severity, f.figure, f.service) for f in found.fired] == [
        ("P1", "errors_percent", "dashboard"),
        ("P2", "p95_times_usual", "dashboard"),
        ("P2", "cpu_percent", "stock"),
        ("P3", "p95_seconds", "dashboard"),
    ]
    assert found.fired[2].text == "CPU of stock over 5 minutes is at 90 % (P2 above 80 %)"


def test_the_reason_tells_what_decides_and_counts_the_rest() -> None:
    found = judged(measured(errors=60, p95_ms=1500), measured("stock", cpu_share=0.9, is_entry=False))
    assert "60 of 1,000 requests to dashboard over 5 minutes failed, 6 % (P1 above 5 %" in found.reason
    assert found.reason.endswith("; and 3 of lesser severity")


def test_where_no_threshold_is_reached_the_figures_are_told() -> None:
    assert judged(measured(errors=1)).reason == (
        "P4: no threshold is reached: 1 of 1,000 requests to dashboard over 5 minutes failed, "
        "p95 240 ms, usually 240 ms"
    )


@pytest.mark.parametrize(
    ("requests", "errors", "severity"),
    [
        # As it is from 100 requests on; below, the lower end of its interval counts.
        (100, 6, "P1"),
        (99, 6, "P2"),
        (99, 11, "P1"),
        (60, 30, "P1"),
        # One or two failures of a few requests say nothing.
        (1, 1, "P4"),
        (2, 2, "P4"),
        (3, 3, "P1"),
    ],
)
def test_with_little_traffic_only_what_is_certain_counts(requests: int, errors: int, severity: Severity) -> None:
    found = judged(measured(requests=requests, errors=errors))
    assert found.severity == severity
    assert (f"Little traffic at dashboard: {requests} requests over 5 minutes" in found.reason) == (requests < 100)


def test_with_little_traffic_the_reason_says_how_much_is_certain() -> None:
    reason = judged(measured(requests=99, errors=11)).reason
    assert "11 of 99 requests to dashboard over 5 minutes failed, of little traffic, so at least 6.32 %" in reason


def test_with_little_traffic_a_p95_counts_one_severity_lower() -> None:
    assert judged(measured(requests=99, p95_ms=6000, usual_p95_ms=None)).severity == "P2"
    found = judged(measured(requests=8, p95_ms=680, usual_p95_ms=240))
    assert found.severity == "P3"
    assert "one severity lower, of 8 requests only" in found.reason


def test_a_service_without_requests_has_no_share_of_errors() -> None:
    assert judged(measured(requests=0, p95_ms=None, usual_p95_ms=None)).severity == "P4"


@pytest.mark.parametrize(
    ("requests", "errors", "low"), [(0, 0, 0.0), (10, 0, 0.0), (10, 10, 0.7225), (100, 50, 0.4038)]
)
def test_the_lower_end_is_wilsons(requests: int, errors: int, low: float) -> None:
    assert wilson_lower(errors, requests) == pytest.approx(low, abs=1e-4)


def test_unavailable_wakes_somebody_and_silent_is_a_ticket() -> None:
    down = measured("stock", requests=0, p95_ms=None, is_entry=False, is_silent=True, is_unavailable=True)
    quiet = measured("stock", requests=0, p95_ms=None, is_entry=False, is_silent=True)
    assert judged(measured(), down).severity == "P1"
    assert "its callers get no answer (P1)" in judged(measured(), down).reason
    assert judged(measured(), quiet).severity == "P3"
    assert "its callers do not say that it is down (P3)" in judged(measured(), quiet).reason


def test_a_system_of_which_nothing_reports_is_not_healthy() -> None:
    found = judged(measured(requests=0, is_silent=True), measured("stock", requests=0, is_silent=True))
    assert found.severity == "P2"
    assert "whether they serve is not known" in found.reason


def test_what_could_not_be_measured_is_not_healthy_either() -> None:
    found = judged()
    assert found.severity == "P3"
    assert found.reason == "P3: no service could be measured, which is no sign of health"


def test_data_loss_that_is_stated_is_the_worst() -> None:
    assert judged(measured(), data_loss=True).severity == "P1"


def test_after_half_a_minute_many_errors_decide_and_nothing_else_does() -> None:
    assert judged(measured(requests=200, errors=12, seconds=30)).severity == "P1"
    assert judged(measured(requests=200, errors=10, p95_ms=9000, seconds=30)).severity == "P4"
    assert judged(measured(requests=200, errors=12, seconds=15)).severity == "P4"
    assert "Less than 5 minutes was measured" in judged(measured(seconds=30)).reason


def test_an_unavailable_service_needs_no_window() -> None:
    assert judged(measured(requests=0, seconds=30, is_unavailable=True)).severity == "P1"


def test_a_service_that_is_given_over_both_windows_is_judged_by_both_and_silent_once() -> None:
    both = judged(measured(errors=30), measured(requests=100, errors=30, seconds=30))
    assert [(f.severity, f.figure) for f in both.fired] == [("P1", "errors_percent"), ("P2", "errors_percent")]
    quiet = [measured("stock", 0, p95_ms=None, is_silent=True, is_entry=False, seconds=s) for s in (30, 300)]
    assert [f.figure for f in judged(measured(), *quiet).fired] == ["silent"]


def test_a_window_that_a_grid_cut_short_is_still_whole() -> None:
    assert judged(measured(p95_ms=680, seconds=290)).severity == "P2"


def minutes(*points: tuple[float, Severity]) -> list[tuple[object, Severity]]:
    return [(NOON + timedelta(minutes=minute), severity) for minute, severity in points]


@pytest.mark.parametrize(
    ("history", "now", "severity"),
    [
        # It rises at once.
        ([(0, "P3"), (1, "P1")], 1, "P1"),
        # It holds for ten minutes after it was last judged so, then falls to the worst of these ten.
        ([(0, "P1"), (2, "P3")], 11.9, "P1"),
        ([(0, "P1"), (2, "P3")], 12, "P3"),
        ([(0, "P1"), (2, "P2"), (5, "P4")], 12, "P2"),
        ([(0, "P1"), (2, "P2"), (5, "P4")], 15, "P4"),
        # Being judged so again begins the ten minutes anew.
        ([(0, "P1"), (2, "P3"), (8, "P1"), (9, "P3")], 18, "P1"),
        # No news is no fall.
        ([(0, "P1")], 600, "P1"),
        # The future does not count, nor the order in which it is told.
        ([(0, "P3"), (5, "P1")], 4, "P3"),
        ([(2, "P3"), (0, "P1")], 11, "P1"),
    ],
)
def test_it_rises_at_once_and_falls_after_ten_minutes(
    history: list[tuple[float, Severity]], now: float, severity: Severity
) -> None:
    assert settled(minutes(*history), NOON + timedelta(minutes=now)) == severity  # type: ignore[arg-type]


def test_nothing_settles_before_anything_was_judged() -> None:
    with pytest.raises(ValueError, match="nothing was judged"):
        settled(minutes((1, "P1")), NOON)  # type: ignore[arg-type]


@pytest.mark.parametrize(("said", "severity"), [("P1", "P1"), ("P3", "P3"), ("P4", "P3"), (None, "P3")])
def test_where_nothing_is_measured_a_more_severe_word_of_the_sender_stands(
    said: Severity | None, severity: Severity
) -> None:
    assert judge((), RULES, said=said).severity == severity
    assert judge((measured(),), RULES, said=said).severity == "P4"
