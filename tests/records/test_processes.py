"""Several real processes at once on one database, and one that dies in the middle."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kept_cases import case, verdict
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.records.store import Records

TESTS = Path(__file__).parents[1]
BEGIN = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from kept_cases import asked, case, diagnosis, verdict
from watchkeeper.errors import RecordsUnavailable
from watchkeeper.records.store import Records
url, name = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
"""
EACH = 10
WRITE_HALF = """
from sqlalchemy import event
with Records.open(url) as records:
    @event.listens_for(records._writing, "after_cursor_execute")
    def stop_in_the_middle(connection, cursor, statement, *_):
        if statement.startswith("INSERT INTO diagnoses"):
            print("writing", flush=True)
            sys.stdin.readline()
    records.save(case(1, diagnosis(7, "half")))
"""


@contextmanager
def processes(url: str, code: str, *names: str) -> Iterator[list["subprocess.Popen[str]"]]:
    """One process a name; each has begun and waits for a line before it runs the code."""
    command = [sys.executable, "-c", BEGIN + code, url]
    begun = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in names
    ]
    try:
        for each in begun:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        yield begun
    finally:
        for each in begun:
            each.kill()
            each.communicate()


def run_at_once(url: str, code: str, *names: str) -> list[str]:
    with processes(url, code, *names) as begun:
        for each in begun:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        said = [each.communicate(timeout=60)[0] for each in begun]
        assert [each.returncode for each in begun] == [0] * len(names)
    return said


def test_two_processes_that_write_verdicts_at_once_lose_none(url: str) -> None:
    with Records.open(url) as records:
        records.save(case(1))
    code = f"""
with Records.open(url) as records:
    for number in range({EACH}):
        records.add_verdict("INC-2026-0001", verdict(by=f"{{name}} {{number}}"))
"""
    run_at_once(url, code, "ada", "bob")
    with Records.open(url) as records:
        given = [each.verdict.by for each in records.verdicts()]
        kept = [each.by for each in records.case("INC-2026-0001").verdicts]
    expected = {f"{name} {number}" for name in ("ada", "bob") for number in range(EACH)}
    assert (len(given), set(given)) == (2 * EACH, expected)
    assert kept == given


def test_processes_that_diagnose_the_same_case_at_once_lose_none(url: str) -> None:
    code = f"""
with Records.open(url) as records:
    mine = case(1, diagnosis(1))
    records.save(mine)
    for number in range({EACH}):
        evidence = asked(2, value=f"{{name}} {{number}}")
        found = diagnosis(number, f"{{name}}-{{number}}", evidence="e2")
        records.save(mine.model_copy(update={{"diagnoses": (found,), "evidence": (asked(1), evidence)}}))
"""
    run_at_once(url, code, "ada", "bob")
    with Records.open(url) as records:
        kept = records.case("INC-2026-0001")
    rows = {item.id: item.rows.values[0][1] for item in kept.evidence}
    cited = {each.hypotheses[0].component: rows[each.hypotheses[0].claims[0].evidence] for each in kept.diagnoses[1:]}
    assert cited == {f"{name}-{number}": f"{name} {number}" for name in ("ada", "bob") for number in range(EACH)}


def test_processes_that_open_new_records_at_once_get_a_number_each(url: str) -> None:
    code = """
with Records.open(url) as records:
    print(*[records.next_incident_id(2026) for _ in range(5)], sep="\\n")
"""
    numbers = [line for said in run_at_once(url, code, "a", "b", "c") for line in said.splitlines()]
    assert sorted(numbers) == [f"INC-2026-{number:04d}" for number in range(1, 16)]


@contextmanager
def writing_half(url: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that has written half of a case, and goes no further."""
    with processes(url, WRITE_HALF, "half") as (writer,):
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "writing\n"
        yield writer


def test_a_process_killed_in_the_middle_of_writing_leaves_all_or_nothing(url: str) -> None:
    with Records.open(url) as records:
        records.save(case(1))
    with writing_half(url) as writer:
        writer.kill()
        writer.wait()
    with Records.open(url) as records:
        assert [each.headline for each in records.case("INC-2026-0001").diagnoses] == ["cart is slow"]
        assert records.save(case(1)).latest is not None


def test_reading_goes_on_while_another_process_writes(url: str) -> None:
    with Records.open(url) as records:
        records.save(case(1))
        with writing_half(url):
            assert len(records.case("INC-2026-0001").diagnoses) == 1


def test_writing_that_waits_too_long_for_another_process_says_so(url: str) -> None:
    with Records.open(url, busy_seconds=0.05) as records:
        records.save(case(1))
        with writing_half(url), pytest.raises(RecordsUnavailable, match="is being written by another process"):
            records.add_verdict("INC-2026-0001", verdict())
