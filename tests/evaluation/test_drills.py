from pathlib import Path

import pytest

from made_shop import Shop, at
from watchkeeper.domain import Window
from watchkeeper.evaluation.drills import append_rows, score
from watchkeeper.evaluation.recording import TELEMETRY, TRUTH
from watchkeeper.lab.truth import Truth
from watchkeeper.telemetry.recording import write_recording


def recorded(folder: Path, shop: Shop, **truth: object) -> Path:
    write_recording(shop.store(), Window(start=at(0), end=at(shop.seconds)), folder / TELEMETRY)
    facts = {"size": 1.0, "seed": 1, "minutes": 5.0, "begins": at(250), "ends": at(shop.seconds)} | truth
    Truth.model_validate(facts).to_yaml(folder / TRUTH)
    return folder


def test_a_right_answer_in_time_is_a_hit(tmp_path: Path):
    shop = Shop(slow={"checkout": 150})
    shop.deploy("checkout", 236, "1.1.0")
    facts = {"fault_onset": at(238), "symptom_onset": at(240), "change_id": "checkout-1.1.0"}
    row, case = score(recorded(tmp_path, shop, kind="bad-deploy", service="checkout", **facts))
    assert (row.hit, row.in_time, row.release_right, row.false_alarms) == (True, True, True, 0)
    assert case is not None


def test_a_truth_that_is_not_the_answer_is_a_miss(tmp_path: Path):
    shop = Shop(slow={"checkout": 150})
    facts = {"fault_onset": at(240), "symptom_onset": at(240)}
    row, _ = score(recorded(tmp_path, shop, kind="cpu-hog", service="payment", **facts))
    assert (row.hit, row.answer) == (False, "checkout")


def test_the_truth_does_not_change_the_ranking(tmp_path: Path):
    shop = Shop(slow={"checkout": 150})
    answers = []
    for service in ("checkout", "payment"):
        facts = {"kind": "cpu-hog", "service": service, "fault_onset": at(240), "symptom_onset": at(240)}
        _, case = score(recorded(tmp_path / service, shop, **facts))
        assert case is not None
        assert case.latest is not None
        answers.append([(h.component, h.probability) for h in case.latest.hypotheses])
    assert answers[0] == answers[1]


def test_nothing_found_where_nothing_is_wrong_is_a_hit(tmp_path: Path):
    row, case = score(recorded(tmp_path, Shop(), kind="nothing"))
    assert (row.hit, row.false_alarms, row.status) == (True, 0, "no-alarm")
    assert case is None


@pytest.mark.parametrize("times", [1, 2])
def test_rows_are_added_under_one_header(tmp_path: Path, times: int):
    row, _ = score(recorded(tmp_path / "run", Shop(), kind="nothing"))
    for _ in range(times):
        append_rows([row], tmp_path / "rows.csv")
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    assert len(lines) == 1 + times
    assert lines[0].startswith("run,commit,kind")
