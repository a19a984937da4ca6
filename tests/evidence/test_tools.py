"""The tools as a model calls them: checked arguments in, bounded text out."""

import json
from datetime import timedelta
from functools import cache

import pytest
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from watchkeeper import library
from watchkeeper.domain import Window
from watchkeeper.errors import ConfigError, QueryRejected
from watchkeeper.evidence.closer import READINGS as CLOSER
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.selectors import evaluate, parse
from watchkeeper.evidence.toolbox import PastCase, RunbookHit, Toolbox
from watchkeeper.evidence.tools import TOOL_NAMES, tools_of
from watchkeeper.lab.truth import Truth
from watchkeeper.pipeline import READINGS
from watchkeeper.telemetry.recording import open_recording

FOLDER = library.HOME / "evals" / "incidents" / "bad-deploy-checkout"
SERVICES = frozenset({"gateway", "checkout", "payment", "cart", "catalog", "recommendations"})
CHARACTERS = 1200
SCHEMAS = 8500
"""Characters of all tools' schemas together: about 2100 tokens."""


class Shelf:
    """One runbook and one earlier case."""

    def find(self, text: str, component: str | None) -> tuple[RunbookHit, ...]:
        return (RunbookHit("bad-deploy", "Roll back", "Roll back the release.", 0.7, "bad-deploy.md"),)

    def like(self, component: str) -> tuple[PastCase, ...]:
        return (PastCase("INC-2026-0001", "latency of checkout", component, None),)


@cache
def world() -> tuple[Toolbox, dict[str, BaseTool]]:
    """All tools over one recorded drill, made once; what one test asks, another finds answered."""
    truth = Truth.from_yaml(FOLDER / "truth.yaml")
    assert truth.symptom_onset is not None
    box = Toolbox(
        ledger=Ledger(readings={**READINGS, **CLOSER}),
        sources=open_recording(FOLDER / "telemetry"),
        usual=Window(start=truth.begins, end=truth.symptom_onset - timedelta(seconds=15)),
        incident=Window(start=truth.symptom_onset, end=truth.symptom_onset + timedelta(seconds=60)),
        components=SERVICES,
        runbooks=Shelf(),
        past=Shelf(),
        characters=CHARACTERS,
    )
    return box, {tool.name: tool for tool in tools_of(box, TOOL_NAMES)}


def call(tool: str, /, **arguments: object) -> str:
    told = world()[1][tool].invoke(arguments)
    assert isinstance(told, str)
    return told


def a_trace() -> str:
    box, _ = world()
    return str(box.ledger.rows(box.find_traces("checkout", "slowest"))["trace_id"][0].as_py())


CALLS: list[tuple[str, dict[str, object], str]] = [
    ("service_overview", {}, "checkout"),
    ("service_overview", {"service": "checkout", "by_operation": True}, "POST /orders"),
    ("callers_and_callees", {"service": "checkout"}, "gateway | checkout"),
    ("resources", {"service": None}, "memory"),
    ("metric_series", {"service": "checkout", "name": "CPU"}, "process.cpu.utilization"),
    ("log_news", {}, "e"),
    ("search_logs", {"service": "checkout", "contains": "order", "limit": 3}, "placed"),
    ("find_traces", {"service": "checkout", "which": "slowest"}, "duration_ms"),
    ("inside_requests", {"service": "checkout", "what": "own_time"}, "SELECT checkout"),
    ("inside_requests", {"service": "checkout", "what": "fan_out"}, "SELECT checkout"),
    ("inside_requests", {"service": "checkout", "what": "error_origins"}, "e"),
    ("inside_requests", {"service": "checkout", "what": "failing_inputs"}, "e"),
    ("changes", {}, "smaller responses"),
    ("portions", {"service": "checkout"}, "service.version"),
    ("users", {"service": "gateway"}, "user.id"),
    ("compare_with", {"service": "checkout", "hours_ago": 0.03}, "mean_ms_before"),
    ("runbooks", {"text": "a bad release"}, "Roll back"),
    ("past_cases", {"component": "checkout"}, "INC-2026-0001"),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), CALLS)
def test_each_tool_answers_within_its_bound(name: str, arguments: dict[str, object], expected: str) -> None:
    told = call(name, **arguments)
    assert expected in told
    assert len(told) <= CHARACTERS
    assert told.startswith("e")


@pytest.mark.parametrize(("name", "arguments", "expected"), CALLS)
def test_the_example_of_how_to_cite_fits_the_rows(name: str, arguments: dict[str, object], expected: str) -> None:
    told = call(name, **arguments)
    if "e.g. " in told:
        number, example = told.split(" ", 1)[0], told.split("e.g. ")[1]
        assert evaluate(parse(example), world()[0].ledger.rows(number)) is not None
        assert "holds" in call("check_claim", evidence=number, selector=example, operator="≥", value=0)


def test_a_trace_is_shown_and_read_on() -> None:
    told = call("show_trace", trace_id=a_trace())
    assert "0 | gateway" in told
    more = call("read_evidence", number=told.split(" ", 1)[0], page=2)
    assert "gateway | POST /checkout | server" not in more
    assert more.splitlines()[0] == told.splitlines()[0]


def test_every_tool_was_called() -> None:
    called = {name for name, _, _ in CALLS} | {"show_trace", "read_evidence", "check_claim"}
    assert called == set(TOOL_NAMES)


@pytest.mark.parametrize(
    ("name", "arguments", "because"),
    [
        ("users", {}, "users: service: Field required"),
        ("search_logs", {"limit": 4000}, "search_logs: limit: Input should be less than or equal to 40"),
        ("find_traces", {"service": "cart", "which": "all"}, "find_traces: which: Input should be 'failed'"),
        ("changes", {"hours": -1}, "changes: hours"),
        ("read_evidence", {"number": "twelve"}, "read_evidence: number"),
        ("read_evidence", {"number": "e999"}, "there is no evidence e999"),
        ("portions", {"service": "checkout", "window": "1h"}, "portions: window: Extra inputs"),
        ("service_overview", {"service": "nobody"}, "no component is called 'nobody'"),
        ("service_overview", {"start": "noon"}, "start is 'noon'"),
        ("service_overview", {"service": "x" * 5000}, "service_overview: service"),
    ],
)
def test_arguments_that_make_no_sense_go_back(name: str, arguments: dict[str, object], because: str) -> None:
    with pytest.raises(QueryRejected) as refused:
        call(name, **arguments)
    assert because in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_tool_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match="there is no tool 'rollback'"):
        tools_of(world()[0], ["changes", "rollback"])


def test_tools_come_in_the_order_in_which_they_are_named() -> None:
    assert [tool.name for tool in tools_of(world()[0], ["users", "changes"])] == ["users", "changes"]


def test_all_tools_are_explained_in_few_words() -> None:
    tools = world()[1].values()
    assert all(tool.description for tool in tools)
    assert sum(len(json.dumps(convert_to_openai_tool(tool))) for tool in tools) <= SCHEMAS
