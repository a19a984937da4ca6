"""Runs held against committed figures."""

from pathlib import Path

import pytest

from made_runs import run_of
from watchkeeper.errors import ConfigError, DatasetRejected
from watchkeeper.evaluation import checking


def test_losing_five_cases_and_winning_none_is_worse() -> None:
    before = checking.committed(run_of("r" * 10))
    assert checking.check(run_of("w" * 5 + "r" * 5), before).is_worse


def test_losing_four_may_be_noise() -> None:
    before = checking.committed(run_of("r" * 10))
    verdict = checking.check(run_of("w" * 4 + "r" * 6), before)
    assert not verdict.is_worse
    assert verdict.lines[0] == "top1         10 to 6 of 10: 0 won, 4 lost, p = 0.062, within noise"


def test_winning_is_never_worse() -> None:
    assert not checking.check(run_of("rrrrrr"), checking.committed(run_of("wwwwww"))).is_worse


def test_a_ranking_that_got_worse_counts_though_it_was_held_back() -> None:
    before = checking.committed(run_of("h" * 6))
    assert checking.check(run_of("w" * 6), before).is_worse


def test_a_failed_case_is_worse() -> None:
    verdict = checking.check(run_of("rrf"), checking.committed(run_of("rrw")))
    assert verdict.is_worse
    assert "1 of 3 cases failed, expected none" in verdict.lines


def test_saying_what_cannot_be_found_again_is_worse() -> None:
    card = run_of("rr")
    first = card.results[0].model_copy(update={"unsupported": ("'9 ms' is '8 ms' when asked again",)})
    said = card.model_copy(update={"unsupported": 1, "results": (first, *card.results[1:])})
    verdict = checking.check(said, checking.committed(card))
    assert verdict.is_worse
    assert verdict.lines[-1].startswith("1 of 2 cases say what cannot be found again: case 0: '9 ms'")


def test_cases_that_were_not_run_are_said() -> None:
    verdict = checking.check(run_of("rr"), checking.committed(run_of("rrr")))
    assert verdict.lines[-1] == "1 of 3 committed cases were not run"


def test_other_data_cannot_be_held_against_it() -> None:
    with pytest.raises(DatasetRejected, match="no case in common"):
        checking.check(run_of("r", first=7), checking.committed(run_of("r")))


def test_what_is_committed_tells_nothing_of_the_data(tmp_path: Path) -> None:
    file = tmp_path / "evals" / "nezha.json"
    checking.write(run_of("rwh"), file)
    text = file.read_text()
    assert "case" not in text.replace('"cases"', "")
    assert "cart" not in text
    assert checking.read(file) == checking.committed(run_of("rwh"))


def test_figures_that_are_not_there_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="eval check --write"):
        checking.read(tmp_path / "none.json")


def test_data_sets_are_known_by_their_folders(tmp_path: Path) -> None:
    for name in ("nezha-boutique", "petshop", "holiday-pictures"):
        (tmp_path / name).mkdir()
    found = checking.exams_in(tmp_path)
    assert [(suite, path.name) for suite, path in found] == [("nezha", "nezha-boutique"), ("petshop", "petshop")]
    assert checking.file_of(Path("b"), "nezha", "nezha-boutique") == Path("b/nezha-nezha-boutique.json")


def test_a_folder_without_data_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetRejected, match="holds no data set"):
        checking.exams_in(tmp_path)
