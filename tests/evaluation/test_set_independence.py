"""What is answered does not hang on truths, names of services, or where a case lies."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from made_petshop import BEGAN, CALM_ROWS, STEP, write_shop
from made_rcaeval import write_flat
from made_rootcausebench import DECOY, write_case
from made_shop import Shop, at
from watchkeeper import library
from watchkeeper.domain import Window
from watchkeeper.evaluation import problems, running
from watchkeeper.evaluation.attempts import scan_for
from watchkeeper.evaluation.lost_calls import Lost
from watchkeeper.evaluation.problems import TELEMETRY, TRUTH
from watchkeeper.evaluation.scores import Attempt
from watchkeeper.evaluation.suites import Suite, open_suite
from watchkeeper.pipeline import diagnose
from watchkeeper.telemetry.recording import write_recording

INCIDENTS = library.HOME / "evals" / "incidents"
RECORDED = ("crash-cart", "silence-cart")
OTHER_NAMES = {"gateway": "zeta", "checkout": "a-service", "payment": "gateway", "bank": "0"}


def drills_in(folders: list[Path]) -> Suite:
    return Suite("drills", "component", problems.of_recordings(folders), dict)


def told(attempts: list[Attempt], names: dict[str, str] | None = None) -> list[tuple[object, ...]]:
    """Everything about the answers but their cases' names and how long they took."""
    other = names or {}
    return [
        (a.status, tuple(other.get(c, c) for c in a.ranked), a.probability, a.blamed_change, a.reason, a.probabilities)
        for a in attempts
    ]


@pytest.fixture(scope="module")
def as_recorded() -> list[tuple[object, ...]]:
    return told(running.answered(drills_in([INCIDENTS / name for name in RECORDED])))


def test_shuffled_truths_do_not_change_a_ranking(tmp_path: Path, as_recorded: list[tuple[object, ...]]) -> None:
    for name, other in zip(RECORDED, reversed(RECORDED), strict=True):
        shutil.copytree(INCIDENTS / name / TELEMETRY, tmp_path / name / TELEMETRY)
        shutil.copy(INCIDENTS / other / TRUTH, tmp_path / name / TRUTH)
    assert told(running.answered(drills_in([tmp_path / name for name in RECORDED]))) == as_recorded


def test_a_folder_that_was_moved_and_has_no_truth_does_not_change_a_ranking(
    tmp_path: Path, as_recorded: list[tuple[object, ...]]
) -> None:
    moved = tmp_path / "far" / "nothing-19"
    shutil.copytree(INCIDENTS / RECORDED[0] / TELEMETRY, moved / TELEMETRY)
    assert told(running.answered(drills_in([moved]))) == as_recorded[:1]


def test_renamed_services_of_a_recording_do_not_change_a_ranking(tmp_path: Path) -> None:
    shop = Shop(slow={"checkout": 150}, seconds=220, onset=180)
    for name, made in (("plain", shop), ("renamed", replace(shop, names=OTHER_NAMES))):
        write_recording(made.store(), Window(start=at(0), end=at(220)), tmp_path / name / TELEMETRY)
    plain = running.answered(drills_in([tmp_path / "plain"]))
    renamed = running.answered(drills_in([tmp_path / "renamed"]))
    assert plain[0].ranked[0] == "checkout"
    assert told(plain, OTHER_NAMES) == told(renamed)


def commits_of(folder: Path) -> list[tuple[object, ...]]:
    return told(running.answered(replace(open_suite("rootcausebench", folder), baselines=())))


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    folder = tmp_path / "rootcausebench"
    write_case(folder, "one", Shop(slow={"checkout": 150}))
    write_case(folder, "two", Shop(failing={"payment": 0.9}), service="payment")
    return folder


def test_shuffled_truths_of_a_data_set_do_not_change_an_answer(exam: Path) -> None:
    before = commits_of(exam)
    told_of_one = (exam / "one" / "ground_truth.json").read_text()
    (exam / "one" / "ground_truth.json").write_text(told_of_one.replace("c0ffee", DECOY[:6]))
    (exam / "two" / "ground_truth.json").unlink()
    assert commits_of(exam) == before


def test_a_data_set_that_was_moved_and_its_cases_renamed_has_the_same_answers(exam: Path, tmp_path: Path) -> None:
    before = commits_of(exam)
    for name, other in (("one", "a-b"), ("two", "c-d")):
        shutil.copytree(exam / name, tmp_path / "elsewhere" / other)
    assert commits_of(tmp_path / "elsewhere") == before


def test_renamed_services_of_a_data_set_do_not_change_an_answer(exam: Path, tmp_path: Path) -> None:
    write_case(tmp_path / "other", "one", Shop(slow={"checkout": 150}, names=OTHER_NAMES))
    (renamed,) = commits_of(tmp_path / "other")
    status, ranked, probability, *_ = commits_of(exam)[0]
    assert (status, ranked, probability) == renamed[:3]


SHOPS_OTHER_NAMES = {"front": "zeta", "search": "a-node", "table": "front", "pay": "0"}


def nodes_of(folder: Path) -> list[tuple[object, ...]]:
    return told(running.answered(replace(open_suite("petshop", folder), baselines=())))


def test_shuffled_truths_of_nodes_do_not_change_a_ranking(tmp_path: Path) -> None:
    before = nodes_of(write_shop(tmp_path / "petshop", ("table", "pay")))
    assert [ranked[:1] for _, ranked, *_ in before] == [("table",), ("pay",)]  # type: ignore[index]
    for number, other in ((1, "pay"), (2, "search")):
        path = tmp_path / "petshop" / "dataset" / "some_traffic" / "test" / f"issue_{number}" / "target.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"root_cause": {"node": other, "metric": None}}))
    assert nodes_of(tmp_path / "petshop") == before


HARDER = {"early": {"until_seconds": 60.0}, "late": {"alert_delay_seconds": 60.0}}


def asked(folder: Path, harder: str) -> list[tuple[object, ...]]:
    if harder == "with lost calls":
        suite = replace(open_suite("petshop", folder), baselines=())
        return told(running.answered(suite, lost=Lost(40, seeds=2)))
    return told(running.answered(replace(open_suite("petshop", folder, **HARDER[harder]), baselines=())))


@pytest.mark.parametrize("harder", [*HARDER, "with lost calls"])
def test_nor_do_they_where_it_is_harder(tmp_path: Path, harder: str) -> None:
    before = asked(write_shop(tmp_path / "petshop", ("table",)), harder)
    moved = tmp_path / "far" / "away"
    shutil.copytree(tmp_path / "petshop", moved)
    path = moved / "dataset" / "some_traffic" / "test" / "issue_1" / "target.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"root_cause": {"node": "search", "metric": None}}))
    assert asked(moved, harder) == before


def test_an_early_answer_is_the_same_whatever_comes_later(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "petshop", ("table",))
    before = asked(folder, "early")
    sheet = folder / "dataset" / "some_traffic" / "test" / "issue_1" / "metrics.csv"
    rows = sheet.read_text().splitlines()
    known = rows[:-2]
    assert rows[-3].startswith(str(BEGAN + CALM_ROWS * STEP)), "the row that begins at the alarm"
    sheet.write_text("\n".join([*known, *(row.replace("300,", "7,") for row in rows[-2:])]) + "\n")
    assert asked(folder, "early") == before


def drills_asked(folder: Path, *, delay: float = 0.0, until: float | None = None) -> list[tuple[object, ...]]:
    posed = problems.of_recordings([folder], alert_delay_seconds=delay, until_seconds=until)
    return told(running.answered(Suite("drills", "component", posed, dict)))


def test_an_early_answer_of_a_recording_is_the_same_whatever_comes_later(tmp_path: Path) -> None:
    shop = Shop(slow={"checkout": 150}, seconds=400, onset=180)
    ends = {"whole": 400, "cut": 280}
    for name, end in ends.items():
        write_recording(shop.store(), Window(start=at(0), end=at(end)), tmp_path / name / TELEMETRY)
    assert drills_asked(tmp_path / "whole", until=30) == drills_asked(tmp_path / "cut", until=30)


def test_a_late_alarm_of_a_recording_is_never_after_its_end(tmp_path: Path) -> None:
    shop = Shop(slow={"checkout": 150}, seconds=260, onset=180)
    write_recording(shop.store(), Window(start=at(0), end=at(260)), tmp_path / "run" / TELEMETRY)
    (problem,) = problems.of_recordings([tmp_path / "run"], alert_delay_seconds=3600)
    posed = problem.pose(frozenset())
    with posed.sources:
        assert at(200) < posed.trigger.signal.at <= at(270)
        assert posed.trigger.until == posed.trigger.signal.at


def test_truths_and_places_of_another_data_set_do_not_change_an_answer_either(tmp_path: Path) -> None:
    folder = write_flat(tmp_path / "rcaeval")
    plain = told(running.answered(replace(open_suite("rcaeval", folder), baselines=())))
    (folder / "re2ob_cart_cpu_1").rename(tmp_path / "re2ob_front_delay_2")
    (tmp_path / "moved").mkdir()
    (tmp_path / "re2ob_front_delay_2").rename(tmp_path / "moved" / "re2ob_front_delay_2")
    moved = open_suite("rcaeval", tmp_path / "moved")
    assert told(running.answered(replace(moved, baselines=()))) == plain
    assert {answer.truth for answer in moved.answers().values()} == {"front"}


def weighed(folder: Path, names: dict[str, str]) -> list[list[tuple[float, str]]]:
    """What each issue's diagnosis thinks of every node; equal probabilities have no order among them."""
    found = []
    for problem in open_suite("petshop", folder).problems:
        posed = problem.pose(frozenset())
        with posed.sources:
            how = scan_for(posed.trigger)
            case = diagnose(posed.trigger.signal, posed.sources, now=posed.trigger.until, scan=how)
        hypotheses = case.diagnoses[-1].hypotheses
        found.append(sorted((h.probability, names.get(h.component, h.component)) for h in hypotheses))
    return found


def test_renamed_and_moved_nodes_are_as_probable_as_before(tmp_path: Path) -> None:
    plain = write_shop(tmp_path / "petshop", ("table", "pay"))
    renamed = write_shop(tmp_path / "far" / "x", ("table", "pay"), SHOPS_OTHER_NAMES)
    assert weighed(plain, SHOPS_OTHER_NAMES) == weighed(renamed, {})
