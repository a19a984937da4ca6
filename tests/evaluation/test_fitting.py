"""`make weights`: the same recordings give the same table of features, and the same table the same weights."""

import csv
from pathlib import Path

import numpy as np
import pytest

from watchkeeper.diagnosis.fusion import WEIGHTS_FILE
from watchkeeper.errors import ConfigError
from watchkeeper.evaluation import fitting, fitting_cases
from watchkeeper.evaluation.fitting_weights import FEATURES, SIGNS, Table, fitted, probabilities, read_table


def table_of(candidates: list[list[dict[str, float]]], true: list[int]) -> Table:
    """Cases of candidates; the last of each is the unseen, `true` is the place of the right one."""
    rows = [row for case in candidates for row in case]
    features = np.array([[row.get(name, 0.0) for name in FEATURES] for row in rows])
    case = np.repeat(np.arange(len(candidates)), [len(each) for each in candidates])
    is_true = np.concatenate([np.arange(len(each)) == true[i] for i, each in enumerate(candidates)])
    names = tuple(str(i) for i in range(len(candidates)))
    return Table(features, case, is_true, np.ones(len(candidates)), {"source": names})


def test_the_table_of_features_gives_the_weights_byte_for_byte() -> None:
    assert fitting.rebuilt() == WEIGHTS_FILE.read_text(encoding="utf-8")


def test_a_recording_gives_its_rows_of_the_table_again() -> None:
    with fitting.FEATURES_FILE.open(newline="", encoding="utf-8") as file:
        kept = [row for row in list(csv.reader(file))[1:] if row[1] == "periods"]
    folder = fitting.quiet_folders()[0]
    made = [row for case in fitting_cases.of_periods(folder, 3, 1) for row in fitting_cases.rows_of(case)]
    assert made == [row for row in kept if row[0] in {r[0] for r in made}]
    assert len({row[0] for row in made}) == 3


def test_what_tells_the_culprit_gets_weight_and_what_does_not_gets_none() -> None:
    unseen = {"always": 1.0}
    cases = [[{"left": 0.9, "logs": 0.5}, {"left": 0.1, "logs": 0.5}, unseen] for _ in range(40)]
    weights = dict(zip(FEATURES, fitted(table_of(cases, [0] * 40)), strict=True))
    assert weights["left"] > 1
    assert weights["logs"] < weights["left"] / 4
    assert weights["silence"] == 0


def test_a_feature_that_speaks_against_the_culprits_is_held_at_its_sign() -> None:
    cases = [[{"logs": 0.0, "left": 0.5}, {"logs": 1.0, "left": 0.5}, {"always": 1.0}] for _ in range(40)]
    weights = dict(zip(FEATURES, fitted(table_of(cases, [0] * 40)), strict=True))
    assert weights["logs"] == 0


def test_no_weight_breaks_its_sign_and_probabilities_add_up() -> None:
    table = read_table(fitting.FEATURES_FILE)
    weights = fitted(table)
    assert (SIGNS * weights >= 0).all()
    sums = np.bincount(table.case, probabilities(weights, table))
    assert np.allclose(sums, 1.0)


def test_nine_in_ten_cases_are_right_on_systems_that_were_left_out() -> None:
    lines = [line.split() for line in list(fitting.held_out(read_table(fitting.FEATURES_FILE), "system"))[1:]]
    cases, right = (np.array([float(line[column]) for line in lines]) for column in (1, 2))
    assert float(cases @ right / cases.sum()) > 0.9


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("case,truth\na,b\n")
    with pytest.raises(ConfigError, match="expected a table of features"):
        read_table(tmp_path / "other.csv")
