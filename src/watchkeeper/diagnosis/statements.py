"""What can be said for and against a suspect: words with placeholders, and the predicate that code checks."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.analysis.symptoms import Symptom
from watchkeeper.diagnosis.releases import Outcome, Trial, describe
from watchkeeper.domain import ClaimRole, EvidenceId
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.claims import Statement
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.prose import between, number_of
from watchkeeper.evidence.readings import key_of
from watchkeeper.evidence.selectors import Selector, evaluate, select

MEASURES = {
    "error ratio": ("error_ratio", "%", "share of failed requests of"),
    "mean latency": ("mean_ms", "ms", "mean latency of"),
    "p95 latency": ("p95_ms", "ms", "p95 latency (median of short steps) of"),
    "cpu": ("value", "%", "CPU in use by"),
    "memory": ("value", "MB", "memory in use by"),
    "pool": ("mean", "x", "requests waiting for a connection in"),
    "traffic": ("per_second", "x", "requests a second of"),
}
"""By a symptom's measure: the column that holds it, its unit, and its name in words."""
RESOURCES = ("cpu", "memory", "pool")


def quoted(name: str) -> str:
    """A name from outside inside a template: it cannot open a placeholder."""
    return re.sub(r"\{(?=\{|(?:now|before)\})", "{ ", name)


@dataclass(frozen=True)
class Saying:
    """Makes statements about one incident's evidence."""

    ledger: Ledger
    evidence: dict[str, EvidenceId]
    """By a short name: the evidence of vitals, details and what was computed."""

    def rise(
        self, evidence: str, selector: Selector, about: str, template: str, role: ClaimRole = "cause", unit: str = ""
    ) -> Statement | None:
        """That a figure lies above the middle between what it was and what it is; None where it did not rise.

        `{now}` and `{before}` in the template become placeholders.
        """
        number = self.evidence[evidence]
        now, before = self._figure(number, selector), self._before(number, selector)
        if now is None or not now > before:
            return None
        control = selector.over(self._control(number, selector))
        words = template.replace("{now}", number_of(number, selector, unit))
        words = words.replace("{before}", number_of(number, control, unit))
        middle = _rounded((now + before) / 2)
        return Statement(words, number, selector, ">", middle, about, role, unit, is_change=True)

    def symptom(self, symptom: Symptom) -> Statement | None:
        """That the symptom's figure is higher than it was."""
        if symptom.measure == "silence":
            return self.silence(symptom.service)
        if symptom.direction == "down":
            return self.fall(symptom)
        evidence, selector = self._place(symptom)
        unit = MEASURES[symptom.measure][1]
        where = quoted(f"{symptom.service} {symptom.operation}".strip())
        usually = ", usually {before}" if self._has_past(self.evidence[evidence], selector) else ", and no past"
        if symptom.is_felt_by_callers:
            usually += ", as its callers see it"
        text = f"{MEASURES[symptom.measure][2]} {where}: {{now}}{usually}"
        return self.rise(evidence, selector, symptom.service, text, "symptom", unit)

    def fall(self, symptom: Symptom) -> Statement | None:
        """That the symptom's figure is lower than it was."""
        evidence, selector = self._place(symptom)
        number, unit = self.evidence[evidence], MEASURES[symptom.measure][1]
        now, before = self._figure(number, selector), self._before(number, selector)
        if not before > (now or 0.0):
            return None
        where = quoted(f"{symptom.service} {symptom.operation}".strip())
        figures = [number_of(number, s, unit) for s in (selector, selector.over(self._control(number, selector)))]
        text = f"{MEASURES[symptom.measure][2]} {where}: {figures[0]}, usually {figures[1]}"
        middle = _rounded(((now or 0.0) + before) / 2)
        return Statement(text, number, selector, "<", middle, symptom.service, "symptom", unit, is_change=True)

    def silence(self, service: str) -> Statement | None:
        """That a service has reported nothing for a while."""
        number, selector = self.evidence["presence"], select("first", "last_seen", service=service)
        last = self._value(number, selector)
        if not isinstance(last, datetime):
            return None
        end = f"{{{{{number}: end() | clock}}}}"
        quiet = between(number_of(number, selector), end)
        since = number_of(number, selector, "clock")
        text = f"{quoted(service)} has sent no metrics, logs or spans for {quiet}, since {since}"
        ends = self.ledger.entry(number).window.end
        return Statement(text, number, selector, "before", last + (ends - last) / 2, service, "symptom")

    def onset(self, service: str, latest: datetime) -> Statement | None:
        """When the service's own trouble began: no later than the first symptom, or later; None where that is open."""
        number = self.evidence["onsets"]
        earliest = select("first", "earliest", service=service)
        began = self._value(number, earliest)
        if not isinstance(began, datetime):
            return None
        onset = select("first", "onset", service=service)
        at = number_of(number, onset, "clock")
        give = number_of(number, select("first", "uncertainty_seconds", service=service), "s")
        first = number_of(self.evidence["first onset"], select("first", "onset"), "clock")
        if began > latest:
            later = between(first, number_of(number, onset))
            text = f"it began in {quoted(service)} only at {at} ± {give}, {later} after the first symptom"
            return Statement(text, number, earliest, "after", latest, service, "timing")
        text = f"it began in {quoted(service)} at {at} ± {give}; the first symptom of all was at {first}"
        return Statement(text, number, earliest, "before", latest + timedelta(seconds=1), service, "timing")

    def started(self, service: str, latest: datetime) -> Statement | None:
        """That the first process that nobody deployed came up in time."""
        number, selector = self.evidence["restarts"], select("first", "began", service=service)
        began = self._value(number, selector)
        if not isinstance(began, datetime) or began > latest:
            return None
        text = f"the first process that nobody started came up at {number_of(number, selector, 'clock')}"
        return Statement(text, number, selector, "before", latest + timedelta(seconds=1), service, "timing")

    def changed_in_time(self, trial: Trial, latest: datetime) -> Statement | None:
        """That a change that nothing clears began in time."""
        number = self.evidence["trials"]
        selector = select("first", "began", id=trial.change.id, service=trial.change.service)
        if not trial.is_guilty or trial.change.began_at > latest:
            return None
        text = (
            f"{quoted(describe(trial.change))} began at {number_of(number, selector, 'clock')}, not after the trouble"
        )
        limit = latest + timedelta(seconds=1)
        return Statement(text, number, selector, "before", limit, trial.change.service, "timing")

    def blame(self, component: str, unit: str, share: float) -> Statement:
        """That much of the failures or of the extra time stays with the component."""
        number = self.evidence["blame"]
        selector = select("first", "share", component=component, unit=unit)
        percent, arise = number_of(number, selector, "%0"), "arise" if unit == "failures" else "arises"
        text = f"{percent} of the {unit} {arise} in {quoted(component)} itself"
        return Statement(text, number, selector, "≥", _rounded(share / 2), component, "cause", "%")

    def resource(self, service: str, kind: str, metric: str) -> Statement | None:
        """That a resource rose with it."""
        column = "mean" if kind == "pool" else "value"
        selector = select("first", column, service=service, kind=kind)
        text = f"{quoted(metric)} of {quoted(service)} rose with it: {{now}}, usually {{before}}"
        return self.rise("resources", selector, service, text)

    def missing(self, service: str, operation: str, call: str) -> Statement | None:
        """That a call does not follow any more in many of the requests in which it usually does."""
        held = {"service": service, "operation": operation, "call": call}
        number, selector = self.evidence["missing"], select("first", "before", **held)
        if self._value(number, selector) is None:
            return None
        usual, now = number_of(number, selector, "%0"), number_of(number, select("first", "after", **held), "%0")
        text = f"“{quoted(call)}” follows in {now} of the requests to “{quoted(operation)}”, usually in {usual}"
        return Statement(text, number, selector, ">", 0.0, service)

    def surge(self, service: str) -> Statement | None:
        """That far more requests come to it than usual."""
        text = f"{quoted(service)} gets {{now}} requests a second, usually {{before}}"
        return self.rise("services", select("first", "per_second", service=service), service, text, unit="x")

    def restarts(self, service: str) -> Statement:
        """That processes of the service came up though nobody deployed it."""
        number, selector = self.evidence["restarts"], select("first", "started", service=service)
        times = number_of(number, selector, "count")
        text = f"{quoted(service)} was restarted, {times} × since the onset, and nobody deployed it"
        return Statement(text, number, selector, "≥", 1, service)

    def line(self, service: str, template: str, *, is_new: bool) -> Statement | None:
        """That a log line is new or surging."""
        held = {"service": service, "line": key_of(template)}
        example = number_of(self.evidence["logs"], select("first", "example", **held), "text")
        text = f"{'new' if is_new else 'surging'} line ({{before}} → {{now}}): {example}"
        return self.rise("logs", select("first", "count", **held), service, text, unit="count")

    def fanout(self, service: str, span: str) -> Statement | None:
        """That a service makes more spans of a kind per request."""
        selector = select("first", "per_request", service=service, span=span)
        return self.rise("fan-out", selector, service, fanout_text(span), unit="x")

    def own_time(self, service: str, span: str) -> Statement | None:
        """That a kind of span takes longer by itself."""
        selector = select("first", "own_ms", service=service, span=span)
        text = f"own time in “{quoted(span)}”: {{before}} → {{now}} a request"
        return self.rise("own time", selector, service, text, unit="ms")

    def origin(self, service: str, span: str, exception: str, message: str) -> Statement | None:
        """That failures begin in a kind of span."""
        held = {"service": service, "span": span, "origin": key_of(exception, message)}
        said = {"exception": exception, "message": message}
        what = " ".join(
            number_of(self.evidence["origins"], select("first", name, **held), "text")
            for name, value in said.items()
            if value
        )
        text = f"{{now}} failures begin in “{quoted(span)}” (before: {{before}})" + (f": {what}" if what else "")
        return self.rise("origins", select("first", "count", **held), service, text, unit="count")

    def failing_input(self, service: str) -> Statement | None:
        """That requests with one input fail and others do not."""
        text = self.failing_input_text(service)
        return self.rise("inputs", select("first", "share", service=service), service, text, unit="%")

    def failing_input_text(self, service: str) -> str:
        """`requests with currency = JPY fail: 41 of 41, others 0 of 320`, as placeholders."""
        number = self.evidence["inputs"]
        units = {"attribute": "text", "value": "text"}
        part = {
            column: number_of(number, select("first", column, service=service), units.get(column, "count"))
            for column in ("attribute", "value", "failed", "requests", "failed_elsewhere", "requests_elsewhere")
        }
        return (
            f"requests with {part['attribute']} = {part['value']} fail: {part['failed']} of {part['requests']}, "
            f"others {part['failed_elsewhere']} of {part['requests_elsewhere']}"
        )

    def fanout_figures(self, service: str, span: str) -> str:
        """The fan-out's sentence with its placeholders."""
        number, selector = self.evidence["fan-out"], select("first", "per_request", service=service, span=span)
        text = fanout_text(span).replace("{now}", number_of(number, selector, "x"))
        return text.replace("{before}", number_of(number, selector.over("per_request_before"), "x"))

    def trial(self, trial: Trial) -> Statement:
        """What became of a change on trial."""
        number, change = self.evidence["trials"], trial.change
        selector = select("first", "outcome", id=change.id, service=change.service)
        return Statement(self.trial_text(trial), number, selector, "=", trial.outcome, change.service, "change")

    def trial_text(self, trial: Trial) -> str:
        """Why a change is blamed or cleared, with placeholders."""

        def figure(column: str, unit: str) -> str:
            return number_of(self.evidence["trials"], select("first", column, id=trial.change.id), unit)

        name = quoted(describe(trial.change))
        waited, margin = figure("waited_seconds", "s"), figure("margin_seconds", "s")
        answered = figure("answered_well", "count")
        fits = f"the trouble began {figure('gap_seconds', 's')} after {name} began, ± {margin}"
        if trial.gap_seconds < 0:
            fits = f"the trouble and {name} began within {margin} of each other"
        texts: dict[Outcome, str] = {
            "began after": f"{name} began only after the trouble had",
            "ran well": f"{name} had answered {answered} requests well in {waited} before it began",
            "long before": f"{name} was complete {waited} before the trouble began",
            "fits": fits,
        }
        return texts[trial.outcome]

    def _place(self, symptom: Symptom) -> tuple[str, Selector]:
        """The evidence that shows a symptom, and the selector of its figure."""
        column = MEASURES[symptom.measure][0]
        if symptom.measure in RESOURCES:
            return "resources", select("first", column, service=symptom.service, kind=symptom.measure)
        if symptom.is_felt_by_callers:
            return "callers", select("first", column, callee=symptom.service)
        if symptom.operation:
            return "operations", select("first", column, service=symptom.service, operation=symptom.operation)
        return "services", select("first", column, service=symptom.service)

    def _value(self, number: EvidenceId, selector: Selector) -> object:
        try:
            return evaluate(selector, self.ledger.rows(number))
        except (QueryRejected, SourceUnavailable):
            return None

    def _figure(self, number: EvidenceId, selector: Selector) -> float | None:
        value = self._value(number, selector)
        return float(value) if isinstance(value, int | float) else None

    def _before(self, number: EvidenceId, selector: Selector) -> float:
        return self._figure(number, selector.over(self._control(number, selector))) or 0.0

    def _has_past(self, number: EvidenceId, selector: Selector) -> bool:
        return self._figure(number, selector.over(self._control(number, selector))) is not None

    def _control(self, number: EvidenceId, selector: Selector) -> str:
        elsewhere = f"{selector.column}_elsewhere"
        return elsewhere if elsewhere in self.ledger.rows(number).column_names else f"{selector.column}_before"


def fanout_text(span: str) -> str:
    """`it now makes 21.7 × “SELECT price” per request, before 1.0`, the figures still to come."""
    return f"it now makes {{now}} × “{quoted(span)}” per request, before {{before}}"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
