"""`watchkeeper diagnose --engine model` as it is typed, against an endpoint over HTTP: killed, failing, absent."""

import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from made_endpoint import Answer, MadeEndpoint, refusing, replying
from made_model import AT, CAUSE, FINDINGS, KEY, RECORDING, REPORT, TURNS, Held, playing
from own_process import started
from watchkeeper import assembly, settings
from watchkeeper.cli import BAD_ARGUMENTS, main
from watchkeeper.cli.diagnose import INCONCLUSIVE
from watchkeeper.domain import CaseFile, Draft

INCIDENT, OTHER = "INC-2026-0001", "INC-2026-0002"
ASKED = ("diagnose", "--service", CAUSE, "--at", AT, "--from", str(RECORDING))
AGAIN = ("diagnose", "--from", str(RECORDING), "--case", INCIDENT)
WITH_MODEL = ("--engine", "model")
INVESTIGATIONS = "investigations.sqlite"
OUTPUT = "output.txt"
COLUMNS, ENOUGH_SECONDS = 80, 60
SIGKILLED = -signal.SIGKILL

WRONG = FINDINGS.replace('"value": 10', '"value": 1000')
CORRECTED: tuple[Answer, ...] = (*TURNS[:REPORT], replying(WRONG), replying(FINDINGS))
"""An investigation whose first findings do not hold."""
KILLED_AT = (0, 1, REPORT, REPORT + 1)
"""So many calls were answered: none yet, one, all but the findings, and the findings that go back."""
SHARED = 1
"""The run of these beside which another one investigates in the same home."""

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Type:
    """Runs the program with some words against an endpoint, in a home; answers exit code, stdout and stderr."""

    def run(*words: str, at: str = "", in_home: Path = home) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["watchkeeper", *words])
        for name, value in environment(in_home, at).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as end:
            main()
        shown = capfd.readouterr()
        assert KEY not in shown.out + shown.err
        assert "Traceback" not in shown.err
        return int(end.value.code or 0), shown.out, shown.err

    return run


def environment(home: Path, base_url: str, attempts: int = 1) -> dict[str, str]:
    return {
        "WATCHKEEPER_HOME": str(home),
        "WATCHKEEPER_MODEL__ATTEMPTS": str(attempts),
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_KEY": KEY,
    }


def started_in(home: Path, endpoint: MadeEndpoint) -> BaseProcess:
    """The question, put in a process of its own."""
    return started((*ASKED, *WITH_MODEL), environment(home, endpoint.base_url), home / OUTPUT)


def ended(process: BaseProcess, home: Path) -> int | None:
    """The exit code of a process, once it ended."""
    process.join(ENOUGH_SECONDS)
    assert "Traceback" not in (home / OUTPUT).read_text()
    return process.exitcode


def case_in(home: Path, incident: str = INCIDENT) -> CaseFile:
    return CaseFile.model_validate_json((home / "cases" / incident / "case.json").read_text())


def comparable(case: CaseFile) -> dict[str, Any]:
    """What was diagnosed and on which evidence, under one name, without how long it took and without verdicts."""
    text = case.model_dump_json(include={"diagnoses", "evidence", "assignment"})
    value: dict[str, Any] = json.loads(text.replace(case.incident.id, INCIDENT))
    for diagnosis in value["diagnoses"]:
        diagnosis["cost"]["seconds"] = 0
    return value


def words_of(text: str) -> str:
    return " ".join(text.split())


def widest(text: str) -> int:
    return max(len(line) for line in text.splitlines())


@dataclass
class Killed:
    """A home in which a run was killed, and the endpoint that it asked, which goes on."""

    home: Path
    endpoint: MadeEndpoint


@dataclass
class Runs:
    """What became of runs in processes of their own."""

    killed: dict[int, Killed]
    """By how many calls were answered before."""
    whole: CaseFile
    """Of a run that nobody interrupted, beside one in the same home that waited meanwhile, and was then killed."""
    pristine: Path
    """A home as it was left by the run that was killed while it waited for the findings."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with ExitStack() as stack:
        killed: dict[int, Killed] = {}
        held = {answered: Held() for answered in KILLED_AT}
        processes = {}
        for answered, hold in held.items():
            endpoint = stack.enter_context(playing(*CORRECTED[:answered], hold, *CORRECTED[answered:]))
            killed[answered] = Killed(tmp_path_factory.mktemp(f"killed-{answered}"), endpoint)
            processes[answered] = started_in(killed[answered].home, endpoint)
        assert held[SHARED].asked.wait(ENOUGH_SECONDS)
        endpoint = stack.enter_context(playing(*CORRECTED))
        home = killed[SHARED].home
        assert ended(started_in(home, endpoint), home) == 0
        for answered, process in processes.items():
            assert held[answered].asked.wait(ENOUGH_SECONDS)
            process.kill()
            assert ended(process, killed[answered].home) == SIGKILLED
        pristine = tmp_path_factory.mktemp("pristine")
        shutil.copytree(killed[REPORT].home, pristine, dirs_exist_ok=True)
        yield Runs(killed, case_in(killed[SHARED].home, OTHER), pristine)


def approved_in(home: Path) -> Draft:
    """The first draft of the case, which is approved by this."""
    chosen = settings.load(environment={"WATCHKEEPER_HOME": str(home)})
    case = assembly.case(chosen, INCIDENT)
    approved = case.drafts[0].model_copy(update={"state": "approved", "approved_by": "mira"})
    assembly.save_case(chosen, case.model_copy(update={"drafts": (approved, *case.drafts[1:])}))
    return approved


@pytest.mark.parametrize("answered", KILLED_AT)
def test_a_killed_run_goes_on_and_no_answered_call_is_made_again(answered: int, runs: Runs, typed: Type) -> None:
    run = runs.killed[answered]
    assert [each.occasion for each in case_in(run.home).diagnoses] == ["signal"]
    approved = approved_in(run.home)
    typed("verdict", INCIDENT, "partly", "--by", "mira", in_home=run.home)
    code, out, err = typed(*AGAIN, *WITH_MODEL, at=run.endpoint.base_url, in_home=run.home)
    assert (code, "was cut off; it goes on where it was" in words_of(err)) == (0, True)
    assert f"{INCIDENT}: going on with made-model (single) …" in err
    after = case_in(run.home)
    assert comparable(after) == comparable(runs.whole)
    assert [(each.by, each.diagnosis) for each in after.verdicts] == [("mira", 0)]
    assert approved in after.drafts
    bodies = [received.body for received in run.endpoint.received]
    assert len(bodies) == len(CORRECTED) + 1, "only the call that nobody had answered is made again"
    assert bodies[answered] == bodies[answered + 1]
    assert len(set(bodies)) == len(CORRECTED)
    assert f"{len(CORRECTED)} calls of" in words_of(out)


def test_an_end_that_could_not_be_kept_is_told_again_without_a_call(runs: Runs, home: Path, typed: Type) -> None:
    shutil.copytree(runs.pristine, home, dirs_exist_ok=True)
    with playing(*CORRECTED[REPORT:]) as endpoint:
        typed(*AGAIN, *WITH_MODEL, at=endpoint.base_url)
        ended = comparable(case_in(home))
        shutil.rmtree(home / "cases")
        for path in home.glob("records.sqlite*"):
            path.unlink()
        for path in runs.pristine.glob("records.sqlite*"):
            shutil.copy(path, home)
        typed(*AGAIN, *WITH_MODEL, at=endpoint.base_url)
        assert len(endpoint.received) == len(CORRECTED[REPORT:])
        assert comparable(case_in(home)) == ended
        assert ended == comparable(runs.whole)


def test_an_investigation_that_ended_is_not_gone_on_with(runs: Runs, home: Path, typed: Type) -> None:
    shutil.copytree(runs.killed[SHARED].home, home, dirs_exist_ok=True)
    with playing(*TURNS, TURNS[REPORT]) as endpoint:
        _, _, err = typed(*AGAIN[:-1], OTHER, *WITH_MODEL, at=endpoint.base_url)
        assert len(endpoint.received) >= len(TURNS)
    assert "was cut off" not in err
    assert [each.occasion for each in case_in(home, OTHER).diagnoses] == [
        *("signal", "investigation"),
        *("request", "investigation"),
    ]


def note_of(out: str) -> str:
    """The last note, which is about the model."""
    *_, last = out.partition("\nWho is affected")[0].split("\nNote ")
    return words_of(last.partition("\nWaits for")[0].partition("\nTo settle")[0])


def test_without_an_endpoint_the_rules_diagnose_and_say_so(typed: Type) -> None:
    code, out, err = typed(*ASKED, *WITH_MODEL)
    assert (code, widest(out) <= COLUMNS, widest(err) <= COLUMNS) == (0, True, True)
    assert note_of(out) == (
        "the model cannot be asked: no model is configured: set model.base_url or $OPENAI_BASE_URL; "
        "this is the rules' diagnosis"
    )
    assert "engine: model (no call of it was answered)" in words_of(out)


def test_an_endpoint_that_fails_is_told_in_lines_that_fit(typed: Type) -> None:
    with playing(TURNS[0], *[refusing(429, "slow down")] * len(TURNS)) as endpoint:
        code, out, err = typed(*ASKED, *WITH_MODEL, at=endpoint.base_url)
    assert (code, widest(out) <= COLUMNS, widest(err) <= COLUMNS) == (0, True, True)
    said = f"the model stopped answering after 1 call (the model at {endpoint.base_url} limits requests (429))"
    assert note_of(out) == f"{said}; this is the rules' diagnosis"
    assert said in words_of(err)
    assert "  asks inside_requests" in err
    assert err.endswith("Done: 1 call, 120 tokens, 0 of 0 claims struck.\n")
    assert "; 1 call of made-model (single), 120 tokens, no price set; 0 claims made, 0 struck" in words_of(out)


def test_an_inconclusive_incident_stays_so_when_the_model_refuses_the_key(typed: Type) -> None:
    with playing(refusing(401, f"Incorrect API key provided: {KEY}")) as endpoint:
        unseen = ("diagnose", "--service", "nobody", *ASKED[3:])
        code, out, _ = typed(*unseen, *WITH_MODEL, at=endpoint.base_url)
    assert (code, "Status    inconclusive" in out) == (INCONCLUSIVE, True)
    assert "refuses the key in $OPENAI_API_KEY (401)" in words_of(out)


def test_a_graph_for_the_rules_is_refused_in_one_sentence(typed: Type) -> None:
    code, out, err = typed(*ASKED, "--graph", "single")
    assert (code, out, err.count("\n")) == (BAD_ARGUMENTS, "", 1)
    assert "--graph: is for --engine model" in err


def test_a_file_of_investigations_that_is_garbage_is_told_once_and_stops_nothing(home: Path, typed: Type) -> None:
    (home / INVESTIGATIONS).write_bytes(b"no database " * 1000)
    with playing(*TURNS) as endpoint:
        code, out, err = typed(*ASKED, *WITH_MODEL, at=endpoint.base_url)
    assert (code, words_of(err).count("file is not a database; delete it")) == (0, 1)
    assert "file is not a database; delete it" in note_of(out)
    assert "What the model adds" in out


def test_a_home_that_cannot_be_written_costs_the_case_but_not_the_diagnosis(home: Path, typed: Type) -> None:
    for name in (INVESTIGATIONS, "records.sqlite"):
        (home / name).mkdir()
    (home / "cases").write_text("not a folder")
    with playing(*TURNS) as endpoint:
        code, out, err = typed(*ASKED, *WITH_MODEL, at=endpoint.base_url)
    assert (code, "What the model adds" in out) == (0, True)
    assert "the investigation is not kept on its way" in note_of(out)
    assert "the case is not kept there" in err
