"""Cases for what changed inside requests: systems of many services and few requests, made of a small one."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from watchkeeper.datasets.cases import Tables
from watchkeeper.evaluation.fitting import quiet_folders
from watchkeeper.evaluation.injected import system_of
from watchkeeper.evaluation.injected_visits import KNOWN_AFTER, Setting, replicated, visit_cases

SERVICES = 6
"""Of the lab."""
CASES = 2


@pytest.fixture(scope="module")
def folder() -> Path:
    return quiet_folders()[0]


@pytest.fixture(scope="module")
def tables(folder: Path) -> Tables:
    return system_of(folder).tables


@pytest.fixture(scope="module")
def three(tables: Tables) -> Tables:
    return replicated(tables, Setting(replicas=3, kept=0.1), np.random.default_rng(1))


def test_replicas_are_systems_of_their_own(three: Tables) -> None:
    spans = three["spans"]
    assert len(spans["service_name"].unique()) == 3 * SERVICES
    owner = dict(zip(spans["span_id"].to_pylist(), spans["service_name"].to_pylist(), strict=True))
    suffix = {name: name.rpartition("-")[2] if "-" in name else "" for name in set(owner.values())}
    by_trace: dict[str, set[str]] = {}
    for trace, service in zip(spans["trace_id"].to_pylist(), spans["service_name"].to_pylist(), strict=True):
        by_trace.setdefault(trace, set()).add(suffix[service])
    assert all(len(each) == 1 for each in by_trace.values())


def test_requests_stay_whole_and_few_are_kept(tables: Tables, three: Tables) -> None:
    before, after = (pc.count_distinct(each["spans"]["trace_id"]).as_py() for each in (tables, three))
    assert 0.2 * before < after < 0.4 * before
    known = three["spans"]["span_id"]
    lost = three["spans"].filter(
        pc.and_(
            three["spans"]["parent_span_id"].is_valid(), pc.invert(pc.is_in(three["spans"]["parent_span_id"], known))
        )
    )
    assert lost.num_rows < 0.01 * known.length()


def test_lines_go_with_their_spans(three: Tables) -> None:
    lines = three["logs"].filter(three["logs"]["trace_id"].is_valid())
    assert lines.num_rows
    told = pc.is_in(lines["trace_id"], value_set=three["spans"]["trace_id"].unique())
    assert pc.sum(told).as_py() >= 0.98 * lines.num_rows


def test_calls_name_the_replica_that_they_go_to(three: Tables) -> None:
    spans = three["spans"].filter(pc.ends_with(three["spans"]["service_name"], "-2"))
    peers = {dict(said or ()).get("server.address") for said in spans["attributes"].to_pylist()} - {None}
    services = set(three["spans"]["service_name"].unique().to_pylist())
    assert peers & services
    assert all(peer.endswith("-2") for peer in peers & services)


def test_cases_are_the_same_for_the_same_seed(folder: Path) -> None:
    one, other = (list(visit_cases(folder, CASES, 1)) for _ in range(2))
    assert [case.truth for case in one] == [case.truth for case in other]
    assert [case.trigger for case in one] == [case.trigger for case in other]
    assert all(a.tables[name].equals(b.tables[name]) for a, b in zip(one, other, strict=True) for name in a.tables)


def test_somebody_says_that_something_is_wrong_and_knows_one_good_minute_before_it(folder: Path) -> None:
    for case in visit_cases(folder, CASES, 2):
        (good,) = case.trigger.references
        assert good.end <= case.truth.onset <= case.trigger.signal.at
        assert case.trigger.until == case.trigger.signal.at + KNOWN_AFTER
        assert pc.max(case.tables["spans"]["time"]).as_py() < case.trigger.until
        assert case.trigger.signal.service is None


def test_settings_range_from_one_busy_system_to_many_quiet_ones() -> None:
    made = [Setting.drawn(35_000, np.random.default_rng(seed)) for seed in range(60)]
    assert {each.replicas for each in made} == {1, 2, 4, 7}
    assert min(each.kept for each in made) < 0.15 < 0.7 < max(each.kept for each in made)
