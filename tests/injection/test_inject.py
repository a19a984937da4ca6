"""Faults put into requests whose times are known by hand."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from made_traces import ONSET, REQUESTS, SPANS, at, fault, lines_of, quiet, states_of, times_of
from watchkeeper.injection.inject import Quiet, inject
from watchkeeper.injection.plan import KINDS, Deploy, Drift
from watchkeeper.tables import TABLES

BEFORE, LATE = ONSET - 1, ONSET + 10
DELAY = 0.03
USUAL = {name: (float(begin), float(end)) for name, (_, _, _, begin, end) in SPANS.items()}
OF_THE_TRUTH = ("inject", "fault", "seed", "drift", "decoy")
SIZES = {"latency": 0.03, "slow-dependency": 0.03, "network-delay": 0.03, "errors": 0.5, "gaps": 0.5, "surge": 2.5}


def test_own_time_after_its_calls_lengthens_all_who_wait_and_shifts_what_follows():
    tables = inject(quiet(), fault("latency", "shop", DELAY))
    assert times_of(tables, LATE) == {
        "front": (0, 130),
        "ask-shop": (10, 100),
        "shop": (12, 98),
        "read": (20, 30),
        "write": (40, 50),
        "ask-pay": (105, 125),
        "pay": (107, 123),
    }


def test_own_time_before_its_calls_shifts_them():
    found = times_of(inject(quiet(), fault("latency", "shop", DELAY, early=1.0)), LATE)
    assert (found["read"], found["write"], found["shop"]) == ((50, 60), (70, 80), (12, 98))


def test_what_came_before_the_onset_stays_as_it_was():
    assert times_of(inject(quiet(), fault("latency", "shop", DELAY)), BEFORE) == USUAL


def test_log_lines_move_with_their_moment_in_the_span():
    found = lines_of(inject(quiet(), fault("slow-dependency", "shop", DELAY)), LATE)
    assert found == {"in shop": 65, "in write": 75, "in front": 159, "in pay": 140}


def test_a_slow_dependency_lengthens_only_the_calls_that_nobody_answers_for():
    found = times_of(inject(quiet(), fault("slow-dependency", "shop", DELAY)), LATE)
    assert (found["read"], found["write"], found["shop"]) == ((20, 60), (70, 110), (12, 128))
    assert found["pay"] == (137, 153)


def test_a_network_delay_stands_between_the_call_and_the_work():
    found = times_of(inject(quiet(), fault("network-delay", "pay", DELAY, early=0.5)), LATE)
    assert (found["ask-pay"], found["pay"]) == ((75, 125), (92, 108))
    assert found["front"] == (0, 130)


def test_a_network_delay_is_that_of_all_calls_of_and_by_the_component():
    found = times_of(inject(quiet(), fault("network-delay", "shop", DELAY, early=0.5)), LATE)
    assert (found["read"], found["write"]) == ((35, 75), (85, 125))
    assert (found["ask-shop"], found["shop"]) == ((10, 160), (27, 143))
    assert found["ask-pay"] == (165, 185)


def test_a_busy_processor_stretches_own_work_and_shows_in_its_gauge():
    tables = inject(quiet(), fault("cpu", "shop", 1.0, cpu_rise=0.5))
    # 56 ms of which 20 are calls: 36 of its own, twice.
    assert times_of(tables, LATE)["shop"] == (12, 104)
    gauges = tables["metrics"].filter(pc.equal(tables["metrics"]["name"], "process.cpu.utilization")).to_pylist()
    assert {(g["service_name"], round(g["value"], 6)) for g in gauges if g["time"] > at(ONSET)} == {
        ("front", 0.2), ("shop", 0.6), ("pay", 0.2),
    }  # fmt: skip


def test_an_error_is_passed_on_to_the_callers_and_no_further():
    states = states_of(inject(quiet(), fault("errors", "shop", 1.0)), LATE)
    assert {name for name, state in states.items() if state == "error"} == {"shop", "ask-shop", "front"}


def test_a_caller_may_take_an_error_as_it_is():
    states = states_of(inject(quiet(), fault("errors", "shop", 1.0, passed_on=0.0)), LATE)
    assert {name for name, state in states.items() if state == "error"} == {"shop", "ask-shop"}


def test_an_error_has_its_status_its_exception_and_its_line():
    tables = inject(quiet(), fault("errors", "shop", 1.0))
    row = next(r for r in tables["spans"].to_pylist() if r["name"] == "shop" and r["time"] > at(LATE))
    assert ("http.response.status_code", "500") in row["attributes"]
    assert "ValueError" in row["events"]
    assert any("ValueError" in body for body in lines_of(tables, LATE))


def test_a_second_try_that_succeeds_follows_the_failed_call_and_saves_the_caller():
    tables = inject(quiet(), fault("errors", "shop", 1e-9, retried=1.0))
    assert tables["spans"].num_rows == REQUESTS * len(SPANS)
    tables = inject(quiet(), fault("errors", "shop", 0.5, retried=1.0))
    rows = [r for r in tables["spans"].to_pylist() if r["name"] == "ask-shop" and r["time"] > at(ONSET)]
    tried = {r["trace_id"] for r in rows if r["status_code"] == "error"}
    saved = {r["trace_id"] for r in rows if r["trace_id"] in tried and r["status_code"] == "unset"}
    assert saved
    number = int(min(saved), 16)
    # The call took 60 ms, the wait 20, the second try 60.
    assert times_of(tables, number)["front"] == (0, 180)
    assert states_of(tables, number)["front"] == "unset"


def test_a_second_try_has_ids_of_its_own():
    spans = inject(quiet(), fault("errors", "shop", 0.5, retried=1.0))["spans"]
    assert len(set(spans["span_id"].to_pylist())) == spans.num_rows
    assert set(spans["parent_span_id"].to_pylist()) - {None} <= set(spans["span_id"].to_pylist())


def test_a_gap_leaves_out_calls_and_lines_and_ends_the_request_early():
    tables = inject(quiet(), fault("gaps", "shop", 1.0, passed_on=0.0))
    for number in range(ONSET, REQUESTS):
        found, states = times_of(tables, number), states_of(tables, number)
        assert "write" not in found
        assert "in write" not in lines_of(tables, number)
        assert found["shop"][1] == (30.3 if "read" in found else 20.3)
        assert "error" not in states.values()


def test_a_caller_may_fail_over_a_gap():
    states = states_of(inject(quiet(), fault("gaps", "shop", 1.0, passed_on=1.0)), LATE)
    assert {name for name, state in states.items() if state == "error"} == {"front"}


def test_a_request_that_has_nothing_to_leave_out_has_no_gap():
    spans = quiet().spans
    bare = spans.filter(pc.invert(pc.is_in(spans["name"], pa.array(["read", "write"]))))
    tables = inject(Quiet({"spans": bare}), fault("gaps", "shop", 1.0, passed_on=1.0))
    assert "error" not in states_of(tables, LATE).values()


def test_silence_leaves_the_callers_answered_and_nothing_of_the_service():
    tables = inject(quiet(), fault("silence", "shop"))
    assert set(times_of(tables, LATE)) == {"front", "ask-shop", "ask-pay", "pay"}
    assert times_of(tables, LATE)["ask-shop"] == USUAL["ask-shop"]
    for name in ("logs", "metrics"):
        late = tables[name].filter(pc.greater(tables[name]["time"], at(ONSET)))
        assert "shop" not in late["service_name"].to_pylist()


def test_a_crash_refuses_its_callers_and_comes_back_as_another_instance():
    tables = inject(quiet(), fault("crash", "shop"))
    found, states = times_of(tables, ONSET), states_of(tables, ONSET)
    assert "shop" not in found
    assert found["ask-shop"][1] - found["ask-shop"][0] < 10
    assert (states["ask-shop"], states["front"]) == ("error", "error")
    instances = {r["service_instance_id"] for r in tables["spans"].to_pylist() if r["service_name"] == "shop"}
    assert "shop-0a1b2c3d" in instances
    assert len(instances) > 1


def test_a_counter_begins_anew_after_a_crash():
    points = inject(quiet(), fault("crash", "shop"))["metrics"].to_pylist()
    counts = [r["count"] for r in points if r["service_name"] == "shop" and r["kind"] == "histogram"]
    assert max(counts) <= ONSET
    assert min(counts[6:], default=0) < ONSET


def test_a_surge_is_more_of_the_same_under_new_ids():
    tables = inject(quiet(), fault("surge", "front", 3.0))
    traces = set(tables["spans"]["trace_id"].to_pylist())
    assert len(traces) == ONSET + 3 * (REQUESTS - ONSET)
    assert tables["logs"].num_rows == len(traces) * 4


def test_histograms_count_the_changed_requests():
    tables = inject(quiet(), fault("latency", "shop", 1.0))
    last = [r for r in tables["metrics"].to_pylist() if r["time"] == at(REQUESTS) and r["kind"] == "histogram"]
    shop = next(r for r in last if r["service_name"] == "shop")
    # One request is not over yet when the last point is made, of 60 that take a second longer.
    assert shop["bucket_counts"][0] == ONSET
    assert shop["count"] == REQUESTS - 1
    assert shop["value"] == pytest.approx(REQUESTS * 0.056 + 59 * 1.0 - 0.056, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bytes(kind):
    how = fault(kind, "front" if kind == "surge" else "shop", SIZES.get(kind, 1.0), retried=0.5, affected=0.7)
    how = how.model_copy(update={"deploy": Deploy(component="pay", at=at(ONSET))})
    one, other = inject(quiet(), how), inject(quiet(), how)
    assert one.keys() == other.keys()
    assert all(one[name].equals(other[name]) for name in one)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_keep_their_schemas_and_hold_nothing_of_the_truth(kind):
    how = fault(kind, "front" if kind == "surge" else "shop", SIZES.get(kind, 1.0))
    tables = inject(quiet(), how)
    told = str([table.to_pylist() for table in tables.values()]).lower()
    assert all(table.schema.equals(TABLES[name]) for name, table in tables.items())
    assert [word for word in OF_THE_TRUTH if word in told] == []


def test_decoys_are_a_small_drift_and_a_deploy_of_somebody_else():
    how = fault("latency", "shop", DELAY).model_copy(
        update={
            "drift": Drift(component="pay", ratio=0.25, begins=at(ONSET - 0.5)),
            "deploy": Deploy(component="front", at=at(ONSET)),
        }
    )
    tables = inject(quiet(), how)
    assert times_of(tables, LATE)["pay"] == (107, 127)
    assert tables["changes"]["service_name"].to_pylist() == ["front"]


def test_a_component_without_spans_is_refused():
    with pytest.raises(ValueError, match="nobody"):
        inject(quiet(), fault("latency", "nobody", DELAY))
