"""What can be known at a moment."""

from collections.abc import Mapping
from datetime import timedelta

import pyarrow as pa
import pytest

from made_shop import Shop, at
from watchkeeper.datasets.cases import Case, Tables, Trigger
from watchkeeper.domain import Signal, Window
from watchkeeper.evaluation.horizon import known_to, until_of
from watchkeeper.evaluation.problems import of_cases
from watchkeeper.tables import table_of

ALARM = Signal(kind="alert", at=at(300))
DAY = timedelta(days=1)


def made(**rows: list[dict[str, object]]) -> Mapping[str, pa.Table]:
    return {name: table_of(name, some) for name, some in rows.items()}  # type: ignore[arg-type]


def point(second: float) -> dict[str, object]:
    return {"time": at(second), "service_name": "a", "name": "load", "kind": "gauge", "value": second}


def span(second: float, seconds: float) -> dict[str, object]:
    ids = {"trace_id": "t", "span_id": f"{second}", "name": "x", "kind": "server", "status_code": "ok"}
    return {"time": at(second), "duration_ns": int(seconds * 1e9), "service_name": "a", **ids}


def seconds_of(tables: Tables, name: str) -> list[float]:
    return [(time - at(0)).total_seconds() for time in tables[name]["time"].to_pylist()]  # type: ignore[index]


def test_a_point_counts_by_its_stamp() -> None:
    tables = made(metrics=[point(299), point(360), point(361)])
    assert seconds_of(known_to(Trigger(ALARM, at(360)), tables), "metrics") == [299, 360]


def test_a_span_is_known_when_it_has_ended() -> None:
    tables = made(spans=[span(300, 59), span(301, 60), span(350, 10)])
    assert seconds_of(known_to(Trigger(ALARM, at(360)), tables), "spans") == [300, 350]


def test_a_change_that_runs_has_no_end_yet() -> None:
    facts = {"id": "r", "kind": "deploy", "service_name": "a"}
    rows = [
        facts | {"time": at(100), "ended_at": at(110)},
        facts | {"time": at(350), "ended_at": at(400)},
        facts | {"time": at(361), "ended_at": None},
    ]
    changes = known_to(Trigger(ALARM, at(360)), made(changes=rows))["changes"]
    assert changes["ended_at"].to_pylist() == [at(110), None]


def test_good_stretches_of_another_time_stay() -> None:
    good = Window(start=at(0) + DAY, end=at(60) + DAY)
    tables = made(metrics=[point(200), point(500), {**point(0), "time": at(30) + DAY}])
    kept = known_to(Trigger(ALARM, at(360), (good,)), tables)
    assert seconds_of(kept, "metrics") == [200, 30 + DAY.total_seconds()]


def test_no_more_may_be_read_than_without() -> None:
    trigger = Trigger(ALARM, at(360))
    assert until_of(trigger, 300).until == at(360)
    assert until_of(trigger, 20).until == at(320)
    assert until_of(trigger, None) == trigger


def test_a_case_is_posed_as_it_stood_then() -> None:
    def load() -> Tables:
        rows = Shop(slow={"checkout": 150}, seconds=400).tables()
        return {name: table_of(name, some) for name, some in rows.items()}  # type: ignore[arg-type,misc]

    case = Case("one", Trigger(ALARM, at(400)), load)
    (problem,) = of_cases([case], until_seconds=60)
    posed = problem.pose(frozenset())
    with posed.sources:
        assert (posed.trigger.until, posed.follow_seconds) == (at(360), 60)
        assert max(seconds_of(posed.tables, "spans")) == pytest.approx(360, abs=2)
