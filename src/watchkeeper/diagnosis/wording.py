"""What a diagnosis says in words: templates for the headline, the fix, the verdict, and what would settle it."""

from collections.abc import Mapping, Sequence

from watchkeeper.analysis.series import Key, Red
from watchkeeper.analysis.symptoms import Symptom
from watchkeeper.diagnosis.releases import describe, previous_version
from watchkeeper.diagnosis.seen import Seen
from watchkeeper.diagnosis.statements import RESOURCES, Saying, quoted
from watchkeeper.diagnosis.suspects import Suspect
from watchkeeper.domain import FaultKind
from watchkeeper.evidence.prose import given, number_of, ratio
from watchkeeper.evidence.selectors import select

SURGING = 1.5
"""From this multiple of the usual requests on, a surge is told."""


def headline(top: Suspect, seen: Seen) -> str:
    """One sentence: what, since when, why, and how sure that is."""
    return f"{_what(top.component, seen)}{_since(seen)}: {why(top, seen)} ({given('probability', '%0')} sure)."


def plain_headline(top: Suspect, seen: Seen) -> str:
    """The same without any number, for when one cannot be had."""
    return f"{_first(top.component, seen.symptoms).measure} of {quoted(top.component)}: {plain_why(top)}."


def open_headline(seen: Seen) -> str:
    """One sentence where no cause can be stated: what, since when, and that the cause is open."""
    return f"{_what(None, seen)}{_since(seen)}: inconclusive."


def _since(seen: Seen) -> str:
    return f" since {number_of(seen.saying.evidence['first onset'], select('first', 'onset'), 'clock')}"


def _first(cause: str | None, symptoms: Sequence[Symptom]) -> Symptom:
    """The weightiest symptom, of the cause itself where it has one; requests before resources."""
    return min(symptoms, key=lambda s: (s.measure in RESOURCES, s.service != cause, -s.weight))


def _what(cause: str | None, seen: Seen) -> str:
    first = _first(cause, seen.symptoms)
    others = sorted({s.service for s in seen.symptoms} - {first.service})
    more = f" and {given('others', 'count')} more" if len(others) > 2 else ""
    statement = seen.saying.symptom(first)
    text = statement.template if statement is not None else f"{first.measure} of {quoted(first.service)} is unusual"
    if first.measure == "silence":
        text = f"{quoted(first.service)} sends no metrics, logs or spans any more"
    named = ", ".join(quoted(name) for name in others[:2])
    return f"{text}{f' (also affected: {named}{more})' if others else ''}"


def others_affected(seen: Seen, cause: str | None) -> int:
    """How many services with symptoms the headline does not name."""
    return max(0, len({s.service for s in seen.symptoms} - {_first(cause, seen.symptoms).service}) - 2)


def why(suspect: Suspect, seen: Seen) -> str:
    """The cause in half a sentence."""
    name = suspect.component
    surge = _surge(suspect, seen.saying)
    if suspect.kind == "silence":
        return f"{quoted(name)} stopped reporting{_as_callers_see(suspect, seen.saying)}"
    return plain_why(suspect) + (surge if suspect.kind in ("pool-exhaustion", "cpu", "errors", "latency") else "")


def plain_why(suspect: Suspect) -> str:
    """The cause in half a sentence, without any number."""
    if suspect.kind == "bad-change" and suspect.trial is not None:
        return f"{quoted(describe(suspect.trial.change))} did it"
    if suspect.kind == "crash" and "restarts" not in suspect.traits:
        return f"{quoted(suspect.component)} went away and leaves calls unanswered"
    return reason(suspect.component, suspect.kind, suspect.dependency)


def reason(component: str, kind: FaultKind, dependency: str | None) -> str:
    """Why, in half a sentence, by what kind of fault it is."""
    name = quoted(component)
    texts: dict[FaultKind, str] = {
        "silence": f"{name} stopped reporting",
        "crash": f"{name} crashes and is started again",
        "pool-exhaustion": f"requests queue for connections in {name}",
        "memory": f"the memory of {name} keeps growing",
        "cpu": f"{name} is short of CPU",
        "surge": f"far more requests than usual enter at {name}",
        "slow-dependency": f"{name} waits for {quoted(dependency or '')}",
        "errors": f"the failures begin in {name}",
        "latency": f"the time is spent in {name} itself",
    }
    return texts.get(kind, f"it begins in {name}")


def _surge(suspect: Suspect, saying: Saying) -> str:
    if suspect.surge < SURGING:
        return ""
    number = saying.evidence["services"]
    now, before = (select("first", c, service=suspect.component) for c in ("per_second", "per_second_before"))
    return f" while it gets {ratio(number_of(number, now), number_of(number, before))} times its usual requests"


def _as_callers_see(suspect: Suspect, saying: Saying) -> str:
    """What tells a service that is down from one that only went quiet."""
    calls, failed = suspect.callers
    if calls == 0:
        return "; nobody called it since, so whether it still answers is not known"
    number = saying.evidence["callers"]
    told, lost = (
        number_of(number, select("first", column, callee=suspect.component), "count")
        for column in ("requests", "errors")
    )
    if failed <= calls / 2:
        return f" but still answers its callers ({told} calls since, {lost} failed)"
    return f" and its callers get no answer ({lost} of {told} calls failed since)"


def fix(suspect: Suspect, seen: Seen) -> str:
    """What to do first; names the change, query, input or dependency, or says that it is generic."""
    return f"{plain_fix(suspect, seen.details.versions)}{_because(suspect, seen)}."


def plain_fix(suspect: Suspect, versions: Mapping[Key, Red]) -> str:
    """The same without what makes it plausible, and without any number."""
    name = quoted(suspect.component)
    if suspect.kind == "bad-change" and suspect.trial is not None:
        change = suspect.trial.change
        before = previous_version(change, versions)
        return (
            f"Roll {quoted(change.service)} back to {quoted(before)}" if before else f"Undo {quoted(describe(change))}"
        )
    texts: dict[FaultKind, str] = {
        "silence": _fix_silence(suspect),
        "crash": f"Read the last lines of {name} before each exit; no deploy explains it",
        "pool-exhaustion": f"Raise the connection pool of {name}, or shed load until the surge is over",
        "memory": f"Take a heap profile of {name} first, then restart it to buy time; its limit is not known here",
        "cpu": f"Take a CPU profile of {name}; add capacity if the load is legitimate",
        "slow-dependency": (
            f"Look at {quoted(suspect.dependency or '')}; a time-out or breaker in {name} limits the damage"
        ),
    }
    return texts.get(
        suspect.kind, f"No specific fix is known (this advice is generic): start with the traces of {name}"
    )


def _fix_silence(suspect: Suspect) -> str:
    calls, failed = suspect.callers
    name = quoted(suspect.component)
    if calls and failed > calls / 2:
        return f"Bring {name} back: it neither reports nor answers"
    return f"Check the exporter and collector of {name} before restarting anything: it may be serving well"


def _because(suspect: Suspect, seen: Seen) -> str:
    name, details = suspect.component, seen.details
    if suspect.kind in ("silence", "pool-exhaustion", "memory", "cpu", "slow-dependency"):
        return ""
    fanout = next((f for f in details.fanouts if f.service == name), None)
    if fanout is not None:
        return f" ({seen.saying.fanout_figures(name, fanout.name)})"
    return f" ({seen.saying.failing_input_text(name)})" if name in details.failing_inputs else ""


def settled_by(suspect: Suspect) -> str:
    """What would confirm or refute this suspicion."""
    return settled(suspect.component, suspect.kind, suspect.dependency)


def settled(component: str, kind: FaultKind, dependency: str | None) -> str:
    """What would confirm or refute a fault of that kind."""
    name = quoted(component)
    texts: dict[FaultKind, str] = {
        "bad-change": "Roll it back: if the trouble ends, the change did it.",
        "silence": f"Send one request to the health endpoint of {name}.",
        "crash": f"Read the exit codes of {name} and its last log lines before each exit.",
        "pool-exhaustion": f"Compare the connections that {name} has in use with the size of its pool.",
        "memory": f"Take a heap profile of {name} twice, some minutes apart.",
        "cpu": f"Take a CPU profile of {name}.",
        "slow-dependency": f"Look at what {quoted(dependency or '')} itself reports.",
    }
    return texts.get(kind, f"Look at one trace of a slow or failing request through {name}.")
