"""From a question to an Intent by rules: words for what is asked, a name for whom, a time for when; no guesses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

from watchkeeper.chat.intents import MOST_NAMES, Intent, Kind, Missing, Paper
from watchkeeper.chat.naming import Meant, meant
from watchkeeper.chat.times import Told, earlier_stretch, told_times
from watchkeeper.domain import Window

LONGEST = 2000
"""Characters of a question that are read."""
STRETCH = timedelta(minutes=15)
"""What is compared where no stretch is named."""


@dataclass(frozen=True)
class Context:
    """What a question is understood against."""

    now: datetime
    zone: tzinfo = UTC
    """In which times without a zone are meant."""
    kind: Kind | None = None
    """What was asked before, for questions such as `and cart?`."""
    pending: Intent | None = None
    """What was asked before and could not be answered without asking back."""
    has_case: bool = False


class Understanding(Protocol):
    """Whoever turns questions into intents; a model may."""

    def understand(self, question: str, known: Sequence[str], context: Context) -> Intent | None:
        """What is asked, with a service that is among the known ones; None where it cannot tell.

        May raise ModelUnavailable: then the rules do it, and the reply says so.
        """


class Rules:
    """Understanding without any model."""

    def understand(self, question: str, known: Sequence[str], context: Context) -> Intent:
        """What is asked; of kind `unclear` where nothing in particular is."""
        text = " ".join(question[:LONGEST].replace("’", "'").split())
        kind = _kind(text)
        if kind == "unclear" and context.pending is not None and context.pending.kind == "compare":
            kind = "compare"
        number = re.search(r"\b[eE](\d{1,6})\b", text)
        window, earlier, rest, told = self._times(text, kind, context)
        who = meant(rest, known)
        kind = self._completed(kind, who, told, rest, context)
        missing: list[Missing] = ["service"] * who.is_unknown + ["time"] * told.is_wrong  # type: ignore[assignment]
        if kind == "evidence" and number is None:
            missing.append("evidence")
        pending = context.pending if kind == (context.pending.kind if context.pending else None) else None
        return Intent(
            kind=kind,
            service=who.service or (pending.service if pending and not who.is_unknown else None),
            typed=who.typed,
            candidates=who.candidates[:MOST_NAMES],
            since=window.start if window else told.since or (pending.since if pending else None),
            until=window.end if window else told.until or (pending.until if pending else None),
            compare_to=earlier or (pending.compare_to if pending else None),
            paper=_paper(text) if kind == "draft" else None,
            evidence=f"e{int(number[1])}" if number and kind == "evidence" else None,
            missing=tuple(missing),
        )

    def _times(self, text: str, kind: Kind, context: Context) -> tuple[Window | None, Window | None, str, Told]:
        """For a comparison both stretches; for other questions only what was told of time."""
        if kind != "compare":
            told = told_times(text, context.now, context.zone)
            return None, None, told.rest if told.since or told.until or told.is_wrong else text, told
        first, joint, second = _halves(text)
        told = told_times(first, context.now, context.zone)
        end = told.until or context.now
        window = Window(start=told.since or end - STRETCH, end=end)
        against, rest = earlier_stretch(second, window, context.now, context.zone)
        wrong = told_times(second, context.now, context.zone).is_wrong or told.is_wrong
        if against is None:
            return None, None, f"{told.rest} {joint} {rest}", Told(is_wrong=wrong)
        window, against = _apart(window, against)
        return window, against, f"{told.rest} {joint} {rest}", Told(is_wrong=wrong)

    def _completed(self, kind: Kind, who: Meant, told: Told, rest: str, context: Context) -> Kind:
        """The kind where the text alone says none: what was pending, the same as before, or how a service is."""
        if kind != "unclear":
            return kind
        says_something = who.service or who.candidates or told.since or told.until
        if says_something and context.pending is not None:
            return context.pending.kind
        is_short = len(rest.split()) <= SHORT
        if (who.service or who.candidates) and context.kind is not None and context.kind not in _ALONE and is_short:
            return context.kind
        return "status" if who.service or who.candidates else "unclear"


SHORT = 6
"""Words of a question that only names another service than the one before."""
_ALONE = ("help", "unclear", "draft", "evidence")


def _apart(window: Window, earlier: Window) -> tuple[Window, Window]:
    """The two stretches shortened until they do not overlap, as `compare with a minute ago` needs."""
    shift = window.end - earlier.end
    if timedelta(0) < shift < window.duration:
        return Window(start=window.end - shift, end=window.end), Window(start=earlier.end - shift, end=earlier.end)
    return window, earlier


def _halves(text: str) -> tuple[str, str, str]:
    clear, also = r"\b(?:with|against|versus|vs\.?|than)\b", r"\b(?:to|from|and)\b"
    match = re.search(clear, text, re.IGNORECASE) or re.search(also, text, re.IGNORECASE)
    return (text[: match.start()], match[0], text[match.end() :]) if match else ("", "", text)


def _kind(text: str) -> Kind:
    """The first kind whose words are in the text."""
    low = text.lower()
    return next((kind for pattern, kind in _WORDS if pattern.search(low)), "unclear")


def _words(*patterns: str) -> "re.Pattern[str]":
    return re.compile("|".join(rf"\b(?:{pattern})" for pattern in patterns))


_WORDS: tuple[tuple["re.Pattern[str]", Kind], ...] = (
    (_words(r"help\W*$", r"what can (?:i|you|we)\b", r"how do(?:es)? (?:this|you) work"), "help"),
    (
        _words(
            r"evidence\b", r"(?:show|see|open|explain|print|what(?:'s| is)) (?:me )?e\d+\b", r"^e\d+\W*$",
            r"how do you know",
        ),
        "evidence",
    ),
    (_words(r"run ?books?\b", r"play ?books?\b"), "runbook"),
    (
        _words(
            r"(?:draft|write|prepare|compose|make|create|file|open|post)\b.{0,40}\b(?:ticket|report|post-?\s?mortem|"
            r"update|status|announcement|message|page)", r"draft\b", r"post-?\s?mortem\b",
            r"(?:give|show) me (?:the|a) (?:ticket|report|status)", r"(?:the )?ticket\W*$", r"status (?:page|update)\b",
        ),
        "draft",
    ),
    (
        _words(
            r"compar", r"(?:differ(?:s|ed|ent|ence|ences)?)\b", r"(?:versus|vs)\b",
            r"(?:worse|slower|faster|better) than\b",
        ),
        "compare",
    ),
    (
        _words(
            r"how many (?:\w+ ){0,3}?(?:users|people|customers|clients|persons|sessions)\b",
            r"(?:who|whom|what|which users|which customers) (?:is|are|was|were) (?:affected|impacted|hit)\b",
            r"(?:users|customers|people|clients)\b.{0,30}\b(?:affected|impacted|hit|feel|felt|see)\b",
            r"blast radius\b",
            r"(?:user|customer) impact\b", r"how bad\b", r"impact\W*$",
        ),
        "users",
    ),
    (
        _words(
            r"(?:is|are|has|have|did) (?:it|this|that|things|the \w+|we|everything)\b.{0,30}\b(?:over|recovered|"
            r"resolved|fixed|ended|stopped|gone|done|back|better|clear)\b",
            r"(?:is|are) .{1,60}\bok(?:ay)? (?:now|again)\b",
            r"(?:is|are|has) .{1,60}\b(?:recovered|over|resolved|back to normal|back up|healthy again|fixed)\b",
            r"still (?:slow|down|broken|failing|going|happening|bad|ongoing|on)\b",
            r"over (?:yet|now)\b", r"all clear\b", r"did (?:we|it) recover\b",
            r"over\W*$",
        ),
        "over",
    ),
    (
        _words(
            r"who (?:owns|own|is responsible|is in charge|is on ?call|do i (?:call|page|ask)|runs|maintains)\b",
            r"(?:owner|on-?call|team)s?\b.{0,12}\b(?:of|for|behind)\b", r"whose\b", r"which team\b", r"owners?\W*$",
        ),
        "owner",
    ),
    (
        _words(
            r"who\b.{0,20}\b(?:deployed|released|changed|pushed|shipped|rolled|merged|touched|did)\b",
            r"(?:what|anything|which|any|has|were|was)\b.{0,40}\b(?:changed|changes?|deployed|deploy(?:s|ments?)?|"
            r"released?|releases|pushed|shipped|rolled out|new)\b",
            r"(?:recent|latest|last|list|show) (?:\w+ ){0,3}?(?:changes|deploy(?:s|ments?)?|releases)\b",
            r"(?:changes|deploy(?:s|ments?)?|releases)\b",
        ),
        "changes",
    ),
    (
        _words(
            r"should (?:i|we) (?:roll ?back|restart|revert|scale|page|worry)\b",
            r"what (?:should|do|can|could|must|would) (?:i|we|you)\b.{0,30}\b(?:next|do|check|look|try|fix)\b",
            r"next (?:steps?|thing)\b", r"what(?:'s| is| comes)? next\b", r"what now\b",
            r"where (?:should|do) i look\b",
            r"how (?:do|can|should) (?:i|we) (?:fix|solve|mitigate|stop|settle)\b", r"mitigat", r"next\W*$",
        ),
        "next",
    ),
    (
        _words(
            r"why\b", r"wh?ats?\b.{0,10}\b(?:wrong|broken)", r"(?:who|what) (?:broke|caused)\b",
            r"when did (?:it|this) (?:start|begin)\b",
            r"(?:everything|site|shop|all) (?:is |are )?(?:down|on fire|broken)\b", r"\d?00s everywhere\b",
            r"what(?:'s| is| was| went)?\b.{0,20}\b(?:wrong|broken|happen(?:ed|ing|s)?|going on|the (?:cause|"
            r"problem|matter|issue|reason)|up with|causing|failing|on fire|down)\b", r"root ?cause\b", r"diagnos",
            r"(?:is|are|was|were|seems?|looks?|keeps?|being|so|very|too) (?:\w+ )?(?:slow|down|broken|failing|dead|"
            r"unavailable|erroring|timing out|crashing|unreachable)\b", r"investigate\b", r"anything wrong\b",
            r"(?:slow|broken|failing|crashing)\W*$",
        ),
        "cause",
    ),
    (
        _words(
            r"how(?:'s| is| are| was| were| does| did| about)\b", r"what about\b", r"status\b", r"health\b",
            r"(?:is|are) .{1,60}\b(?:ok|okay|fine|healthy|alive|up|good|alright)\b", r"state of\b",
        ),
        "status",
    ),
)  # fmt: skip
"""Tried in this order; the more particular come first."""

_PAPERS: tuple[tuple["re.Pattern[str]", Paper], ...] = (
    (_words(r"post-?\s?mortem\b"), "post-mortem"),
    (_words(r"status ?page\b", r"public\b", r"customers?\b", r"announcement\b"), "status-page"),
    (_words(r"incident report\b", r"report\b"), "incident-report"),
    (_words(r"update\b", r"status\b", r"message\b"), "internal-update"),
)


def _paper(text: str) -> Paper:
    """What is to be written; a ticket where nothing else is named."""
    low = text.lower()
    return next((paper for pattern, paper in _PAPERS if pattern.search(low)), "ticket")
