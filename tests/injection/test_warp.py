"""Time in traces: who waits for whom, and what follows from a delay."""

import numpy as np
import pyarrow as pa

from made_traces import at, quiet
from watchkeeper.injection.effects import nothing
from watchkeeper.injection.forest import Forest
from watchkeeper.injection.warp import warp
from watchkeeper.tables import table_of

MS = 1_000_000


def forest_of(*spans: tuple[str, str | None, int, int]) -> Forest:
    """One trace of one service: name, parent, begin and end in milliseconds."""
    rows = [
        {
            "time": at(begin / 1e3),
            "duration_ns": (end - begin) * MS,
            "service_name": "one",
            "trace_id": "t",
            "span_id": name,
            "parent_span_id": parent,
            "name": name,
            "kind": "internal",
            "status_code": "unset",
        }
        for name, parent, begin, end in spans
    ]
    return Forest.of(table_of("spans", rows))


def delayed(forest: Forest, row: int, ms: int) -> list[tuple[int, int]]:
    """Begin and end of each span in milliseconds, one of them made longer."""
    extra = nothing(forest).extra
    extra.after[row] = ms * MS
    found = warp(forest, extra)
    return [(int(b) // MS, int(b + d) // MS) for b, d in zip(found.start, found.duration, strict=True)]


def test_calls_side_by_side_do_not_wait_for_each_other():
    forest = forest_of(("parent", None, 0, 60), ("a", "parent", 10, 40), ("b", "parent", 15, 50))
    assert delayed(forest, 1, 30) == [(0, 80), (10, 70), (15, 50)]


def test_a_call_with_time_to_spare_delays_nobody():
    forest = forest_of(("parent", None, 0, 60), ("a", "parent", 10, 20), ("b", "parent", 15, 50))
    assert delayed(forest, 1, 25) == [(0, 60), (10, 45), (15, 50)]


def test_a_call_that_outlasts_its_parent_is_not_waited_for():
    forest = forest_of(("parent", None, 0, 60), ("a", "parent", 10, 200))
    assert delayed(forest, 1, 50) == [(0, 60), (10, 250)]


def test_spans_whose_parent_is_missing_stand_for_themselves():
    forest = forest_of(("child", "nowhere", 0, 60))
    assert delayed(forest, 0, 5) == [(0, 65)]


def test_parents_in_a_circle_are_dropped():
    forest = forest_of(("a", "b", 0, 60), ("b", "a", 10, 50))
    assert forest.parent.tolist() == [-1, -1]


def test_a_span_told_twice_is_nobodys_parent_twice():
    spans = quiet(3).spans
    forest = Forest.of(pa.concat_tables([spans, spans]).combine_chunks())
    assert forest.size == 2 * spans.num_rows
    assert warp(forest, nothing(forest).extra).shift.tolist() == np.zeros(forest.size).tolist()


def test_no_spans_make_an_empty_forest():
    assert Forest.of(table_of("spans", [])).size == 0
