"""What the configured endpoint can do, found out with a handful of small requests: for `watchkeeper doctor`."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool, tool
from pydantic import BaseModel, ConfigDict, Field

from watchkeeper.agents import address
from watchkeeper.agents.client import Client
from watchkeeper.agents.endpoint import open_client
from watchkeeper.agents.meter import Limits
from watchkeeper.agents.roles import Role
from watchkeeper.agents.ways import Mode, mode_of
from watchkeeper.domain import Noun
from watchkeeper.errors import BudgetSpent, ConfigError, ModelUnavailable, ReplyRejected
from watchkeeper.settings import Settings

MOST_CALLS = 5
PROBE_SECONDS = 120.0
PROBE_TOKENS = 20_000
ROLE: Role = "investigator"
"""Its model is tried: it needs the most."""

TOOL_QUESTION = "How much is in stock of the article A7? Use the tool."
SCHEMA_QUESTION = "A shop has 3 apples and 4 pears. How many pieces of fruit are that, and is it more than 5?"


class Probed(Noun):
    """One thing that was tried: how it went, and what to do where it could be better."""

    mark: Literal["ok", "missing", "broken"]
    what: str
    todo: str = ""
    seconds: float = 0.0


class Abilities(Noun):
    """What an endpoint can do."""

    findings: tuple[Probed, ...]
    model: str | None = None
    """The name of the model that was tried."""
    calls_tools: bool = False
    structured: Mode | None = None
    """How it gives structured answers; kept, so that runs need not find out."""
    streams: bool = False
    reports_usage: bool = False


class Sum(BaseModel):
    """What the probe asks for."""

    model_config = ConfigDict(extra="ignore")

    pieces: int = Field(description="How many pieces of fruit there are.")
    is_more_than_five: bool


@tool
def stock_of(article: str) -> int:
    """How many pieces of an article are in stock."""
    raise NotImplementedError(article)


@dataclass
class _Seen:
    calls_tools: bool = False
    structured: Mode | None = None
    streams: bool = False
    reports_usage: bool = False


def probe(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Abilities:
    """Try reachability, tool calls, structured output, streaming and counting: at most five calls of the model.

    Never raises because of the endpoint: what fails is a finding.
    """
    began = clock()
    try:
        client = _opened(settings, clock, sleep)
    except ConfigError as error:
        return Abilities(findings=(Probed(mark="broken", what=f"model: {error}"),))
    except ModelUnavailable as error:
        return Abilities(findings=(_unopened(settings, error, clock() - began),))
    seen = _Seen()
    with client:
        findings = tuple(_findings(client, settings, seen, clock))
        return Abilities(findings=findings, model=client.name_of(ROLE), **dataclasses.asdict(seen))


def _opened(settings: Settings, clock: Callable[[], float], sleep: Callable[[float], None]) -> Client:
    limits = Limits(calls=MOST_CALLS, tokens=PROBE_TOKENS, usd=settings.model.usd, seconds=PROBE_SECONDS)
    client = open_client(settings, limits=limits, clock=clock, sleep=sleep)
    client.terms = dataclasses.replace(client.terms, attempts=1, asks_again=False, structured="auto")
    client.ways.forget(client.address, client.name_of(ROLE))
    return client


def _unopened(settings: Settings, error: ModelUnavailable, seconds: float) -> Probed:
    try:
        address.of(settings.model)
    except ModelUnavailable:
        todo = "set model.base_url to any OpenAI-compatible endpoint; without one the rules work alone"
        return Probed(mark="missing", what="model: none is configured", todo=todo)
    return Probed(mark="broken", what=f"model: {error}", todo=_todo(settings), seconds=seconds)


def _findings(client: Client, settings: Settings, seen: _Seen, clock: Callable[[], float]) -> Iterator[Probed]:
    began = clock()
    first = _tool_call(client, seen)
    seconds = clock() - began
    where = f"model {client.name_of(ROLE)} at {client.address.shown}"
    if isinstance(first, ModelUnavailable) and not isinstance(first, ReplyRejected):
        yield Probed(mark="broken", what=f"model: {first}", todo=_todo(settings), seconds=seconds)
        return
    yield Probed(mark="ok", what=f"{where}: answers", seconds=seconds)
    yield _of_tools(first, seen, seconds)
    yield _of_streaming(seen)
    yield _of_usage(seen)
    yield _of_structure(client, seen, clock)


def _tool_call(client: Client, seen: _Seen) -> ModelUnavailable | None:
    tools: list[BaseTool] = [stock_of]
    failed: ModelUnavailable | None = None
    try:
        reply = client.reply(ROLE, [HumanMessage(TOOL_QUESTION)], tools)
    except ModelUnavailable as error:
        failed = error
    else:
        seen.calls_tools = any(call["name"] == stock_of.name for call in reply.tool_calls)
    seen.streams = client.streams
    seen.reports_usage = client.spent.calls > 0 and not client.spent.is_estimated
    return failed


def _of_tools(failed: ModelUnavailable | None, seen: _Seen, seconds: float) -> Probed:
    if seen.calls_tools:
        return Probed(mark="ok", what="model: calls tools", seconds=seconds)
    why = f" ({failed})" if failed else ""
    todo = "choose a model that is trained to call tools, and see that the server has its template for tools"
    return Probed(mark="broken", what=f"model: did not call a tool that it was asked to call{why}", todo=todo)


def _of_streaming(seen: _Seen) -> Probed:
    if seen.streams:
        return Probed(mark="ok", what="model: streams its replies")
    todo = "set model.request_timeout_seconds to the time that a whole reply takes"
    return Probed(mark="missing", what="model: gives its replies only as a whole", todo=todo)


def _of_usage(seen: _Seen) -> Probed:
    if seen.reports_usage:
        return Probed(mark="ok", what="model: reports the tokens it uses")
    return Probed(mark="missing", what="model: reports no tokens; they are estimated by characters, and so is the cost")


def _of_structure(client: Client, seen: _Seen, clock: Callable[[], float]) -> Probed:
    began = clock()
    try:
        client.structured(ROLE, [HumanMessage(SCHEMA_QUESTION)], Sum)
    except BudgetSpent:
        why = f"none of its ways worked within {MOST_CALLS} calls"
    except ModelUnavailable as error:
        why = str(error)
    else:
        way = client.ways.known(client.address, client.name_of(ROLE))
        seen.structured = mode_of(way) if way else None
        how = {"schema": "by JSON schema", "tool": "as a tool's arguments", "parse": "as JSON in its text"}
        told = how[seen.structured] if seen.structured else "somehow"
        return Probed(mark="ok", what=f"model: gives structured answers {told}", seconds=clock() - began)
    todo = "choose a larger model, or one that is trained to follow schemas"
    what = f"model: gives no structured answers: {why}"
    return Probed(mark="broken", what=what, todo=todo, seconds=clock() - began)


def _todo(settings: Settings) -> str:
    variable = settings.model.api_key_variable
    return f"check model.base_url, model.name and ${variable}; without a model the rules work alone"
