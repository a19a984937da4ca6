"""A worker killed at every boundary of every step, and one whose work is taken over: nothing is lost or doubled."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from killed_worker import POINTS, STEPS, Work, begun, essence
from watchkeeper.records.store import Records

KILLED = -9
WAIT_SECONDS = 60


def to_its_end(work: Work) -> int:
    """Start the worker again for as long as it is killed; how often that was."""
    deaths = 0
    while True:
        process, wire = begun(work, work.home / "output")
        process.join(WAIT_SECONDS)
        wire.close()
        if process.exitcode != KILLED:
            assert process.exitcode == 0, (work.home / "output").read_text()
            return deaths
        deaths += 1


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """The same work, carried out by a worker that nobody killed."""
    home = tmp_path_factory.mktemp("calm")
    work = Work(home, f"sqlite:///{home / 'records.sqlite'}", f"sqlite:///{home / 'workflows.sqlite'}")
    assert to_its_end(work) == 0
    return work


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.lab)])
def test_killed_at_every_boundary_of_every_step_it_ends_as_if_nothing_had_happened(
    request: pytest.FixtureRequest, kind: str, calm: Work, tmp_path: Path
) -> None:
    places = [f"sqlite:///{tmp_path / name}.sqlite" for name in ("records", "workflows")]
    if kind == "postgresql":
        places = [request.getfixturevalue("new_postgresql")()] * 2
    killed = Work(tmp_path, *places, deaths=POINTS)
    died = to_its_end(killed)
    # A step that keeps nothing has no middle: `diagnose` without a model.
    assert died == len(killed.noted("deaths")) == len(POINTS) - 1
    with Records.open(calm.records) as one, Records.open(killed.records) as other:
        assert essence(other, "INC-2026-0001") == essence(one, "INC-2026-0001")
    assert calm.noted("carried out") == [f"INC-2026-0001 {step}" for step in STEPS]
    # Once when it was killed just after, and once to its end; a step whose end is kept is never carried out again.
    assert Counter(killed.noted("carried out")) == {f"INC-2026-0001 {step}": 2 for step in STEPS}
    assert killed.noted("delivered") == ["INC-2026-0001"]
    assert "Traceback" not in (killed.home / "output").read_text()


@pytest.mark.lab
def test_the_work_of_a_worker_that_was_killed_in_a_step_is_taken_over_by_another(
    new_postgresql: Callable[[], str], tmp_path: Path
) -> None:
    url, home = new_postgresql(), tmp_path
    first = Work(home, url, url, name="one", deaths=("gather:middle",), incidents=(1, 2, 3), is_asked=True)
    second = Work(home, url, url, name="two", incidents=(1, 2, 3))
    dying, told = begun(first, home / "output")
    assert told.recv() in ("ready", "gather:middle")
    living, heard = begun(second, home / "output")
    assert heard.recv() == "ready"
    told.send("die")
    dying.join(WAIT_SECONDS)
    living.join(WAIT_SECONDS)
    assert (dying.exitcode, living.exitcode) == (KILLED, 0), (home / "output").read_text()
    assert sorted(second.noted("delivered")) == ["INC-2026-0001", "INC-2026-0002", "INC-2026-0003"]
    assert set(Counter(second.noted("carried out")).values()) == {1}
    with Records.open(url) as records:
        assert [len(records.case(f"INC-2026-000{n}").diagnoses) for n in (1, 2, 3)] == [1, 1, 1]
