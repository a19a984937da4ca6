"""The tools that agents may call: the toolbox's methods with checked arguments, told as bounded text."""

from collections.abc import Sequence
from typing import Annotated, Never

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from watchkeeper.errors import ConfigError, QueryRejected
from watchkeeper.evidence.toolbox import Inside, MinimumSeverity, Toolbox, WhichTraces

LONGEST_NAME, LONGEST_TEXT = 200, 400

_NotNull = BeforeValidator(lambda given: "" if given is None else given)
AnyService = Annotated[str, _NotNull, Field(max_length=LONGEST_NAME, description="Empty: all.")]
OneService = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Moment = Annotated[str, _NotNull, Field(max_length=40)]
Words = Annotated[str, _NotNull, Field(max_length=LONGEST_TEXT)]
Sentence = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Number = Annotated[str, Field(pattern=r"^\s*e\d{1,6}\s*$", description="Such as e12.")]
Hours = Annotated[float, Field(gt=0, le=168)]
HoursAgo = Annotated[float, BeforeValidator(lambda given: given or 0.0), Field(ge=0, le=168)]
Limit = Annotated[int, Field(ge=1, le=40)]
PageNumber = Annotated[int, Field(ge=1, le=50)]


class Tools:
    """Each method is one tool: its docstring is what a model is told of it."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box

    def service_overview(
        self, service: AnyService = "", by_operation: bool = False, start: Moment = "", end: Moment = ""
    ) -> str:
        """Requests, errors, latency before and now, a row each service (or operation), worst first. A good first look.

        start/end: ISO 8601 with zone, default the incident; it is compared with the time before. Empty: no traffic or
        no traces.
        """
        return self._box.tell(self._box.service_overview(service, by_operation, start, end), about=service)

    def callers_and_callees(self, service: OneService, start: Moment = "", end: Moment = "") -> str:
        """Calls to and from a service, as the caller saw them, before and now: is it the cause, or does it wait?

        Empty: no traced calls.
        """
        return self._box.tell(self._box.callers_and_callees(service, start, end), about=service)

    def resources(self, service: AnyService = "", start: Moment = "", end: Moment = "") -> str:
        """CPU, memory, pool waiters, queues: level before and now. For the course over time use metric_series.

        Empty: no such metrics.
        """
        return self._box.tell(self._box.resources(service, start, end), about=service)

    def metric_series(self, service: OneService, name: Name, start: Moment = "", end: Moment = "") -> str:
        """Metrics of a service step by step; `name` is a part of the metric's name, such as memory.

        Default: from before the onset until now. A name that does not fit is answered with those that there are.
        """
        return self._box.tell(self._box.metric_series(service, name, start, end))

    def log_news(self, service: AnyService = "", start: Moment = "", end: Moment = "") -> str:
        """Kinds of log lines that are new or surging since the onset. Before search_logs. Empty: nothing new."""
        return self._box.tell(self._box.log_news(service, start, end), about=service)

    def search_logs(
        self,
        service: AnyService = "",
        contains: Words = "",
        minimum_severity: MinimumSeverity = "any",
        limit: Limit = 20,
        start: Moment = "",
        end: Moment = "",
    ) -> str:
        """Single log lines, in order of time; `contains` heeds upper and lower case. Empty: nobody logged that."""
        number = self._box.search_logs(service, contains, minimum_severity, start, end)
        return self._box.tell(number, about=service, most=limit)

    def find_traces(
        self, service: OneService, which: WhichTraces = "failed", start: Moment = "", end: Moment = ""
    ) -> str:
        """Single requests to a service that failed, or the slowest: one line a trace, with its error. Then show_trace.

        Empty: none failed, or it is not traced.
        """
        return self._box.tell(self._box.find_traces(service, which, start, end))

    def show_trace(self, trace_id: Name) -> str:
        """All spans of one request as a tree (depth), with own time and errors. Empty: none such in the last day."""
        return self._box.tell(self._box.show_trace(trace_id))

    def inside_requests(self, service: OneService, what: Inside) -> str:
        """Inside a service's requests, before and now.

        own_time: where time goes; fan_out: what is called more often; error_origins: where failures begin;
        failing_inputs: the attribute's value that fails. Empty: nothing stands out.
        """
        return self._box.tell(self._box.inside_requests(service, what), about=service)

    def changes(self, service: AnyService = "", hours: Hours = 2.0) -> str:
        """Deploys, config edits, flags, migrations from `hours` before the onset on. Empty: none was reported."""
        return self._box.tell(self._box.changes(service, hours), about=service)

    def portions(self, service: OneService, start: Moment = "", end: Moment = "") -> str:
        """Which endpoint, version, host, region or flag of a service carries its trouble, the clearest first."""
        return self._box.tell(self._box.portions(service, start, end), about=service)

    def users(self, service: OneService, start: Moment = "", end: Moment = "") -> str:
        """How many different people used a service, and how many met failures or slowness. 0: nobody can be told."""
        return self._box.tell(self._box.users(service, start, end))

    def compare_with(
        self,
        service: AnyService = "",
        hours_ago: HoursAgo = 0.0,
        start: Moment = "",
        end: Moment = "",
    ) -> str:
        """The incident's window against an earlier one: `hours_ago` (24: yesterday) or start and end.

        Columns ending in _before are the earlier window's. Empty: nothing was recorded then or now.
        """
        return self._box.tell(self._box.compare_with(service, hours_ago or None, start, end), about=service)

    def runbooks(
        self, text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)], component: Words = ""
    ) -> str:
        """What the runbooks say about a problem in words. For reading: no claim can cite it. Empty: none applies."""
        return self._box.tell(self._box.find_runbooks(text, component))

    def past_cases(self, component: OneService) -> str:
        """Earlier incidents of a component and what they were judged to be. For reading: no claim can cite it."""
        return self._box.tell(self._box.past_cases(component))

    def read_evidence(self, number: Number, page: PageNumber = 1, service: AnyService = "") -> str:
        """More rows of any evidence that is there, the rules' included; `service` keeps the rows about one."""
        return self._box.tell(self._box.read_evidence(number), page, service)

    def check_claim(
        self,
        evidence: Number,
        selector: Sentence,
        operator: Annotated[str, Field(max_length=10, description="= ≠ < ≤ > ≥ ≈ before after")],
        value: str | float,
    ) -> str:
        """Try a claim before it is handed in: what the figure is, and whether the comparison holds.

        selector: count() or min|max|mean|sum|first|last(column), then perhaps `where column = "x" and …`.
        """
        return self._box.tell_check(self._box.check_claim(evidence, selector, operator, value))


TOOL_NAMES: tuple[str, ...] = tuple(name for name in vars(Tools) if not name.startswith("_"))
"""Every tool that there is."""


def tools_of(box: Toolbox, names: Sequence[str]) -> list[BaseTool]:
    """Those tools over that toolbox; raises ConfigError for a name that is none.

    Calling one returns text; it raises QueryRejected, to be told to the model, where arguments make no sense.
    """
    unknown = [name for name in names if name not in TOOL_NAMES]
    if unknown:
        raise ConfigError(f"there is no tool {unknown[0]!r} (known: {', '.join(TOOL_NAMES)})")
    tools = Tools(box)
    return [_tool(tools, name) for name in names]


def _tool(tools: Tools, name: str) -> BaseTool:
    def refuse(error: Exception) -> Never:
        raise QueryRejected(f"{name}: {_what_is_wrong(error)}") from error

    method = getattr(tools, name)
    tool: BaseTool = StructuredTool.from_function(
        method, name=name, description=" ".join((method.__doc__ or "").split())
    )
    schema = tool.args_schema
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        raise TypeError(f"the arguments of {name} have no model that is made from the method")
    schema.model_config["extra"] = "forbid"
    schema.model_rebuild(force=True)
    tool.handle_validation_error = refuse
    return tool


def _what_is_wrong(error: Exception) -> str:
    """The first arguments that are wrong, without their values: these may be long."""
    wrong = error.errors()[:3] if isinstance(error, ValidationError) else []
    told = (f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in wrong)
    return "; ".join(told) or "these arguments do not fit"
