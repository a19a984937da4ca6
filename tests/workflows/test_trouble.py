"""Databases that cannot be written for a while: the work goes on where it was, and the log has a sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from kept_cases import case
from killed_worker import Work, begun
from made_steps import ALL, FIRST, MadeSteps, conductor_of, finish
from troubled_worker import on_a_full_disk, wait_for_trouble
from watchkeeper.records.store import Records

SECONDS = 60


def require_all_done(steps: MadeSteps, done_again: str) -> None:
    """The step whose end could not be kept may be carried out again; everything else is done once, in order."""
    assert tuple(dict.fromkeys(steps.of(FIRST))) == ALL
    assert {each for each in ALL if steps.of(FIRST).count(each) > 1} <= {done_again}


@pytest.mark.lab
def test_postgresql_that_is_read_only_for_a_while_loses_nothing(
    new_postgresql: Callable[[], str], tmp_path: Path
) -> None:
    psycopg = pytest.importorskip("psycopg", reason="needs the lab extra")
    url = new_postgresql()
    name = url.removeprefix("postgresql://shop@/").partition("?")[0]

    def set_read_only(is_so: bool) -> None:
        with psycopg.connect(url.replace(name, "postgres", 1), autocommit=True) as connection:
            connection.execute(
                f'ALTER DATABASE "{name}" SET default_transaction_read_only = {"on" if is_so else "off"}'
            )
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    troubles = iter([True])
    steps = MadeSteps(gather=lambda _: next(troubles, False) and set_read_only(True))
    with Records.open(tmp_path / "records.sqlite") as records:
        said = wait_for_trouble(steps, lambda: set_read_only(False), url, records, "read-only")
    require_all_done(steps, "gather")
    assert any("read-only" in each for each in said)
    assert not any("\n" in each or "SQL:" in each or "Traceback" in each for each in said)


def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path: Path) -> None:
    work = Work(tmp_path, f"sqlite:///{tmp_path / 'records.sqlite'}", f"sqlite:///{tmp_path / 'workflows.sqlite'}")
    process, wire = begun(work, tmp_path / "output", on_a_full_disk)
    assert wire.poll(SECONDS), "the worker did not catch up"
    done, said = wire.recv()
    process.join()
    steps = MadeSteps()
    steps.done = [(step, FIRST) for step in done]
    require_all_done(steps, "gather")
    assert said
    assert not any("\n" in each or "SQL:" in each for each in said)


def test_records_that_are_gone_for_a_while_are_waited_for(tmp_path: Path) -> None:
    kept, away = tmp_path / "records" / "records.sqlite", tmp_path / "away"
    kept.parent.mkdir()
    with Records.open(kept) as records:
        records.save(case(1))
        looks = iter(["gone", "still gone", "back"])

        def look(_: str) -> None:
            match next(looks, ""):
                case "gone":
                    kept.parent.rename(away)
                case "back":
                    away.rename(kept.parent)
            records.case(FIRST)

        steps = MadeSteps(route=look)
        with capture_logs() as said, conductor_of(tmp_path / "workflows.sqlite", steps, records) as conductor:
            conductor.launch()
            conductor.start(FIRST, "signal")
            finish(conductor)
    assert steps.of(FIRST) == ALL
    waits = [each["says"] for each in said if each["event"] == "a step waits"]
    assert waits == [f"{kept} cannot be opened: expected a file in a folder that may be written"]
