"""Grouping accuracy, and the suite that tells it."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from watchkeeper.cli import main
from watchkeeper.errors import ConfigError, DatasetRejected
from watchkeeper.evaluation import measures, suites
from watchkeeper.evaluation.grouping import accuracy

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "loghub"
    for system, verb in (("Web", "served"), ("Db", "stored")):
        lines = [f"{i},{verb} {i} rows,E1,{verb} <*> rows" for i in range(8)]
        lines += ["9,shutting down,E2,shutting down", "10,shutting down,E3,shutting down"]
        path = folder / system / f"{system}_2k.log_structured.csv"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(["LineId,Content,EventId,EventTemplate", *lines]) + "\n", encoding="utf-8")
    return folder


def test_a_line_counts_if_its_group_is_exactly_the_truths() -> None:
    truth = ["a", "a", "b", "c", "c", "d"]
    assert accuracy(["1", "1", "2", "3", "4", "5"], truth).value == pytest.approx(4 / 6), "c was split"
    assert accuracy(["1", "1", "1", "3", "3", "5"], truth).value == pytest.approx(3 / 6), "a and b were merged"
    assert accuracy(list("abccde"), list("wxyyzz")).value == pytest.approx(4 / 6)


def test_the_interval_holds_the_value_and_counts_statements() -> None:
    share = accuracy(["1", "1", "2", "3", "4", "5"], ["a", "a", "b", "c", "c", "d"])
    assert share.low <= share.value <= share.high
    assert share.n == 4


def test_the_suite_measures_every_system_and_their_mean(logs: Path) -> None:
    measured = measures.measure("loghub", "loghub", logs, at=NOW)
    assert (measured.cases, measured.engine, measured.data) == (2, "rules", "loghub")
    assert measured.metrics["grouping_accuracy"].value == pytest.approx(0.8)
    assert {name: found["grouping_accuracy"].n for name, found in measured.by_system.items()} == {"Db": 3, "Web": 3}


def test_names_of_systems_and_their_order_change_nothing(logs: Path) -> None:
    before = measures.measure("loghub", "loghub", logs, at=NOW).metrics
    (logs / "Web" / "Web_2k.log_structured.csv").rename(logs / "Web" / "A_2k.log_structured.csv")
    assert measures.measure("loghub", "loghub", logs, at=NOW).metrics == before


def test_a_run_prints_a_table_and_writes_its_json(
    logs: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "there" / "x.json"
    words = ["watchkeeper", "eval", "run", "loghub", "--data", str(logs), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "loghub: 2 systems"
    assert max(len(line) for line in lines[:-1]) <= 80
    written = json.loads(out.read_text())
    assert (written["suite"], written["engine"], written["cases"]) == ("loghub", "rules", 2)
    assert set(written["metrics"]["grouping_accuracy"]) == {"value", "low", "high", "n"}
    assert set(written["by_system"]) == {"Db", "Web"}


def test_what_cannot_be_measured_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetRejected, match="holds no system"):
        measures.measure("loghub", "loghub", tmp_path, at=NOW)
    with pytest.raises(ConfigError, match="ranks nothing"):
        suites.open_suite("loghub", tmp_path)


def test_a_suite_without_ranking_belongs_to_no_folder_of_exams(logs: Path) -> None:
    assert suites.for_folder(logs) is None
