"""What agents may ask, as plain methods: each puts typed questions to sources and returns the evidence's number."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Literal

from watchkeeper.domain import EvidenceId, Window
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import window_text
from watchkeeper.evidence.asked_windows import Span, hull
from watchkeeper.evidence.asking_once import AskingOnce
from watchkeeper.evidence.details import LOG_LINES, SPANS
from watchkeeper.evidence.known import PastCase, PastCases, RunbookHit, Runbooks, look_up
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.scope import take_scope
from watchkeeper.evidence.telling import CHARACTERS, MOST_ROWS, is_plain_name, plain, tell
from watchkeeper.evidence.trying import Tried, tell_tried, try_claim
from watchkeeper.evidence.vitals import grid_of
from watchkeeper.redaction import redact
from watchkeeper.telemetry.sources import (
    CallQuery,
    ChangeQuery,
    LogQuery,
    MetricBucketQuery,
    PortionQuery,
    RedQuery,
    Sources,
    SpanQuery,
)

__all__ = ["PastCase", "PastCases", "RunbookHit", "Runbooks", "Toolbox", "Tried"]

ONE_STEP = 1e9
"""A step so long that a window lies in one: percentiles are exact over all of it."""
METRIC_STEPS, SHORTEST_STEP = 24, 10.0
TRACE_WINDOW = timedelta(hours=24)
"""How far back a trace is looked for."""
CLOSE_NAMES = 5
SEVERITIES: Mapping[str, int] = {"any": 0, "info": 9, "warn": 13, "error": 17}
Inside = Literal["own_time", "fan_out", "error_origins", "failing_inputs"]
MinimumSeverity = Literal["any", "info", "warn", "error"]
WhichTraces = Literal["failed", "slowest"]
_INSIDE: Mapping[Inside, tuple[str, str]] = {
    "own_time": ("own time", "Where does the time of a request go?"),
    "fan_out": ("fan-out", "What is done more often per request?"),
    "error_origins": ("error origins", "Where do failures begin?"),
    "failing_inputs": ("failing inputs", "Which inputs fail?"),
}


@dataclass
class Toolbox:
    """The tools of one investigation over one ledger. A source that is down leaves evidence that says so.

    Every method raises QueryRejected for what makes no sense: a service or number that is not known, a window that is
    none. What was asked before in the same ledger is not asked again.
    """

    ledger: Ledger
    sources: Sources
    usual: Window
    """The control window."""
    incident: Window
    """Since the onset, or the window asked about."""
    components: frozenset[str]
    """All that are known."""
    runbooks: Runbooks | None = None
    past: PastCases | None = None
    characters: int = CHARACTERS
    """Bound of one tool result."""
    clean: Callable[[str], str] = redact
    """Applied to every text that is told."""
    until: datetime | None = None
    """Nothing after this moment may be asked about, beyond the incident's window; None: there is no such moment."""
    _ask: AskingOnce = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._ask = AskingOnce(self.ledger)

    def tell(self, number: EvidenceId, page: int = 1, about: str | None = None, most: int = MOST_ROWS) -> str:
        """The evidence as a bounded text; `about` keeps the rows about one component."""
        return tell(self.ledger, number, self.characters, page, about=about or None, most=most, clean=self.clean)

    def service_overview(
        self, service: str = "", by_operation: bool = False, start: str = "", end: str = ""
    ) -> EvidenceId:
        """Requests, failures and durations of every service, or each of its operations, before and now."""
        self._require(service)
        windows, whole, step = self._stretch(start, end)
        by: tuple[Literal["operation"], ...] = ("operation",) if by_operation else ()
        return self._ask(
            "How many requests did each operation get, how many failed, how long did they take?"
            if by_operation
            else "How many requests did each service get, how many failed, how long did they take?",
            "traces",
            self.sources.red,
            RedQuery(window=whole, step_seconds=step, by=by),
            "before and now",
            {**windows, "by": ["service_name", *by]},
        )

    def callers_and_callees(self, service: str, start: str = "", end: str = "") -> EvidenceId:
        """Who called whom, how often it failed, how long it took, before and now."""
        self._require(service)
        windows, whole, step = self._stretch(start, end)
        return self._ask(
            "Who called whom, how often did it fail, how long did it take?",
            "traces",
            self.sources.calls,
            CallQuery(window=whole, step_seconds=step),
            "before and now",
            {**windows, "by": ["service_name", "callee", "operation"]},
        )

    def resources(self, service: str = "", start: str = "", end: str = "") -> EvidenceId:
        """CPU, memory, pools and queues of every service, before and now."""
        self._require(service)
        windows, whole, step = self._stretch(start, end)
        return self._ask(
            "What did services use of CPU, memory, connections and queues?",
            "metrics",
            self.sources.metric_buckets,
            MetricBucketQuery(window=whole, step_seconds=step),
            "resources before and now",
            windows,
        )

    def metric_series(self, service: str, name: str, start: str = "", end: str = "") -> EvidenceId:
        """Metrics of a service whose name has that part, step by step: over the usual stretch and the incident."""
        self._require(service)
        window = self._span.asked(start, end) if start or end else hull(self.usual, self.incident)
        step = max(SHORTEST_STEP, window.duration.total_seconds() / METRIC_STEPS // 5 * 5)
        number = self._ask(
            f"What did metrics of {_named(service)} say over time?",
            "metrics",
            self.sources.metric_buckets,
            MetricBucketQuery(window=window, services=(service,), step_seconds=step),
            "metric over time",
            {"contains": name},
        )
        if self.ledger.entry(number).status == "empty" and (known := self._metrics_of(number)):
            raise QueryRejected(f"no metric of {_named(service)} has {self._told(name)!r} in its name; it has {known}")
        return number

    def log_news(self, service: str = "", start: str = "", end: str = "") -> EvidenceId:
        """Kinds of log lines that are new or surging."""
        self._require(service)
        window = self._span.asked(start, end)
        usual = self._span.before(window)
        return self._ask(
            "Which log lines are new or surging?",
            "logs",
            self.sources.records,
            LogQuery(window=hull(usual, window), services=(service,) if service else (), limit=LOG_LINES),
            "new lines",
            {"usual": window_text(usual), "incident": window_text(window)},
        )

    def search_logs(
        self,
        service: str = "",
        contains: str = "",
        minimum_severity: MinimumSeverity = "any",
        start: str = "",
        end: str = "",
    ) -> EvidenceId:
        """Lines that were logged, in order of time."""
        self._require(service)
        return self._ask(
            "Which lines were logged?",
            "logs",
            self.sources.records,
            LogQuery(
                window=self._span.asked(start, end),
                services=(service,) if service else (),
                minimum_severity=SEVERITIES[minimum_severity],
                contains=contains or None,
                limit=LOG_LINES,
            ),
            "log lines",
        )

    def find_traces(self, service: str, which: WhichTraces = "failed", start: str = "", end: str = "") -> EvidenceId:
        """Requests that a service answered, one a trace: those that failed, or the slowest first."""
        self._require(service)
        return self._ask(
            f"Which requests to {_named(service)} {'failed' if which == 'failed' else 'took longest'}?",
            "traces",
            self.sources.spans,
            SpanQuery(window=self._span.asked(start, end), services=(service,), limit=SPANS),
            "requests by trace",
            {"which": which},
        )

    def show_trace(self, trace_id: str) -> EvidenceId:
        """All spans of one trace of the last day, as a tree."""
        wanted = trace_id.strip().lower()
        if not wanted or set(wanted) - set("0123456789abcdef"):
            raise QueryRejected(f"{self._told(trace_id)[:80]!r} is no trace id: expected one from find_traces")
        window = hull(self.usual, self.incident, Window(start=self.incident.end - TRACE_WINDOW, end=self.incident.end))
        return self._ask(
            "What happened in this request?",
            "traces",
            self.sources.spans,
            SpanQuery(window=window, trace_ids=(wanted,), limit=SPANS),
            "trace",
        )

    def inside_requests(self, service: str, what: Inside) -> EvidenceId:
        """Where requests spend time, what they do more often, where failures begin, which inputs fail."""
        self._require(service)
        usual = self._spans("What did requests look like before?", self.usual)
        now = self._spans("What do requests look like now?", self.incident)
        name, question = _INSIDE[what]
        of = (now,) if what == "failing_inputs" else (usual, now)
        return self._ask.derive(question, name, of, {}, self.incident)

    def changes(self, service: str = "", hours: float = 2.0) -> EvidenceId:
        """What was released, configured or flipped from so many hours before the onset on."""
        self._require(service)
        past = Window.before(self.incident.start, hours * 3600)
        query = ChangeQuery(window=Window(start=past.start, end=self.incident.end))
        return self._ask("What was changed before it began?", "changes", self.sources.changes, query)

    def portions(self, service: str, start: str = "", end: str = "") -> EvidenceId:
        """Which endpoint, version, host, region or flag carries the trouble of a service."""
        self._require(service)
        window = self._span.asked(start, end)
        usual = self._span.before(window)
        return self._ask(
            f"Which requests to {_named(service)} carry the trouble?",
            "traces",
            self.sources.portions,
            PortionQuery(window=hull(usual, window), services=(service,), split=window.start, usual_end=usual.end),
            "portions",
        )

    def users(self, service: str, start: str = "", end: str = "") -> EvidenceId:
        """How many different people sent requests to a service, and how many of them met trouble."""
        self._require(service)
        window = self._span.asked(start, end)
        self.portions(service, start, end)
        reach = take_scope(
            self.sources, self._ask.table, (service,), self._span.before(window), window, doors=(service,)
        )
        return reach.evidence["users"]

    def compare_with(
        self, service: str = "", hours_ago: float | None = None, start: str = "", end: str = ""
    ) -> EvidenceId:
        """Requests, failures and durations in an earlier window beside the incident's."""
        self._require(service)
        then = self._span.earlier(hours_ago, start, end)
        sides = [
            self._whole("How were requests served in the earlier window?", then),
            self._whole("How were requests served in the incident's window?", self.incident),
        ]
        question = "How were requests served in an earlier window, and in the incident's?"
        return self._ask.derive(question, "one window beside another", sides, {}, self.incident)

    def find_runbooks(self, text: str, component: str = "") -> EvidenceId:
        """Parts of runbooks that fit."""
        if self.runbooks is None:
            raise QueryRejected("there are no runbooks here")
        find, window = self.runbooks.find, self.incident
        query = f"{text} · {component}" if component else text
        return look_up(
            self.ledger, "Which runbook applies?", "runbooks", query, window, lambda: find(text, component or None)
        )

    def past_cases(self, component: str) -> EvidenceId:
        """Earlier cases about a component."""
        if self.past is None:
            raise QueryRejected("there are no earlier cases here")
        like, window = self.past.like, self.incident
        question = "What happened there before?"
        return look_up(self.ledger, question, "past cases", component, window, lambda: like(component))

    def read_evidence(self, number: str) -> EvidenceId:
        """Evidence that is there already."""
        return self.ledger.entry(number.strip()).id

    def check_claim(self, evidence: str, selector: str, operator: str, value: str | float) -> Tried:
        """What a predicate comes to on the evidence's rows."""
        return try_claim(self.ledger, evidence, selector, operator, value)

    def tell_check(self, tried: Tried) -> str:
        """A check in words."""
        return tell_tried(tried, self.clean)

    @property
    def _span(self) -> Span:
        return Span(self.usual, self.incident, self.until)

    def _stretch(self, start: str, end: str) -> tuple[dict[str, object], Window, float]:
        """The windows to compare as parameters, and the grid's window and step to ask for them on."""
        window = self._span.asked(start, end)
        usual = self._span.before(window)
        grid = grid_of(hull(usual, window))
        whole = Window(start=grid.start, end=grid.time_of(grid.size))
        return {"usual": window_text(usual), "incident": window_text(window)}, whole, grid.step_seconds

    def _require(self, service: str) -> None:
        """Raise QueryRejected, with names that are close, where no such component is known."""
        if not service or service in self.components:
            return
        known = self._offered(self.components)
        close = get_close_matches(service.lower(), known, CLOSE_NAMES, 0.4)
        listed = f"close: {', '.join(close)}" if close else f"known: {', '.join(known[: 2 * CLOSE_NAMES])}"
        raise QueryRejected(f"no component is called {self._told(service)!r} ({listed})")

    def _told(self, text: str) -> str:
        return plain(text, self.clean)

    def _spans(self, question: str, window: Window) -> EvidenceId:
        return self._ask.input(question, "traces", self.sources.spans, SpanQuery(window=window, limit=SPANS))

    def _whole(self, question: str, window: Window) -> EvidenceId:
        """How all requests of a window were served."""
        query = RedQuery(window=window, step_seconds=ONE_STEP)
        number = self._ask.input(question, "traces", self.sources.red, query)
        if self.ledger.entry(number).reading is None:
            self.ledger.read(number, "over the whole window", {})
        return number

    def _metrics_of(self, number: EvidenceId) -> str:
        """The names of the metrics that an answer holds."""
        try:
            table = self.ledger.answer(number)
        except SourceUnavailable:
            return ""
        names = set(table["name"].to_pylist()) if table is not None and table.num_rows else set()
        return ", ".join(self._offered(names)[:MOST_ROWS])

    def _offered(self, names: Iterable[str]) -> list[str]:
        """Names from outside that can be told without delimiters around them, sorted."""
        return sorted(name for name in names if is_plain_name(name) and self._told(name) == name)


def _named(service: str) -> str:
    """The service as questions name it: a name from outside that says more than a name is left out."""
    return service if is_plain_name(service) else "the service"
