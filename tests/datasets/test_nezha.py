from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from made_nezha import (
    CART,
    DAY,
    METRIC_HEAD,
    NOON,
    WEB,
    call,
    line,
    sample,
    span,
    write,
    write_dataset,
    write_faults,
    write_logs,
    write_spans,
)
from watchkeeper.datasets import nezha
from watchkeeper.errors import DatasetRejected
from watchkeeper.tables import TABLES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")


def load(folder: Path):
    (case,) = nezha.cases(folder)
    return case.load()


def rows_of(table: pa.Table, **held: str) -> list[dict[str, object]]:
    return [row for row in table.to_pylist() if all(row[key] == value for key, value in held.items())]


def test_a_case_names_no_service_and_may_be_read_for_three_minutes(folder: Path):
    (case,) = nezha.cases(folder)
    assert (case.name, case.trigger.signal.service, case.trigger.signal.at) == (f"{DAY} 12:00:00", None, NOON)
    assert case.trigger.until == NOON + timedelta(minutes=3)


def test_a_late_alert_leaves_name_and_end_as_they_are(folder: Path):
    (soon,), (late,) = nezha.cases(folder), nezha.cases(folder, alert_delay_seconds=120)
    assert late.trigger.signal.at - soon.trigger.signal.at == timedelta(seconds=120)
    assert (late.trigger.until, late.name) == (soon.trigger.until, soon.name)


def test_the_answer_is_the_service_of_the_pod(folder: Path):
    answer = nezha.answers(folder)[f"{DAY} 12:00:00"]
    assert (answer.truth, answer.kind, answer.system) == ("ts-cart", "return", "trainticket")


def test_cases_come_in_order_of_time_and_each_has_a_name(folder: Path):
    write_faults(folder, (NOON, WEB, "exception"), (NOON - timedelta(hours=1), CART, "return"), (NOON, CART, "return"))
    assert [case.name for case in nezha.cases(folder)] == [f"{DAY} 11:00:00", f"{DAY} 12:00:00", f"{DAY} 12:00:00 #2"]
    assert [answer.truth for answer in nezha.answers(folder).values()] == ["ts-cart", "ts-web", "ts-cart"]


def test_tables_have_the_schemas_of_the_house(folder: Path):
    assert {name: table.schema for name, table in load(folder).items()} == {
        name: TABLES[name] for name in ("spans", "logs", "metrics")
    }


def test_nothing_after_the_end_is_read_and_of_the_past_only_some_minutes_and_the_quiet_one(folder: Path):
    (case,) = nezha.cases(folder)
    (quiet,) = case.trigger.references
    for name, table in case.load().items():
        times = table["time"].to_pylist()
        assert max(times) < case.trigger.until
        if name != "metrics":
            assert all(time >= NOON - nezha.LOOKBACK or quiet.holds(time) for time in times)
            assert any(quiet.holds(time) for time in times)


def test_a_span_that_was_not_over_is_not_read(folder: Path):
    write_spans(folder, "rca_data", NOON + timedelta(minutes=3), call(NOON + timedelta(minutes=2), "long", 90_000_000))
    assert "longa" not in load(folder)["spans"]["span_id"].to_pylist()


def test_a_day_without_a_quiet_minute_borrows_that_of_another(folder: Path):
    next_day = NOON + timedelta(days=1)
    write_faults(folder, (next_day, WEB, "exception"), day=f"{next_day:%Y-%m-%d}")
    today, tomorrow = nezha.cases(folder)
    assert tomorrow.trigger.references == today.trigger.references
    assert tomorrow.load()["spans"].num_rows == 8


def test_who_calls_and_who_answers_is_read_off_the_services(folder: Path):
    spans = load(folder)["spans"]
    kinds = {row["name"]: (row["kind"], row["service_name"]) for row in rows_of(spans, trace_id="m1i0")}
    assert kinds == {
        "GET /": ("server", "ts-web"),
        "HTTP GET": ("client", "ts-web"),
        "GET /cart": ("server", "ts-cart"),
        "SELECT": ("internal", "ts-cart"),
    }


def test_durations_are_nanoseconds_and_a_root_has_no_parent(folder: Path):
    (root,) = rows_of(load(folder)["spans"], span_id="m1i0a")
    assert (root["duration_ns"], root["parent_span_id"], root["service_instance_id"]) == (1_900_000, None, WEB)


def test_whoever_answers_longer_than_the_call_took_was_not_waited_for(folder: Path):
    rows = [
        span(NOON, "p", "pa", "root", WEB, "GET /", 900),
        span(NOON, "p", "pb", "pa", WEB, "orders send", 50),
        span(NOON, "p", "pc", "pb", CART, "orders process", 5000),
    ]
    write_spans(folder, "rca_data", NOON, rows)
    kinds = {row["name"]: row["kind"] for row in rows_of(load(folder)["spans"], trace_id="p")}
    assert kinds == {"GET /": "server", "orders send": "producer", "orders process": "consumer"}


def test_a_span_that_was_written_twice_is_told_once(folder: Path):
    write_spans(folder, "rca_data", NOON, call(NOON, "twice") + call(NOON, "twice"))
    assert len(rows_of(load(folder)["spans"], trace_id="twice")) == 4


def test_of_a_line_only_the_message_is_the_body(folder: Path):
    text = "20:00:00.250 WARN  w.s.Cart#31 TraceID: 0af1 SpanID: 7b2c [find][nothing found]"
    write_logs(folder, "rca_data", NOON, [line(NOON, CART, text, "t9", "t9a")])
    (row,) = rows_of(load(folder)["logs"], trace_id="t9")
    assert (row["body"], row["severity_number"], row["time"]) == ("[find][nothing found]", 13, NOON)
    assert row["attributes"] == [("code.function.name", "w.s.Cart"), ("code.line.number", "31")]


def test_a_line_that_is_json_itself_is_opened(folder: Path):
    text = '{"severity": "info", "message": "TraceID: 0af1 SpanID: 7b2c Order placed", "pid": 1}'
    write_logs(folder, "rca_data", NOON, [line(NOON, CART, text, "t9", "t9a")])
    (row,) = rows_of(load(folder)["logs"], trace_id="t9")
    assert (row["body"], row["severity_text"], row["span_id"]) == ("Order placed", "INFO", "t9a")


def test_metrics_go_by_the_readable_time_and_leave_out_what_was_not_measured(folder: Path):
    rows = [sample(NOON, CART, 40.0, latency="NaN"), sample(NOON - timedelta(minutes=1), CART, 5.0)]
    write(folder / "rca_data" / DAY / "metric" / f"{CART}_metric.csv", METRIC_HEAD, rows)
    metrics = load(folder)["metrics"]
    cpu = rows_of(metrics, service_name="ts-cart", name="k8s.pod.cpu.utilization")
    assert [(row["time"], row["value"]) for row in cpu] == [(NOON, 0.4), (NOON - timedelta(minutes=1), 0.05)]
    assert len(rows_of(metrics, service_name="ts-cart", name="server.duration.p90")) == 1
    assert rows_of(metrics, name="server.request.success_ratio") == []


def test_what_a_mesh_measured_belongs_to_the_side_that_measured(folder: Path):
    stamp = f"{NOON:%Y-%m-%d %H:%M:%S}.5 +0000 UTC m=+0.6"
    for side, seconds in (("source", 0.5), ("destination", 0.1)):
        path = folder / "rca_data" / DAY / "metric" / f"{side}_50.csv"
        write(path, ("time", "timestamp", "web_cart", "web_mail"), [(stamp, 1, seconds, "NaN")])
    metrics = load(folder)["metrics"].filter(pc.is_valid(load(folder)["metrics"]["attributes"]))
    found = [(r["service_name"], r["name"], r["attributes"], r["value"]) for r in metrics.to_pylist()]
    assert found == [
        ("web", "client.duration.p50", [("peer.service", "cart")], 0.5),
        ("cart", "server.duration.p50", [("peer.service", "web")], 0.1),
    ]


def test_a_damaged_row_here_and_there_is_left_out(folder: Path):
    path = write_logs(folder, "rca_data", NOON, [line(NOON, CART, f"n{i}", "t9", "t9a") for i in range(3)])
    path.write_text(path.read_text(encoding="utf-8") + 'x,1,y,z,"a",b,c,"d"e,f,g\n', encoding="utf-8")
    assert len(rows_of(load(folder)["logs"], trace_id="t9")) == 3


def test_an_empty_folder_is_rejected(tmp_path: Path):
    with pytest.raises(DatasetRejected, match="rca_data"):
        list(nezha.cases(tmp_path))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (f"rca_data/{DAY}/{DAY}-fault_list.json", '{"12": [{"inject_pod": "a"}]}'),
        (f"rca_data/{DAY}/{DAY}-fault_list.json", "not json"),
        (f"rca_data/{DAY}/trace/12_00_trace.csv", "TraceID,SpanID\na,b\n"),
        (f"rca_data/{DAY}/log/12_00_log.csv", ""),
        (f"rca_data/{DAY}/metric/{CART}_metric.csv", "Time,PodName\nx,y\n"),
        ("construct_data/2031-05-04/trace/11_00_trace.csv", "TraceID\n\x00\n"),
    ],
)
def test_a_broken_file_is_named(folder: Path, file: str, text: str):
    (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(DatasetRejected, match=Path(file).name):
        load(folder)


def test_a_file_that_is_broken_all_over_is_rejected(folder: Path):
    path = write_logs(folder, "rca_data", NOON, [line(NOON, CART, "fine")])
    path.write_text(path.read_text(encoding="utf-8") + "a,b\n" * 5, encoding="utf-8")
    with pytest.raises(DatasetRejected, match="12_00_log"):
        load(folder)


def test_names_do_not_depend_on_where_the_data_lies(folder: Path, tmp_path: Path):
    elsewhere = write_dataset(tmp_path / "other" / "place")
    assert [c.name for c in nezha.cases(folder)] == [c.name for c in nezha.cases(elsewhere)]
    assert nezha.answers(folder) == nezha.answers(elsewhere)
