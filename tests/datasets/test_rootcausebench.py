"""RootCauseBench's published layout, on a made case."""

import json
from pathlib import Path

import pytest

from made_rootcausebench import CULPRIT, DECOY, IDLE, write_case
from made_shop import Shop, at
from watchkeeper.datasets import rootcausebench
from watchkeeper.datasets.cases import Case, Tables
from watchkeeper.errors import DatasetRejected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_case(tmp_path, "slow-checkout", Shop(per_second=1))
    return tmp_path


def only(folder: Path) -> Case:
    (case,) = rootcausebench.cases(folder)
    return case


def tables(folder: Path) -> Tables:
    return only(folder).load()


def test_the_alert_is_the_signal_and_the_whole_snapshot_may_be_read(folder: Path) -> None:
    trigger = only(folder).trigger
    signal = trigger.signal
    assert (signal.kind, signal.at, signal.service) == ("alert", at(300), "checkout")
    assert (signal.measure, signal.direction, signal.observed) == ("p95_ms", "up", 400.0)
    assert signal.text == "it is slow (p95_ms is 400, the threshold 100)"
    assert trigger.until == at(300)


def test_a_delay_moves_the_signal(folder: Path) -> None:
    (case,) = rootcausebench.cases(folder, alert_delay_seconds=60)
    assert case.trigger.signal.at == at(360)


def test_every_commit_may_be_answered(folder: Path) -> None:
    assert only(folder).candidates == (CULPRIT, DECOY, IDLE)


def test_deploys_and_flags_are_changes_of_a_service(folder: Path) -> None:
    changes = [c for c in tables(folder)["changes"].sort_by("time").to_pylist() if c["kind"] != "commit"]
    assert [(c["kind"], c["service_name"], c["commits"]) for c in changes] == [
        ("flag", "gateway", []),
        ("deploy", "gateway", [DECOY]),
        ("deploy", "checkout", [CULPRIT]),
    ]
    assert (changes[2]["time"], changes[2]["author"], changes[2]["title"]) == (at(238), "ann", f"change {CULPRIT[:7]}")
    assert len({c["id"] for c in changes}) == 3


def test_commits_stand_beside_the_changes_with_their_files(folder: Path) -> None:
    made = [c for c in tables(folder)["changes"].to_pylist() if c["kind"] == "commit"]
    assert [c["id"] for c in made] == [CULPRIT, DECOY, IDLE]
    assert dict(made[0]["attributes"])["files_changed"] == '["a.go"]'


def test_metrics_are_gauges(folder: Path) -> None:
    first = tables(folder)["metrics"].to_pylist()[0]
    assert (first["kind"], first["name"], first["service_name"]) == ("gauge", "process.cpu.utilization", "gateway")


def test_a_log_keeps_its_other_fields_as_attributes(folder: Path) -> None:
    first = tables(folder)["logs"].to_pylist()[0]
    assert (first["severity_number"], first["attributes"]) == (9, [("http.status_code", "200")])


def test_a_span_with_a_placeholder_is_in_the_trace_of_its_parent(folder: Path) -> None:
    spans = tables(folder)["spans"].to_pylist()
    assert "same" not in {span["trace_id"] for span in spans}
    by_id = {span["span_id"]: span for span in spans}
    assert all(s["trace_id"] == by_id[s["parent_span_id"]]["trace_id"] for s in spans if s["parent_span_id"])


def test_the_answer_is_the_commit_with_its_decoys(folder: Path) -> None:
    answer = rootcausebench.answers(folder)["slow-checkout"]
    assert (answer.truth, answer.kind, answer.decoys) == (CULPRIT, "rollback", {DECOY})


def test_none_is_nothing_to_blame(tmp_path: Path) -> None:
    write_case(tmp_path, "surge", Shop(per_second=1), truth="none")
    assert rootcausebench.answers(tmp_path)["surge"].truth is None


def test_the_cases_can_be_read_without_the_truth(folder: Path) -> None:
    (folder / "slow-checkout" / "ground_truth.json").unlink()
    assert only(folder).load()["spans"].num_rows > 0


@pytest.mark.parametrize("what", ["nothing", "another layout", "no folder"])
def test_a_folder_without_cases_is_refused(tmp_path: Path, what: str) -> None:
    if what == "another layout":
        (tmp_path / "graph.csv").write_text("a,b\n")
    folder = tmp_path / "gone" if what == "no folder" else tmp_path
    with pytest.raises(DatasetRejected, match=r"expected <case>/data/alert\.json"):
        list(rootcausebench.cases(folder))


BROKEN = {
    "logs.ndjson": ('{"timestamp": "2026-', "line 1: expected JSON"),
    "metrics.csv": ("timestamp,service,metric,value\n2026-05-04T12:00:00Z,a,b\n", "line 2: expected 4 values"),
    "traces.json": ('[{"trace_id": "a", "span_id": "b"}]', "expected text as service"),
    "context/deploys.json": ("{}", "expected a list of objects"),
    "context/flags.json": ("[", "expected JSON"),
    "context/commits.json": ('[{"sha": 3}]', "expected text as sha"),
    "alert.json": ('{"fired_at": "yesterday"}', "expected a time in ISO 8601 as fired_at"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named(folder: Path, name: str) -> None:
    text, expected = BROKEN[name]
    (folder / "slow-checkout" / "data" / name).write_text(text)
    with pytest.raises(DatasetRejected) as refused:
        tables(folder)
    assert name.rpartition("/")[2] in str(refused.value)
    assert expected in str(refused.value)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "slow-checkout" / "data" / "logs.ndjson").unlink()
    with pytest.raises(DatasetRejected, match=r"logs\.ndjson: there is no such file"):
        tables(folder)


def test_a_figure_that_is_no_number_is_refused(folder: Path) -> None:
    path = folder / "slow-checkout" / "data" / "traces.json"
    spans = json.loads(path.read_text())
    path.write_text(json.dumps([spans[0] | {"duration_ms": float("nan")}]))
    with pytest.raises(DatasetRejected, match="expected a finite number as duration_ms"):
        tables(folder)
