"""How many incidents a watch opens where nothing is wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from made_petshop import write_shop
from made_shop import Shop, at
from watchkeeper.domain import Signal
from watchkeeper.errors import DatasetRejected
from watchkeeper.evaluation.quiet import OpenedIncident, QuietRun, bootstrapped, rate_of, watch_quiet
from watchkeeper.evaluation.quiet_recordings import QuietRecording, quiet_in

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def run(hours: float, *minutes: float, services: int = 10) -> QuietRun:
    signal = Signal(kind="anomaly", at=NOON, service="cart", measure="error ratio")
    began = (NOON + timedelta(minutes=minute) for minute in minutes)
    return QuietRun("run", hours, services, tuple(OpenedIncident(moment, signal, moment) for moment in began))


def test_nothing_in_four_hours_may_still_be_many_a_week():
    rate = rate_of([run(4.0)])
    assert (rate.value, rate.low) == (0.0, 0.0)
    assert rate.high == pytest.approx(3.689 * 168 / 4, rel=1e-3)


def test_incidents_are_counted_by_the_week():
    rate = rate_of([run(84.0, 1.0), run(84.0)])
    assert rate.value == pytest.approx(1.0)
    assert rate.low < 1 < rate.high


def test_a_larger_system_is_expected_to_have_more():
    rate = bootstrapped([run(84.0, 1.0, services=10), run(84.0, services=10)])
    assert rate.value == pytest.approx(5.0)
    assert rate.low <= rate.value <= rate.high
    assert bootstrapped([run(84.0)]).high == 0.0


def test_what_is_close_on_the_call_graph_and_in_time_is_one_incident():
    shop = Shop(slow={"checkout": 120}, failing={"payment": 0.3}).store()
    watched = watch_quiet(QuietRecording("shop", lambda: shop, at(5), at(300)))
    assert len(watched.incidents) == 1
    assert watched.services >= 3


def test_a_quiet_shop_opens_none():
    shop = Shop().store()
    assert watch_quiet(QuietRecording("shop", lambda: shop, at(5), at(300))).incidents == ()


def test_quiet_series_are_found_wherever_they_lie(tmp_path: Path):
    write_shop(tmp_path, ("pay",))
    (found,) = quiet_in(tmp_path)
    assert found.name == "dataset/some_traffic/noissue"
    assert found.topology == {("front", "search"), ("front", "pay"), ("search", "table")}


def test_a_folder_without_any_is_no_score(tmp_path: Path):
    with pytest.raises(DatasetRejected, match="expected recordings"):
        quiet_in(tmp_path)
