"""How requests went around an incident: of whom, from when to when, asked how often, and what of it is shown."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from kept_cases import NOON, at, case, diagnosis
from watchkeeper.assembly.course import (
    KEPT_SECONDS,
    LATE,
    LEAD,
    LONGEST,
    MOST_POINTS,
    TRAIL,
    Asked,
    Courses,
    asked_of,
    step_of,
    window_of,
)
from watchkeeper.domain import Affected, CaseFile, Measured, Scope, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.records.summaries import Deed
from watchkeeper.telemetry.sources import Answer, CallQuery, Cancel, PortionQuery, RedQuery, SpanQuery, UserQuery

SINCE = at(-2)


class Requests:
    """Traces of which only the requests are asked: ten a step from noon on, none of them slower than the other."""

    def __init__(self) -> None:
        self.queries: list[RedQuery] = []
        self.is_down = False

    def red(self, query: RedQuery, cancel: Cancel | None = None) -> Answer:
        self.queries.append(query)
        if self.is_down:
            raise SourceUnavailable("the store is being restored")
        steps = [NOON, NOON + timedelta(seconds=5), NOON + timedelta(seconds=20)]
        rows = {
            "time": pa.array(steps, pa.timestamp("us", "UTC")),
            "service_name": ["cart"] * len(steps),
            "requests": [10] * len(steps),
            "errors": [0, 5, 0],
            "mean_ms": [40.0] * len(steps),
            "p95_ms": [80.0] * len(steps),
        }
        return Answer(pa.table(rows), "SELECT …")

    def spans(self, query: SpanQuery, cancel: Cancel | None = None) -> Answer:
        raise NotImplementedError

    def calls(self, query: CallQuery, cancel: Cancel | None = None) -> Answer:
        raise NotImplementedError

    def portions(self, query: PortionQuery, cancel: Cancel | None = None) -> Answer:
        raise NotImplementedError

    def users(self, query: UserQuery, cancel: Cancel | None = None) -> Answer:
        raise NotImplementedError


class Clock:
    def __init__(self) -> None:
        self.now = NOON + timedelta(seconds=30) + LATE

    def __call__(self) -> datetime:
        return self.now


def with_scope(scope: Scope, **incident: object) -> CaseFile:
    made = case(1, diagnosis(component="payment").model_copy(update={"scope": scope}))
    return made.model_copy(update={"incident": made.incident.model_copy(update=incident)})


def test_the_blamed_the_entry_and_the_affected_are_asked_for_from_before_the_onset_until_now():
    entry = Measured(service="gateway", window=Window.before(NOON, 60), is_entry=True, requests=9, errors=0)
    affected = Affected(service="checkout", requests=9, errors=1)
    asked = asked_of(with_scope(Scope(since=SINCE, measured=(entry,), affected=(affected,))))
    assert asked is not None
    assert asked.services == (
        ("payment", "blamed"),
        ("gateway", "entry"),
        ("checkout", "affected"),
        ("cart", "affected"),
    )
    assert (asked.start, asked.end) == (SINCE - LEAD, None)


def test_of_an_incident_that_is_over_it_is_asked_until_a_little_after_its_end():
    over = with_scope(Scope(since=SINCE), state="closed")
    resolved = Deed(at=at(20), by="ada", deed="resolved", incident_id=over.incident.id, subject="incident")
    closed = Deed(at=at(90), by="watchkeeper", deed="closed", incident_id=over.incident.id, subject="incident")
    asked = asked_of(over, (), (closed, resolved))
    assert asked is not None
    assert asked.end == at(20) + TRAIL


def test_nothing_is_asked_about_what_lies_in_a_recording():
    assert asked_of(with_scope(Scope(since=SINCE), is_recorded=True)) is None


def test_the_figures_are_those_of_each_step():
    (requests, failed, p95) = Courses(Requests(), Clock()).of(Asked((("cart", "blamed"),), SINCE, None))
    assert [course.figure for course in (requests, failed, p95)] == ["requests", "failed", "p95"]
    assert requests.step_seconds == 5.0
    # No request is a figure between others; of none, no share failed and none was slow.
    assert [value for _, value in requests.series[0].points] == [2.0, 2.0, 0.0, 0.0, 2.0]
    assert failed.series[0].points == (
        (NOON, 0.0),
        (NOON + timedelta(seconds=5), 0.5),
        (NOON + timedelta(seconds=20), 0.0),
    )
    assert [value for _, value in p95.series[0].points] == [80.0, 80.0, 80.0]


def test_the_same_is_asked_again_only_after_some_seconds():
    requests, clock = Requests(), Clock()
    courses, asked = Courses(requests, clock), Asked((("cart", "blamed"),), SINCE, None)
    assert courses.of(asked) == courses.of(asked)
    assert len(requests.queries) == 1
    clock.now += timedelta(seconds=KEPT_SECONDS)
    courses.of(asked)
    assert len(requests.queries) == 2


def test_a_source_that_is_down_shows_nothing_and_is_not_asked_at_once_again():
    requests, clock = Requests(), Clock()
    requests.is_down = True
    courses, asked = Courses(requests, clock), Asked((("cart", "blamed"),), SINCE, None)
    assert (courses.of(asked), courses.of(asked)) == ((), ())
    assert len(requests.queries) == 1


@pytest.mark.parametrize("lasted", [timedelta(minutes=3), timedelta(hours=5), timedelta(days=9)])
def test_however_long_it_lasted_the_points_are_bounded(lasted: timedelta):
    window = window_of(Asked((), NOON, None), NOON + lasted + LATE)
    assert window is not None
    assert window.duration <= LONGEST
    assert window.duration.total_seconds() / step_of(window) <= MOST_POINTS


def test_what_may_not_have_come_in_yet_is_not_shown():
    now = NOON + timedelta(minutes=2)
    window = window_of(Asked((), NOON, None), now)
    assert window is not None
    assert window.end <= now - LATE
    assert window_of(Asked((), NOON, None), NOON) is None
    assert datetime.fromtimestamp(window.start.timestamp() // 5 * 5, UTC) == window.start
