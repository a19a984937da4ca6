"""Injected cases of one's own quiet telemetry: asked as on duty, scored, and told apart by whether they matter."""

from datetime import timedelta
from pathlib import Path

import pytest

from made_petshop import write_shop
from made_shop import Shop, at
from watchkeeper.datasets.cases import Tables
from watchkeeper.domain import Window
from watchkeeper.errors import ConfigError, DatasetRejected
from watchkeeper.evaluation import injected, injected_problems, running, self_evaluation
from watchkeeper.evaluation.injected import System
from watchkeeper.evaluation.injected_periods import systems_in
from watchkeeper.evaluation.injected_problems import FAINT, Injected, of_spans, planned_in
from watchkeeper.evaluation.suites import Suite, open_suite
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import write_recording

SECONDS, CASES, SCORED = 300, 3, 1


@pytest.fixture(scope="module")
def tables() -> Tables:
    rows = Shop(seconds=SECONDS, onset=SECONDS).tables()
    return {name: table_of(name, each) for name, each in rows.items()}  # type: ignore[arg-type, misc]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quiet") / "calm-shop"
    with Shop(seconds=SECONDS, onset=SECONDS).store() as store:
        write_recording(store, Window(start=at(-1), end=at(SECONDS + 1)), folder / "telemetry")
    return folder


def test_cases_are_the_same_for_the_same_seed(tables: Tables) -> None:
    one, other = (list(injected.cases(tables, CASES, 1, watched=False)) for _ in range(2))
    assert [case.truth for case in one] == [case.truth for case in other]
    assert all(a.tables[name].equals(b.tables[name]) for a, b in zip(one, other, strict=True) for name in a.tables)


def test_another_seed_gives_other_cases(tables: Tables) -> None:
    one, other = (list(injected.cases(tables, CASES, seed, watched=False)) for seed in (1, 2))
    assert not {case.truth.seed for case in one} & {case.truth.seed for case in other}


def test_a_case_is_a_stretch_of_the_telemetry_with_quiet_before_its_fault(tables: Tables) -> None:
    for case in injected.cases(tables, CASES, 1, watched=False):
        first = min(case.tables["spans"]["time"].to_pylist())
        assert case.truth.onset - first >= timedelta(seconds=injected.LEAST_BEFORE - 2)
        assert case.truth.ends - case.truth.onset >= timedelta(seconds=injected.LEAST_AFTER)


def test_only_those_that_matter_come_where_that_is_asked(tables: Tables) -> None:
    for wanted in (True, False):
        made = injected.cases(tables, CASES, 1, watched=False, is_material=wanted)
        assert {case.truth.strength.is_material for case in made} == {wanted}


def test_the_watch_raises_a_silence_that_was_put_in(tables: Tables) -> None:
    case = next(iter(injected.cases(tables, 1, 1, kind="silence")))
    assert case.is_noticed
    assert case.trigger.signal.service == case.truth.component
    assert case.trigger.signal.at > case.truth.onset


def test_too_short_a_telemetry_is_said_in_one_sentence(tables: Tables) -> None:
    short = {name: injected.between(tables[name], at(0), at(60)) for name in ("spans",)}
    with pytest.raises(DatasetRejected, match="expected 150 s or more of quiet telemetry"):
        list(injected.cases(short, 1, 1))
    with pytest.raises(DatasetRejected, match="there are no spans"):
        list(injected.cases({}, 1, 1))


def test_a_suite_over_a_recording_is_scored(recording: Path) -> None:
    asked = Injected(planned_in(recording, SCORED, 1))
    suite = Suite("injected", "component", asked.problems(), asked.answers)
    card = running.run(suite, at=at(0))
    assert card.cases == SCORED
    assert {r.system for r in card.results} == {"calm-shop"}
    assert set(asked.noticed_after) <= {r.case for r in card.results}


def test_a_name_tells_nothing_of_the_truth(recording: Path) -> None:
    for planned in planned_in(recording, CASES, 1):
        assert planned.fault.component not in planned.name
        assert planned.fault.kind not in planned.name


def test_faint_faults_are_counted_as_a_kind_of_their_own(tables: Tables) -> None:
    planned = list(of_spans(System("own", tables), CASES, 1, False))
    assert {injected_problems.answer_of(each.fault).kind for each in planned} == {FAINT}


def test_the_suite_needs_a_folder_of_quiet_telemetry(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--data"):
        open_suite("injected")
    with pytest.raises(ConfigError, match="--until"):
        open_suite("injected", tmp_path, until_seconds=60)


def test_a_folder_may_hold_several_recordings(recording: Path) -> None:
    planned = planned_in(recording.parent, CASES, 1)
    assert len(planned) == CASES


def test_petshop_without_enough_fault_free_periods_is_refused(tmp_path: Path) -> None:
    folder = write_shop(tmp_path, ("search",))
    assert [system.name for system in systems_in(folder)] == ["petshop-some_traffic"]
    with pytest.raises(DatasetRejected, match="has 40 periods, expected 53"):
        planned_in(folder, 1, 1)


def test_what_to_expect_counts_every_case_once(tables: Tables) -> None:
    system = self_evaluation.system_from("own", tables)
    suite, asked = self_evaluation.suite_of(system, SCORED, 1)
    rows = self_evaluation.expected(running.run(suite, at=at(0)), asked)
    total = next(row for row in rows if row.kind == "all")
    assert total.cases == SCORED
    assert sum(row.cases for row in rows if row.kind not in ("all", FAINT)) == SCORED
    assert total.noticed == total.first + total.wrong + total.abstained > 0
    assert total.seconds is not None
    assert total.first + total.wrong + total.abstained + total.failed <= total.cases


def test_telemetry_that_is_not_quiet_is_refused() -> None:
    loud = Shop(seconds=SECONDS, onset=80, failing={"payment": 0.3}).tables()
    tables = {name: table_of(name, each) for name, each in loud.items()}  # type: ignore[arg-type]
    with pytest.raises(DatasetRejected, match="not quiet"):
        self_evaluation.suite_of(self_evaluation.system_from("own", tables), CASES, 1)  # type: ignore[arg-type]


def test_what_is_called_and_never_reports_is_a_blind_spot(tables: Tables) -> None:
    spots = self_evaluation.blind_spots(self_evaluation.system_from("own", tables))
    assert [(spot.component, spot.reason) for spot in spots] == [("bank", "is called by payment, and reports nothing")]


def test_neither_spans_nor_requests_is_said(tables: Tables) -> None:
    with pytest.raises(DatasetRejected, match="expected spans"):
        self_evaluation.system_from("own", {"logs": tables["logs"]})
