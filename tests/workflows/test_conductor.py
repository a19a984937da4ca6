"""Workflows in one process: what runs once, in which order, what waits, what goes on without."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from kept_cases import NOON
from made_steps import ALL, FIRST, SECOND, MadeSteps, conductor_of, finish
from watchkeeper.errors import ConfigError, RecordsUnavailable
from watchkeeper.records.store import Records
from watchkeeper.records.workers import Workers
from watchkeeper.workflows.conductor import utc_now
from watchkeeper.workflows.identity import worker_name
from watchkeeper.workflows.overheard import QUIET_SECONDS, Overheard


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records.open(tmp_path / "records.sqlite") as opened:
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "workflows.sqlite"


def test_the_same_occasion_is_looked_into_once(place: Path, records: Records) -> None:
    steps = MadeSteps()
    for _ in range(2):
        with conductor_of(place, steps, records) as conductor:
            conductor.launch()
            conductor.start(FIRST, "signal")
            conductor.start(FIRST, "signal")
            finish(conductor)
    assert steps.of(FIRST) == ALL


def test_occasions_of_one_incident_come_one_after_the_other_and_other_incidents_between(
    place: Path, records: Records
) -> None:
    steps = MadeSteps()
    with conductor_of(place, steps, records, at_once=4) as conductor:
        conductor.launch()
        for occasion in ("signal", "worsened 7", "request 8"):
            conductor.start(FIRST, occasion)
        conductor.start(SECOND, "signal")
        finish(conductor)
    assert steps.of(FIRST) == ALL * 3
    assert steps.of(SECOND) == ALL
    assert max(steps.at_once) == 1


def test_what_passes_is_waited_for_and_said_once(place: Path, records: Records) -> None:
    failures = iter([RecordsUnavailable("the disk is full"), RecordsUnavailable("the disk is full"), None])

    def fail(_: str) -> None:
        if (error := next(failures)) is not None:
            raise error

    steps = MadeSteps(gather=fail)
    with capture_logs() as said, conductor_of(place, steps, records) as conductor:
        conductor.launch()
        conductor.start(FIRST, "signal")
        finish(conductor)
    assert steps.of(FIRST) == ALL
    assert [(each["event"], each.get("says")) for each in said] == [
        ("a step waits", "the disk is full"),
        ("a step is done after all", None),
    ]


def test_what_lasts_puts_the_incident_off_and_lets_others_pass(place: Path, records: Records) -> None:
    def fail(incident_id: str) -> None:
        if incident_id == FIRST:
            raise RecordsUnavailable("this case cannot be read")

    steps = MadeSteps(route=fail)
    with conductor_of(place, steps, records, at_once=1) as conductor:
        conductor.launch()
        conductor.start(FIRST, "signal")
        conductor.start(SECOND, "signal")
        while conductor.pending() != [f"{FIRST}/signal~1"] or steps.of(SECOND) != ALL:
            conductor.idle(0.01)
    assert steps.of(FIRST) == ("begin", "gather", "diagnose")


def test_what_was_put_off_is_looked_into_once_it_can_be(place: Path, records: Records) -> None:
    failures = iter([RecordsUnavailable("not yet")] * 2)

    def fail(_: str) -> None:
        if (error := next(failures, None)) is not None:
            raise error

    steps = MadeSteps(route=fail)
    with conductor_of(place, steps, records, pauses=(0.01,), put_off_seconds=0.05) as conductor:
        conductor.launch()
        conductor.start(FIRST, "signal")
        finish(conductor)
    assert steps.of(FIRST) == ("begin", "gather", "diagnose", *ALL[1:])


@pytest.mark.parametrize("error", [RecordsUnavailable("no answer"), ValueError("a bug")])
def test_a_model_that_cannot_be_asked_keeps_nobody_from_being_told(
    place: Path, records: Records, error: Exception
) -> None:
    def fail(_: str) -> None:
        raise error

    steps = MadeSteps(diagnose=fail)
    with conductor_of(place, steps, records) as conductor:
        conductor.launch()
        conductor.start(FIRST, "signal")
        finish(conductor)
    assert steps.of(FIRST) == ("begin", "gather", "route", "draft", "deliver")


def test_a_process_that_ends_in_order_leaves_its_work_to_the_next(place: Path, records: Records) -> None:
    def fail(_: str) -> None:
        raise RecordsUnavailable("not yet")

    steps = MadeSteps(draft=fail)
    with conductor_of(place, steps, records, pauses=(3600.0,)) as conductor:
        conductor.launch()
        conductor.start(FIRST, "signal")
        while len(steps.of(FIRST)) < len(ALL) - 2:
            conductor.idle(0.01)
    following = MadeSteps()
    with conductor_of(place, following, records) as conductor:
        conductor.launch()
        finish(conductor)
    assert steps.of(FIRST) + following.of(FIRST) == ALL


def test_a_place_that_cannot_be_used_is_told_in_a_sentence_and_another_can_be_opened(
    tmp_path: Path, place: Path, records: Records
) -> None:
    with (
        capture_logs() as said,
        pytest.raises(RecordsUnavailable, match=r"the progress of the work cannot be kept there: .*unable to open"),
        conductor_of(tmp_path, MadeSteps(), records) as conductor,
    ):
        conductor.launch()
    assert said == []
    with pytest.raises(ConfigError, match=r"^workflows\.url: expected sqlite"):
        conductor_of("mysql://there", MadeSteps(), records)
    with conductor_of(place, MadeSteps(), records) as conductor:
        conductor.launch()
        assert conductor.is_well()


def test_a_file_that_is_taken_away_is_said_and_when_it_is_back_the_work_goes_on(
    tmp_path: Path, records: Records
) -> None:
    kept, away = tmp_path / "kept", tmp_path / "away"
    steps = MadeSteps(gather=lambda _: kept.rename(away))
    with conductor_of(kept / "workflows.sqlite", steps, records) as conductor:
        conductor.launch()
        conductor.start(FIRST, "signal")
        while conductor.is_well():
            conductor.idle(0.01)
        assert "the file is gone" in (conductor.trouble() or "")
        away.rename(kept)
        finish(conductor)
    assert tuple(dict.fromkeys(steps.of(FIRST))) == ALL


def test_what_dbos_says_is_one_line_and_is_not_said_again_and_again() -> None:
    now = [0.0]
    overheard = Overheard(lambda: now[0])
    overheard.listen()
    with capture_logs() as said:
        for moment in (0.0, 1.0, QUIET_SECONDS - 1, QUIET_SECONDS):
            now[0] = moment
            try:
                raise ValueError("no room\n[SQL: INSERT INTO secrets]")
            except ValueError:
                logging.getLogger("dbos").exception("workflow %d failed", moment)
    assert [each["says"] for each in said] == ["workflow 0 failed no room", "workflow 60 failed no room"]
    assert overheard.trouble is not None
    overheard.leave()


def test_a_worker_is_called_the_same_after_a_restart_and_never_like_another(tmp_path: Path) -> None:
    with worker_name(tmp_path) as first, worker_name(tmp_path) as second:
        assert first != second
    with worker_name(tmp_path) as again:
        assert again == first
    with (
        worker_name(tmp_path, "pod-1") as named,
        pytest.raises(ConfigError, match="is called 'pod-1' already"),
        worker_name(tmp_path, named),
    ):
        pass


def test_workers_live_for_as_long_as_they_say_so(records: Records) -> None:
    workers = Workers(records)
    workers.beat("one", NOON)
    workers.beat("two", NOON)
    workers.beat("two", NOON + timedelta(seconds=10))
    assert workers.living(NOON + timedelta(seconds=5)) == {"two"}
    assert workers.dead(NOON + timedelta(seconds=5)) == {"one"}
    workers.gone("one")
    assert workers.dead(NOON + timedelta(seconds=5)) == frozenset()


def test_what_ended_long_ago_is_forgotten(place: Path, records: Records) -> None:
    steps = MadeSteps()
    with conductor_of(place, steps, records) as conductor:
        conductor.launch()
        conductor.start(FIRST, "signal")
        finish(conductor)
        began = utc_now()
        assert conductor.forget(began - timedelta(days=1)) == 0
        assert conductor.forget(began + timedelta(seconds=1)) == 1
        assert conductor.forget(began + timedelta(seconds=1)) == 0
