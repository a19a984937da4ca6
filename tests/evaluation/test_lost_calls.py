"""Call graphs with holes."""

from made_shop import at
from watchkeeper.datasets.cases import Edge, Trigger
from watchkeeper.domain import Signal
from watchkeeper.evaluation.lost_calls import without_calls
from watchkeeper.evaluation.problems import Posed
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of

DECLARED = frozenset({("a", "b"), ("a", "c"), ("b", "c"), ("c", "d"), ("d", "e")})


def span(trace: str, id_: str, parent: str | None, service: str) -> dict[str, object]:
    facts = {"trace_id": trace, "span_id": id_, "parent_span_id": parent, "service_name": service}
    return facts | {"time": at(1), "duration_ns": 1, "name": "x", "kind": "server", "status_code": "ok"}


def posed(*, declared: frozenset[Edge] = frozenset(), traces: int = 0) -> Posed:
    rows = [
        row
        for t in range(traces)
        for row in (
            span(f"t{t}", "1", None, "a"),
            span(f"t{t}", "2", "1", "a"),
            span(f"t{t}", "3", "2", "b"),
            span(f"t{t}", "4", "2", "c"),
        )
    ]
    tables = {"spans": table_of("spans", rows)} if rows else {}
    trigger = Trigger(Signal(kind="alert", at=at(2)), at(2), topology=declared)
    return Posed(trigger, tables, store_of(tables))  # type: ignore[arg-type]


def parents(of: Posed) -> list[tuple[str, str | None]]:
    rows = of.tables["spans"].to_pylist()
    return sorted((f"{row['trace_id']} {row['span_id']}", row["parent_span_id"]) for row in rows)


def test_so_many_declared_calls_are_left_out() -> None:
    whole = posed(declared=DECLARED)
    for percent, left in ((20, 4), (40, 3), (100, 0), (1, 4)):
        some, lost = without_calls(whole, percent, (1, 0))
        assert (len(some.trigger.topology), lost) == (left, 5 - left)
        assert some.trigger.topology <= DECLARED
        assert some.sources is whole.sources, "nothing is read or stored again"
    assert whole.trigger.topology == DECLARED


def test_the_same_seed_loses_the_same_calls_and_another_one_others() -> None:
    whole = posed(declared=DECLARED)
    drawn = [without_calls(whole, 20, (1, draw))[0].trigger.topology for draw in (*range(10), *range(10))]
    assert drawn[:10] == drawn[10:]
    assert len(set(drawn)) > 1


def test_a_call_that_is_seen_in_traces_loses_its_parent_in_all_of_them() -> None:
    whole = posed(traces=3)
    some, lost = without_calls(whole, 50, (1, 0))
    with some.sources:
        changed = [(one, other) for one, other in zip(parents(whole), parents(some), strict=True) if one != other]
        assert lost == 1
        assert len(changed) == 3
        assert len({span.split()[1] for (span, _), _ in changed}) == 1
        assert all(after[1] is None for _, after in changed)


def test_calls_within_a_service_are_never_lost() -> None:
    some, lost = without_calls(posed(traces=1), 100, (1, 0))
    with some.sources:
        assert (lost, parents(some)) == (2, [("t0 1", None), ("t0 2", "1"), ("t0 3", None), ("t0 4", None)])


def test_where_there_are_no_calls_none_are_lost() -> None:
    some, lost = without_calls(posed(), 100, (1, 0))
    assert (lost, some.trigger.topology) == (0, frozenset())
