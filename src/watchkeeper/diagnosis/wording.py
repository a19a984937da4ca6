"""What a diagnosis says in words: the headline, the fix, and what would settle it."""

from datetime import datetime

from watchkeeper.analysis.requests import FailingInput, Fanout
from watchkeeper.analysis.symptoms import Symptom, say_symptom
from watchkeeper.diagnosis.releases import describe, previous_version
from watchkeeper.diagnosis.suspects import Suspect
from watchkeeper.diagnosis.timing import Timing
from watchkeeper.domain import FaultKind
from watchkeeper.evidence.details import Details


def clock(moment: datetime) -> str:
    """`12:31:05 UTC`."""
    return moment.strftime("%H:%M:%S %Z")


def headline(top: Suspect, probability: float, symptoms: list[Symptom], timing: Timing) -> str:
    """One sentence: what, since when, why, and how sure that is."""
    return f"{_what(top.component, symptoms)} since {clock(timing.onset.at)}: {why(top)} ({probability:.0%} sure)."


def open_headline(symptoms: list[Symptom], timing: Timing) -> str:
    """One sentence where no cause can be stated: what, since when, and that the cause is open."""
    return f"{_what(None, symptoms)} since {clock(timing.onset.at)}: inconclusive."


def _what(cause: str | None, symptoms: list[Symptom]) -> str:
    """The weightiest symptom, of the cause itself where it has one; requests before resources."""
    first = min(symptoms, key=lambda s: (s.measure in ("cpu", "memory", "pool"), s.service != cause, -s.weight))
    others = sorted({s.service for s in symptoms} - {first.service})
    named = ", ".join(others[:2]) + (f" and {len(others) - 2} more" if len(others) > 2 else "")
    return f"{say_symptom(first)}{f' (also affected: {named})' if others else ''}"


def why(suspect: Suspect) -> str:
    """The cause in half a sentence."""
    name = suspect.component
    surge = f" while it gets {suspect.surge:.1f} times its usual requests" if suspect.surge >= 1.5 else ""
    if suspect.kind == "bad-change" and suspect.trial is not None:
        return f"{describe(suspect.trial.change)} did it"
    texts: dict[FaultKind, str] = {
        "silence": f"{name} stopped reporting{_as_callers_see(suspect)}",
        "crash": f"{name} crashes and is started again",
        "pool-exhaustion": f"requests queue for connections in {name}{surge}",
        "memory": f"memory of {name} grows without end",
        "cpu": f"{name} is short of CPU{surge}",
        "slow-dependency": f"{name} waits for {suspect.dependency}",
        "errors": f"the failures begin in {name}{surge}",
        "latency": f"the time is spent in {name} itself{surge}",
    }
    return texts.get(suspect.kind, f"it begins in {name}")


def _as_callers_see(suspect: Suspect) -> str:
    """What tells a service that is down from one that only went quiet."""
    calls, failed = suspect.callers
    if calls == 0:
        return "; nobody called it since, so whether it still answers is not known"
    if failed <= calls / 2:
        return f" but still answers its callers ({calls} calls since, {failed} failed)"
    return f" and its callers get no answer ({failed} of {calls} calls failed since)"


def fix(suspect: Suspect, details: Details) -> str:
    """What to do first; names the change, query, input or dependency, or says that it is generic."""
    if suspect.kind == "bad-change" and suspect.trial is not None:
        change = suspect.trial.change
        before = previous_version(change, details)
        way = f"Roll {change.service} back to {before}" if before else f"Undo {describe(change)}"
        return f"{way}{_because(suspect, details)}."
    name = suspect.component
    texts: dict[FaultKind, str] = {
        "silence": _fix_silence(suspect),
        "crash": f"Read the last lines of {name} before each exit{_because(suspect, details)}; no deploy explains it.",
        "pool-exhaustion": f"Raise the connection pool of {name}, or shed load until the surge is over.",
        "memory": f"Restart {name} to buy time and take a heap profile first; no limit was reached yet.",
        "cpu": f"Take a CPU profile of {name}; add capacity if the load is legitimate.",
        "slow-dependency": f"Look at {suspect.dependency}; a time-out or breaker in {name} limits the damage.",
    }
    return texts.get(
        suspect.kind, f"No specific fix is known; start with the traces of {name}{_because(suspect, details)}."
    )


def _fix_silence(suspect: Suspect) -> str:
    calls, failed = suspect.callers
    if calls and failed > calls / 2:
        return f"Bring {suspect.component} back: it neither reports nor answers."
    return (
        f"Check the exporter and collector of {suspect.component} before restarting anything: it may be serving well."
    )


def _because(suspect: Suspect, details: Details) -> str:
    reasons = [
        *(say_fanout(f) for f in details.fanouts if f.service == suspect.component),
        *(say_input(i) for s, i in details.failing_inputs.items() if s == suspect.component),
    ]
    return f" ({reasons[0]})" if reasons else ""


def say_fanout(fanout: Fanout) -> str:
    """`it now makes 21 × `SELECT price` per request, before 1`."""
    return f"it now makes {fanout.after:.1f} × “{fanout.name}” per request, before {fanout.before:.1f}"


def say_input(found: FailingInput) -> str:
    """`requests with currency = JPY fail: 41 of 41, others 0 of 320`."""
    return (
        f"requests with {found.attribute} = {found.value} fail: {found.failed} of {found.requests}, "
        f"others {found.failed_elsewhere} of {found.requests_elsewhere}"
    )


def settled_by(suspect: Suspect) -> str:
    """What would confirm or refute this suspicion."""
    texts: dict[FaultKind, str] = {
        "bad-change": "Rolling it back: the trouble ends, or it was not this.",
        "silence": "One request to its health endpoint.",
        "crash": "Its exit codes and last log lines.",
        "pool-exhaustion": "Connections in use against the pool's size, at the database.",
        "memory": "A heap profile, twice, some minutes apart.",
        "cpu": "A CPU profile of the process.",
        "slow-dependency": f"Telemetry of {suspect.dependency} itself.",
    }
    return texts.get(suspect.kind, f"A trace of one slow or failing request through {suspect.component}.")
