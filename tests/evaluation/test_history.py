"""Runs that are kept, and found again."""

from dataclasses import replace
from pathlib import Path

import pytest

from made_runs import BEGAN, SETTING, run_of
from watchkeeper.errors import ConfigError
from watchkeeper.evaluation import history
from watchkeeper.evaluation.scorecard import Scorecard


def test_a_run_is_kept_and_read_again(tmp_path: Path) -> None:
    card, file = run_of("rwh"), history.default_file(tmp_path, "nezha", BEGAN)
    history.keep(card, file, tmp_path)
    assert Scorecard.read(file) == card
    (entry,) = history.entries(tmp_path)
    assert (entry.suite, entry.cases, entry.top1, entry.file) == ("nezha", 3, card.top1, str(file))


def test_every_run_is_a_line_and_the_newest_of_each_data_set_is_found(tmp_path: Path) -> None:
    for number, data in enumerate(("boutique", "trainticket", "boutique")):
        history.keep(run_of("r", setting=replace(SETTING, data=data)), tmp_path / f"{number}.json", tmp_path)
    runs = history.entries(tmp_path)
    assert len(runs) == 3
    assert history.newest(runs) == [tmp_path / "2.json", tmp_path / "1.json"]


def test_a_run_is_found_by_path_and_by_name(tmp_path: Path) -> None:
    file = history.default_file(tmp_path, "nezha", BEGAN)
    history.keep(run_of("r"), file, tmp_path)
    assert history.found(str(file), tmp_path) == history.found("nezha-20260504T120000", tmp_path) == file
    with pytest.raises(ConfigError, match="no such run"):
        history.found("nezha-1999", tmp_path)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "history.ndjson").write_text("{}\n")
    with pytest.raises(ConfigError, match="line 1: is no run"):
        history.entries(tmp_path)


def test_something_else_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"suite": "nezha"}')
    with pytest.raises(ConfigError, match=r"is not the JSON of an `eval run`: engine"):
        Scorecard.read(tmp_path / "x.json")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        history.keep(run_of("r"), tmp_path / "file" / "x.json", tmp_path)
