"""`watchkeeper eval` as people and `make exams` meet it."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from made_petshop import write_shop
from made_rootcausebench import CULPRIT, DECOY, write_case
from made_runs import SETTING, run_of
from made_shop import Shop
from watchkeeper.cli import main
from watchkeeper.cli.scorecards import card_text
from watchkeeper.evaluation import checking, history
from watchkeeper.evaluation.checking import Committed, Hit

TINY = Shop(seconds=20, per_second=1)


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of `main` run with these words."""
    monkeypatch.setattr(sys, "argv", ["watchkeeper", "eval", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    folder = tmp_path / "exams" / "rootcausebench"
    for number in range(6):
        write_case(folder, f"case-{number}", TINY, truth=CULPRIT if number else "none")
    return folder


def test_a_run_is_printed_written_and_remembered(
    exam: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "run", "rootcausebench", "--data", str(exam)) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0] == "rootcausebench rootcausebench: 6 cases"
    assert lines[1].startswith("answered 0, none 0, abstained 6, failed 0;")
    assert {"random", "always_none", "latest_deploy", "top1", "forced_top3"} <= {line.split(" ")[0] for line in lines}
    assert max(len(line) for line in lines[:-1]) <= 80
    assert shown.err.count("\n") == 6, "progress is told on stderr, a line a case"
    (file,) = (home / "evals").glob("rootcausebench-*.json")
    written = json.loads(file.read_text())
    assert (written["cases"], written["abstained"], written["decoy_blamed"]) == (6, 6, 0)
    assert written["results"][0]["truth"] == "none"
    assert [entry.file for entry in history.entries(home)] == [str(file)]


def test_the_result_goes_where_it_is_wanted(exam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "there" / "x.json"
    words = ("--data", str(exam), "--limit", "2", "--without", "logs,metrics", "--without", "traces", "--out", str(out))
    assert typed(monkeypatch, "run", "rootcausebench", *words) == 0
    written = json.loads(out.read_text())
    assert (written["cases"], written["without"]) == (2, ["logs", "traces", "metrics"])


REFUSED = {
    "empty": "holds no case",
    "layout": "holds no case",
    "gone": "there is no such folder",
    "broken": "line 1: expected JSON",
}


@pytest.mark.parametrize("what", REFUSED)
def test_data_that_cannot_be_read_is_one_sentence_and_no_score(
    exam: Path,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
) -> None:
    folder = exam if what == "broken" else tmp_path / what
    if what in ("empty", "layout"):
        folder.mkdir()
    if what == "layout":
        (folder / "graph.csv").write_text("a,b\n")
    if what == "broken":
        (exam / "case-3" / "data" / "logs.ndjson").write_text("{")
    assert typed(monkeypatch, "run", "rootcausebench", "--data", str(folder)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    last = shown.err.splitlines()[-1]
    assert last.startswith("watchkeeper: ")
    assert REFUSED[what] in last
    assert history.entries(home) == []


def test_the_rules_may_not_be_given_a_graph_or_replies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "run", "drills", "--graph", "single") == 2
    assert capsys.readouterr().err == (
        "watchkeeper: --graph and --replies are for --engine model, expected none with the rules\n"
    )


def test_without_an_endpoint_the_models_engine_is_the_rules_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert typed(monkeypatch, "run", "drills", "--engine", "model", "--limit", "1") == 0
    assert "model failed               1   cases in which it claimed nothing" in capsys.readouterr().out


def test_a_source_that_does_not_exist_cannot_be_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "run", "drills", "--without", "smells") == 2
    assert "expected logs, traces, metrics, topology, not 'smells'" in capsys.readouterr().err


def test_it_can_be_made_harder_and_the_table_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = write_shop(tmp_path / "petshop", ("table", "pay")), tmp_path / "x.json"
    harder = ("--until", "60", "--alert-delay", "30", "--missing-edges", "40", "--seeds", "2")
    assert typed(monkeypatch, "run", "petshop", "--data", str(folder), *harder, "--out", str(out)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "petshop petshop: 2 cases",
        "each 2 times without 40 % of its calls (mean 1.0)",
        "noticed 30 s late",
        "by what is known 60 s after it was noticed",
    ]
    assert [line for line in lines[:-1] if len(line) > 80] == []
    written = json.loads(out.read_text())
    assert (written["until_seconds"], written["missing_edges_percent"], written["seeds"]) == (60, 40, 2)
    assert (written["cases"], len(written["results"])) == (2, 4)


def test_drawings_without_anything_to_draw_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "run", "drills", "--seeds", "3") == 2
    assert "--seeds" in capsys.readouterr().err
    assert typed(monkeypatch, "run", "drills", "--missing-edges", "0") == 2
    assert "--missing-edges: expected more than 0" in capsys.readouterr().err


def test_what_probabilities_are_worth_is_printed_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = card_text(run_of("rrrwh"), tmp_path).splitlines()
    told = [" ".join(line.split()) for line in lines]
    assert "sure (above 0.9) – none, 0 of 4 answers" in told
    assert "0.8 to 1.0 3 0.90 1.00 0.44 to 1.00" in told
    assert "wrong of the surest 25 % 0.00 50 % 0.00 75 % 0.25 100 % 0.20" in told
    assert [line.split()[:2] for line in lines if line.startswith("all")] == [["all", "5"]]
    assert max(len(line) for line in lines[:-1]) <= 80


def test_a_history_without_runs_says_how_to_begin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "history") == 0
    assert "watchkeeper eval run drills" in capsys.readouterr().out


def test_the_history_lists_the_runs_of_a_suite(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    history.keep(run_of("rrwf"), tmp_path / "a.json", home)
    history.keep(run_of("r", setting=replace(SETTING, suite="petshop", data="petshop")), tmp_path / "b.json", home)
    assert typed(monkeypatch, "history", "--suite", "nezha") == 0
    _, line = capsys.readouterr().out.splitlines()
    assert line.split() == ["2026-05-04", "12:00", "nezha-boutique", "!1", "abc1234", "4", "0.75", "0.50", "0.50"]


def test_two_runs_are_compared_case_by_case(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, letters in (("a", "rrw"), ("b", "rwr")):
        history.keep(run_of(letters), tmp_path / f"{name}.json", home)
    assert typed(monkeypatch, "compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")) == 0
    shown = capsys.readouterr().out
    assert "1 won, 1 lost; p = 1.000" in shown
    assert "lost case 1\n     truth cart\n     answered cart -> answered web" in shown


def test_a_report_is_written_of_the_newest_runs(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "report.html"
    assert typed(monkeypatch, "report", "--out", str(page)) == 2
    assert "there is no run to report on" in capsys.readouterr().err
    history.keep(run_of("rw"), tmp_path / "a.json", home)
    assert typed(monkeypatch, "report", "--out", str(page)) == 0
    assert "<svg" in page.read_text()


def test_exams_are_written_once_and_then_hold(
    exam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("check", "--data", str(exam.parent), "--baselines", str(tmp_path / "kept"))
    assert typed(monkeypatch, *words) == 2
    assert "eval check --write" in capsys.readouterr().err
    assert typed(monkeypatch, *words, "--write") == 0
    kept = (tmp_path / "kept" / "rootcausebench-rootcausebench.json").read_text()
    assert not [word for word in ("case-", CULPRIT, DECOY, "checkout") if word in kept]
    assert typed(monkeypatch, *words) == 0
    assert "rootcausebench: holds" in capsys.readouterr().out


def test_exams_that_lose_more_than_noise_explains_fail(
    exam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("check", "--data", str(exam.parent), "--baselines", str(tmp_path))
    assert typed(monkeypatch, *words, "--write") == 0
    file = tmp_path / "rootcausebench-rootcausebench.json"
    kept: Committed = checking.read(file)
    all_hit = kept.model_copy(update={"hits": {name: Hit(top1=True, forced_top1=True) for name in kept.hits}})
    file.write_text(all_hit.model_dump_json())
    assert typed(monkeypatch, *words) == 1
    assert "top1         6 to 0 of 6: 0 won, 6 lost, p = 0.016, worse" in capsys.readouterr().out
