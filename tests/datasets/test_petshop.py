import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
import pytest

from watchkeeper.datasets import petshop
from watchkeeper.errors import DatasetRejected

START = 1_700_000_100
NODES = ("front", "shop")
HEADS = (("requests", "Sum"), ("latency", "Average"), ("availability", "Average"))


def metrics(path: Path, rows: list[list[object]], nodes: tuple[str, ...] = NODES, start: int = START) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [(node, *head) for node in nodes for head in HEADS]
    lines = [[label, *(n[i] for n in names)] for i, label in enumerate(petshop.HEADERS)]
    lines.append(["unix_timestamp", *("" for _ in names)])
    lines += [[f"{start + 300.0 * i}", *row] for i, row in enumerate(rows)]
    path.write_text("\n".join(",".join(str(cell) for cell in line) for line in lines), encoding="utf-8")


def target(path: Path, metric: str = "latency", cause: str = "shop") -> None:
    asked = {"node": "front", "metric": metric, "agg": "Average", "timestamp": START + 600}
    path.write_text(json.dumps({"target": asked, "root_cause": {"node": cause, "metric": None}}), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    traffic = tmp_path / "dataset" / "some_traffic"
    calm: list[object] = [100, 0.1, 100.0, 50, 0.2, 100.0]
    bad: list[object] = [100, 0.3, 90.0, 50, 0.6, 80.0]
    for issue in ("test/issue_10", "test/issue_2", "train/issue_1"):
        metrics(traffic / issue / "metrics.csv", [calm, calm, bad, bad, [0, "", "", "", "", ""]])
        target(traffic / issue / "target.json")
    metrics(traffic / "noissue" / "metrics.csv", [[*calm, 5, 0.1, 100.0]] * 4, ("front", "shop", "new"), START + 10**7)
    (traffic / "graph.csv").write_text(",front,shop\nfront,1.0,1.0\nshop,0.0,0.0\n", encoding="utf-8")
    return tmp_path


def test_cases_come_by_half_and_number_wherever_the_data_lies(folder: Path) -> None:
    names = ["some_traffic/test/issue_2", "some_traffic/test/issue_10", "some_traffic/train/issue_1"]
    assert [case.name for case in petshop.cases(folder)] == names
    assert [case.name for case in petshop.cases(folder / "dataset")] == names
    assert sorted(petshop.answers(folder)) == sorted(names)


def test_the_trigger_is_what_the_alarm_said(folder: Path) -> None:
    case = next(petshop.cases(folder, alert_delay_seconds=30))
    signal = case.trigger.signal
    assert (signal.kind, signal.service, signal.measure, signal.direction) == ("alert", "front", "mean latency", "up")
    assert signal.at == datetime.fromtimestamp(START + 630, UTC)
    assert case.trigger.until == datetime.fromtimestamp(START + 1500, UTC)
    assert case.trigger.topology == {("front", "shop")}
    assert case.candidates == ("front", "shop")


def test_an_alarm_of_availability_is_a_drop(folder: Path) -> None:
    for path in folder.rglob("target.json"):
        target(path, metric="availability")
    signal = next(petshop.cases(folder)).trigger.signal
    assert (signal.measure, signal.direction) == ("availability", "down")


def test_a_row_is_a_histogram_and_its_failures_are_apart(folder: Path) -> None:
    case = next(petshop.cases(folder))
    table = case.load()["metrics"]
    window = table.filter(pc.less(table["time"], case.trigger.until)).to_pylist()
    front = [row for row in window if row["service_name"] == "front"]
    assert [(row["count"], round(row["value"], 6), dict(row["attributes"])) for row in front] == [
        (100, 10.0, {}),
        (100, 10.0, {}),
        (90, 27.0, {}),
        (10, 3.0, {"error.type": "_OTHER"}),
        (90, 27.0, {}),
        (10, 3.0, {"error.type": "_OTHER"}),
        (0, 0.0, {}),
    ]
    assert {(row["name"], row["unit"], row["kind"], row["temporality"]) for row in window} == {
        ("http.server.request.duration", "s", "histogram", "delta")
    }


def test_of_the_quiet_series_only_nodes_of_the_issue_are_kept(folder: Path) -> None:
    case = next(petshop.cases(folder))
    (reference,) = case.trigger.references
    table = case.load()["metrics"]
    quiet = table.filter(pc.greater_equal(table["time"], reference.start))
    assert (quiet.num_rows, set(quiet["service_name"].to_pylist())) == (8, {"front", "shop"})


def test_traffic_without_a_quiet_series_has_no_reference(folder: Path) -> None:
    (folder / "dataset" / "some_traffic" / "noissue" / "metrics.csv").unlink()
    case = next(petshop.cases(folder))
    assert case.trigger.references == ()
    assert case.load()["metrics"].num_rows == 13


def test_the_truth_changes_nothing_but_the_answer(folder: Path) -> None:
    before = [(case.name, case.trigger, case.candidates) for case in petshop.cases(folder)]
    for path in folder.rglob("target.json"):
        target(path, cause="front")
    assert [(case.name, case.trigger, case.candidates) for case in petshop.cases(folder)] == before
    assert {answer.truth for answer in petshop.answers(folder).values()} == {"front"}


def test_an_empty_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(DatasetRejected, match=r"expected <traffic>/test/issue_<n>"):
        list(petshop.cases(tmp_path))


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("graph.csv", ",a,b\na,1\n", "adjacency matrix"),
        ("graph.csv", ",a\na,x\n", "expected numbers"),
        ("test/issue_2/metrics.csv", "a,b\n1,2\n", "three header rows"),
        ("test/issue_2/metrics.csv", "microservice,a\nmetric,requests\nstatistic,Sum\n", "one row or more"),
        ("test/issue_2/metrics.csv", "microservice,a\nmetric,requests\nstatistic,Sum\n1,oops\n", "expected numbers"),
        ("test/issue_2/metrics.csv", "microservice,a\nmetric,requests\nstatistic,Sum\n,1\n", "unix seconds"),
        ("test/issue_2/target.json", "{", "expected JSON"),
        ("test/issue_2/target.json", '{"target": {"metric": "colour", "agg": "Average"}}', "expected one of"),
        ("test/issue_2/target.json", '{"target": {"metric": 3}}', "expected text"),
        (
            "test/issue_2/target.json",
            '{"target": {"metric": "latency", "agg": "Average", "node": "a", "timestamp": NaN}}',
            "expected unix seconds",
        ),
    ],
)
def test_a_broken_file_is_rejected_by_name(folder: Path, file: str, text: str, says: str) -> None:
    path = folder / "dataset" / "some_traffic" / file
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetRejected, match=says) as rejected:
        list(petshop.cases(folder))
    assert str(path) in str(rejected.value)


def test_bytes_that_are_no_text_are_rejected(folder: Path) -> None:
    path = folder / "dataset" / "some_traffic" / "graph.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetRejected, match="expected a CSV file"):
        list(petshop.cases(folder))
