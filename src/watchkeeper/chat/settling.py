"""What a model takes a question for, held against the question itself: names and times that stand in it are not its."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from watchkeeper.chat.intents import MOST_NAMES, Intent, Kind, Missing
from watchkeeper.chat.naming import close_to
from watchkeeper.chat.understanding import STRETCH, Context, Rules
from watchkeeper.domain import ServiceName, Window
from watchkeeper.evidence.telling import is_plain_name

OLDEST = timedelta(days=400)
"""Nobody on call asks about what was longer ago."""
SHORT, LONG = 2, 12
"""Words up to which a name alone is a question, and beyond which single words do not tell what is asked."""


def is_plain(question: str, by_rules: Intent, context: Context) -> bool:
    """Whether the rules are sure of it, so that no model has to be asked.

    They are not where they find nothing that is asked, where a name or a time cannot be made out, where nothing but a
    service's name says what is asked, and where the question is long.
    """
    words = question.split()
    if len(words) > LONG:
        return False
    if by_rules.kind == "unclear":
        return len(words) < 2
    if by_rules.missing and by_rules.missing != ("evidence",):
        return False
    if by_rules.candidates:
        # A part of several names is asked back; of several names in full, a model may tell which one is meant.
        return by_rules.typed is not None
    if len(words) <= SHORT:
        return True
    return Rules().understand(question, (), Context(context.now, context.zone)).kind != "unclear"


def settled(found: Intent, by_rules: Intent, question: str, known: Sequence[str], context: Context) -> Intent | None:
    """The model's intent with what the rules read; None where it names what is neither known nor in the question.

    A name or a time that the rules read stays: it stands in the question. A service that is not known is missing, with
    the names nearest to it; a time that cannot be meant is missing.
    """
    kind = by_rules.kind if found.kind == "unclear" else found.kind
    who = _who(found, by_rules, question, known)
    if who is None:
        return None
    since, until, earlier, is_wrong = _when(kind, found, by_rules, context.now)
    pending = context.pending if context.pending is not None and context.pending.kind == kind else None
    evidence = by_rules.evidence or (found.evidence if kind == "evidence" else None)
    missing: list[Missing] = [*who.missing, *(("time",) if is_wrong else ())]
    if kind == "evidence" and evidence is None:
        missing.append("evidence")
    is_open = who.service is None and not who.candidates and not who.missing
    return Intent(
        kind=kind,
        service=pending.service if pending and is_open else who.service,
        typed=who.typed,
        candidates=who.candidates,
        since=since or (pending.since if pending and until is None and not is_wrong else None),
        until=until,
        compare_to=earlier,
        paper=(by_rules.paper or found.paper or "ticket") if kind == "draft" else None,
        evidence=evidence if kind == "evidence" else None,
        missing=tuple(missing),
    )


def _who(found: Intent, by_rules: Intent, question: str, known: Sequence[str]) -> Intent | None:
    """Whom it is about, in the fields of an intent that say so."""
    if by_rules.service is not None and by_rules.typed is None:
        return Intent(kind="unclear", service=by_rules.service)
    named = [name for name in (found.service, *found.candidates) if name is not None]
    there = tuple(dict.fromkeys(name for name in named if name in known))[:MOST_NAMES]
    if found.service in known or len(there) == 1:
        return Intent(kind="unclear", service=there[0], typed=_typed(found, by_rules, question, there[0]))
    if there:
        return Intent(kind="unclear", candidates=there)
    if by_rules.service is not None or by_rules.candidates:
        return by_rules.model_copy(update={"missing": ()})
    strange = found.service or (found.typed if "service" in found.missing else None) or next(iter(named), None)
    if strange is None:
        return Intent(kind="unclear")
    if not (_stands_in(strange, question) or (is_plain_name(strange) and "//" not in strange)):
        return None
    return Intent(kind="unclear", typed=strange[:120], candidates=close_to(strange, known), missing=("service",))


def _typed(found: Intent, by_rules: Intent, question: str, service: ServiceName) -> str | None:
    """What the person called the service, as far as it stands in the question."""
    words = (word for word in (found.typed, by_rules.typed) if word is not None and word != service)
    return next((word for word in words if _stands_in(word, question)), None)


def _stands_in(word: str, question: str) -> bool:
    return word.casefold() in question.casefold()


Times = tuple[datetime | None, datetime | None, Window | None, bool]
"""From when, until when, what is compared with, and whether a time was told that cannot be meant."""


def _when(kind: Kind, found: Intent, by_rules: Intent, now: datetime) -> Times:
    if kind == "compare":
        return _compared(found, by_rules, now)
    # The rules' times of a comparison are its two stretches: they need not stand in the question.
    if by_rules.kind != "compare" and (by_rules.since or by_rules.until):
        return by_rules.since, by_rules.until, None, False
    told = (found.since, found.until)
    if not _can_be_meant(told, now):
        return None, None, None, True
    since, until = found.since, found.until if found.until is None or found.until < now else None
    is_told = since is not None or until is not None
    return since, until, None, not is_told and "time" in (*found.missing, *by_rules.missing)


def _compared(found: Intent, by_rules: Intent, now: datetime) -> Times:
    """Both stretches; no earlier one where it is not told, or not wholly before the later: then it is asked for."""
    if by_rules.kind == "compare" and by_rules.compare_to is not None:
        return by_rules.since, by_rules.until, by_rules.compare_to, False
    earlier = found.compare_to
    if earlier is None:
        return None, None, None, False
    end = min(found.until or now, now)
    start = found.since or end - STRETCH
    if not _can_be_meant((start, earlier.start), now) or start >= end or earlier.end > start:
        return None, None, None, False
    return start, end, earlier, False


def _can_be_meant(times: Iterable[datetime | None], now: datetime) -> bool:
    since, until = times
    told = [time for time in (since, until) if time is not None]
    return (since is None or since < now) and all(time > now - OLDEST for time in told)
