"""What a question was taken for, in words: the person must see how they were understood."""

from datetime import UTC, datetime

from watchkeeper.chat.inquiry import Inquiry
from watchkeeper.chat.intents import Intent, Kind
from watchkeeper.chat.replies import Said
from watchkeeper.diagnosis.statements import quoted
from watchkeeper.domain import EvidenceId, Scalar
from watchkeeper.evidence.prose import given, number_of, ratio
from watchkeeper.evidence.selectors import select

ASKABLE = (
    "why is checkout slow since noon?", "what is wrong?", "how is cart?", "who deployed?",
    "what changed in the last hour?", "compare checkout with yesterday", "how many users are affected?",
    "is it over?", "what should I check next?", "which runbook?", "who owns checkout?", "draft the ticket",
    "show the evidence for e12",
)  # fmt: skip
"""Questions that are understood, as they are typed."""

_WORDS: dict[Kind, tuple[str, str]] = {
    "cause": ("why is {} in trouble", "what is wrong"),
    "changes": ("what was changed of {}", "what was changed, and by whom"),
    "compare": ("how does {} compare", "how does everything compare"),
    "users": ("how many users of {} are affected", "how many users are affected"),
    "over": ("is the trouble of {} over", "is the trouble over"),
    "draft": ("write a draft about {}", "write a draft"),
    "next": ("what to check next about {}", "what to check next"),
    "evidence": ("show evidence about {}", "show evidence"),
    "runbook": ("which runbook applies to {}", "which runbook applies"),
    "status": ("how is {}", "how is everything"),
    "owner": ("who owns {}", "who owns it"),
    "help": ("what can be asked", "what can be asked"),
    "unclear": ("nothing in particular", "nothing in particular"),
}
"""With a service and without."""


def taken_as(inquiry: Inquiry) -> Said:
    """`Taken as: why is checkout in trouble, since 12:00:00 UTC`."""
    intent = inquiry.intent
    named, unnamed = _WORDS[intent.kind]
    name = intent.service or (f"“{intent.typed}”" if intent.typed and intent.missing else None)
    text = named.replace("{}", quoted(name)) if name else unnamed
    if intent.paper is not None:
        text = text.replace("a draft", f"a draft of the {intent.paper}")
    if intent.evidence is not None:
        text = f"{text} {intent.evidence}"
    fields: dict[str, Scalar] = {}
    text += _when(intent, inquiry.desk.now, fields)
    if intent.typed and intent.service:
        text += f" (“{quoted(intent.typed)}” taken for {quoted(intent.service)})"
    said = inquiry.made(f"Taken as: {text}.", fields)
    assert said is not None, "every field that is named is given"
    return said


def _when(intent: Intent, now: datetime, fields: dict[str, Scalar]) -> str:
    if intent.kind == "compare" and intent.compare_to is not None:
        fields |= {"since": intent.since, "until": intent.until}
        fields |= {"from": intent.compare_to.start, "to": intent.compare_to.end}
        first, second = _told("since", intent.since, now), _told("until", intent.until, now)
        third, fourth = (
            _told(n, t, now) for n, t in (("from", intent.compare_to.start), ("to", intent.compare_to.end))
        )
        return f": {first} to {second} against {third} to {fourth}"
    fields |= {"since": intent.since, "until": intent.until}
    if intent.since is not None and intent.until is not None:
        return f", from {_told('since', intent.since, now)} to {_told('until', intent.until, now)}"
    if intent.since is not None:
        return f", since {_told('since', intent.since, now)}"
    return f", at {_told('until', intent.until, now)}" if intent.until is not None else ""


def _told(name: str, time: datetime | None, now: datetime) -> str:
    """The placeholder of a time: with its date where that is not today's."""
    is_today = time is not None and time.astimezone(UTC).date() == now.astimezone(UTC).date()
    return given(name, "clock" if is_today else "date")


def served(number: EvidenceId, service: str, usual: EvidenceId | None = None, word: str = "usually") -> str:
    """How requests of a service were served, as placeholders over evidence that is read `over the whole window`.

    `word` is what the other stretch is called.
    """
    name = quoted(service)
    text = f"{name}: {_of(number, 'requests', service, 'count')} requests, {_failed(number, service)} failed, "
    text += f"p95 {_of(number, 'p95_ms', service, 'ms')}"
    if usual is None:
        return text
    return f"{text}; {word} {_failed(usual, service)} failed, p95 {_of(usual, 'p95_ms', service, 'ms')}"


def _failed(number: EvidenceId, service: str) -> str:
    return ratio(_of(number, "errors", service), _of(number, "requests", service), "%")


def _of(number: EvidenceId, column: str, service: str, unit: str = "") -> str:
    return number_of(number, select("first", column, service=service), unit)


def against(now: EvidenceId, then: EvidenceId, service: str) -> str:
    """One service in two stretches, as placeholders."""
    p95 = _of(now, "p95_ms", service, "ms"), _of(then, "p95_ms", service, "ms")
    times = ratio(_of(now, "p95_ms", service), _of(then, "p95_ms", service))
    return (
        f"{quoted(service)}: {_of(now, 'requests', service, 'count')} requests against "
        f"{_of(then, 'requests', service, 'count')}; failed {_failed(now, service)} against {_failed(then, service)}; "
        f"p95 {p95[0]} against {p95[1]}, {times} times"
    )
