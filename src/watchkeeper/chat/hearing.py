"""Which of a model's sentences about an answer may be told: those that describe what the answer's evidence shows.

The vocabulary is closed, as in `diagnosis.explaining`, and a text that somebody wrote is not a model's to quote.
Verdicts, advice, what is not, and causes are code's. Of causes only the one that the case states may be repeated, in
words that the case uses for it too, and as a model may explain it in a diagnosis.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

import pyarrow as pa

from watchkeeper.chat.naming import VOCABULARY
from watchkeeper.chat.replies import Reply
from watchkeeper.diagnosis.explaining import MOST_WORDS, Explaining, brought_in, runs_in
from watchkeeper.diagnosis.phrasing import Speech, foreign_words
from watchkeeper.diagnosis.vocabulary import COMMON, SHORT
from watchkeeper.domain import CaseFile, Evidence, EvidenceId, Figure
from watchkeeper.errors import QueryRejected
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.claims import SUBJECTS
from watchkeeper.evidence.prose import PLACEHOLDER, Filled
from watchkeeper.evidence.telling import is_plain_name
from watchkeeper.telemetry.sources import Query

MOST_PLACEHOLDERS = 8
SAYABLE = COMMON.union(
    SHORT,
    ("extra", "noon", "yesterday", "today", "morning", "day", "customers", "people", "person", "author", "median"),
    ("shorter", "met", "apart", "rows", "latest", "earliest", "utc", "e", "p"),
)
"""Beside names of components; the last two begin the number of evidence and the name of a percentile."""
_WORD = re.compile(r"[^\W\d_]+")


def _any_of(*words: str) -> "re.Pattern[str]":
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


_CAUSAL = _any_of(
    r"caus\w*", "because", "due", "root", "culprits?", r"blam\w*", r"fault\w*", r"responsib\w*", r"br[eo]ke\w*",
    r"break\w*", r"trigger\w*", r"origin\w*", r"led", r"leads?", "leading", r"stem\w*", r"introduc\w*", r"reasons?",
    r"explain\w*", r"explanation", r"results?", "resulting", "behind", "made", "makes?", "making", "why", "owing",
    "thanks", "comes?", "came", r"consequen\w*", r"dr[io]ven?", "drove", "did", "guilty", "source", r"suspect\w*",
    "effect", r"aris\w*", "arose", r"force[sd]?",
)  # fmt: skip
_VERDICT = _any_of(
    r"recover\w*", r"resolv\w*", r"ended", r"fixed", r"solved", r"healthy", r"fine", r"no longer", r"all clear",
    r"(?:is|are|was|be|seems?|all) (?:now )?over", r"nothing (?:is |was )?wrong", r"back to", r"safe\w*", r"harmless",
    r"severity", r"P[1-4]", r"false alarm", r"ok(?:ay)?",
    "no", "not", "none", "nothing", "never", "neither", "nobody", "cannot", "without", "hardly", r"\w+n['’]t", "unlike",
)  # fmt: skip
_ADVICE = _any_of(
    "should", "must", "please", r"ha(?:ve|s) to", r"needs? to", "restart", "roll back", "rollback", "revert", "undo",
    "reboot", "ignore", "run", "execute", "delete", "disable", "follow", "visit", "contact", "call me", "send",
    "forward", "try", "let", "tell", "do not", "let us", "raise", "scale", "fail over",
)  # fmt: skip
_NUMBERS = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", r"\w+teen",
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\w+)?", "hundreds?", "thousands?", "millions?", "billions?",
    "dozens?", "percent", "per cent", r"doubl\w+", r"tripl\w+", r"quadrupl\w+", "twice", "thrice", r"hal(?:f|ves|ved)",
    "quarters?", "thirds?", r"\w+fold", "zero",
)  # fmt: skip
_COUNTED = re.compile(rf"\b(?:{'|'.join(_NUMBERS)})\b(?: \w+)?", re.IGNORECASE)
_MECHANISMS = (
    "cpu", "memor", "leak", "pool", "connection", "deploy", "releas", "version", "crash", "restart", "network", "host",
    "quer", "queue", "load", "traffic", "overload", "timeout", "timing", "storage", "retr", "flag", "exhaust",
    "saturat", "container", "job", "worker", "config", "upstream", "downstream", "depend", "user", "client", "lock",
    "disk", "databas", "cache", "change", "roll", "silen", "calls", "callee", "caller", "respon", "log", "system",
)  # fmt: skip
"""How words begin that say what kind of thing causes something."""
_FIGURE = re.compile(
    r"[+-]?[\d.,]+(?:e[+-]?\d+)?(?: ?(?:ms|s|MB|%))?|(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC", re.IGNORECASE
)
_COLUMN = re.compile(r"(\w+)\((\w*)\)")
_SHARES = ("%", "%0")
_EDGES = ("start", "end")


@dataclass(frozen=True)
class Cause:
    """The cause that a case states."""

    components: frozenset[str]
    """Its component, and what that waits for."""
    words: frozenset[str]
    """Of the case's own statement of it, in small letters."""
    name: str
    kind: str

    @classmethod
    def of(cls, case: CaseFile | None) -> Self | None:
        """The first cause of the case's latest diagnosis; None where it states none."""
        latest = case.latest if case is not None else None
        if latest is None or latest.status != "diagnosed":
            return None
        top = latest.hypotheses[0]
        blames = latest.release.reason if latest.release.status == "caused" else ""
        release = "release version deploy" if top.kind == "bad-change" else ""
        said = f"{latest.headline} {blames} {top.kind} {release}"
        return cls(
            components=frozenset(name for name in (top.component, top.dependency) if name),
            words=frozenset(re.findall(r"[a-z]{3,}", said.lower())),
            name=top.component,
            kind=top.kind.replace("-", " "),
        )

    def covers(self, sentence: str) -> bool:
        """Whether the sentence, if it says what caused something, says no other thing than the case."""
        words = re.findall(r"[a-z]{3,}", sentence.lower())
        stems = [stem for stem in _MECHANISMS for word in words if word.startswith(stem)]
        names = {word for name in self.components for word in re.findall(r"[a-z]{3,}", name.lower())}
        return all(any(word.startswith(stem) for word in self.words | names) for stem in stems)


class Cited(Answers):
    """Answers of which only some evidence may be named."""

    def __init__(self, answers: Answers, numbers: Iterable[EvidenceId]) -> None:
        super().__init__(answers.readings)
        self._answers, self.numbers = answers, frozenset(numbers)

    def entry(self, number: EvidenceId) -> Evidence:
        """The piece of evidence; raises QueryRejected for one that is not cited too."""
        if number not in self.numbers:
            raise QueryRejected(f"{number} is no evidence of this answer")
        return self._answers.entry(number)

    def answer(self, number: EvidenceId) -> pa.Table | None:
        """What the source said."""
        return self._answers.answer(number)

    def query(self, number: EvidenceId) -> Query:
        """The typed query."""
        return self._answers.query(number)

    def rows(self, number: EvidenceId) -> pa.Table:
        """The rows, as the answers have them."""
        self.entry(number)
        return self._answers.rows(number)


@dataclass(frozen=True)
class Hearing:
    """What sentences about one reply are held against."""

    explaining: Explaining
    cited: Cited
    cause: Cause | None
    counted: frozenset[str] = frozenset()
    """Number words with what they count, as in the answer: `ten minutes`."""

    @classmethod
    def of(cls, question: str, reply: Reply, answers: Answers, cause: Cause | None) -> Self:
        """Held against the reply's evidence only; what the question says at length is foreign, as telemetry's texts."""
        cited = Cited(answers, (entry.id for entry in reply.evidence))
        components = _components(reply.evidence) | (cause.components if cause is not None else frozenset())
        quoted = "\n".join(f.text for said in reply.everything() for f in said.figures if f.evidence is None)
        ordinary = VOCABULARY | _words_in_names(components)
        asked = {run for run in runs_in(question) if not ordinary.issuperset(run)}
        foreign = foreign_words(cited, reply.evidence, components, quoted) - SAYABLE
        brought = brought_in(cited, reply.evidence, quoted) | asked
        with_digits = frozenset(name for name in components if any(c.isdigit() for c in name))
        counted = frozenset(found[0].casefold() for said in reply.sentences for found in _COUNTED.finditer(said.text))
        explaining = Explaining(Speech(cited, with_digits, components, foreign), brought)
        return cls(explaining, cited, cause, counted)

    def accepts(self, sentence: str) -> bool:
        """Whether it may be told."""
        bare = " ".join(PLACEHOLDER.sub(" ", sentence).split())
        if len(PLACEHOLDER.findall(sentence)) > MOST_PLACEHOLDERS or not self._is_in_plain_words(bare):
            return False
        if not self._counts_as_told(bare) or any(pattern.search(bare) for pattern in (_VERDICT, _ADVICE)):
            return False
        filled = self._speech.accepted(sentence, causes := self._causes, self._speech.components - causes)
        if isinstance(filled, str) or not all(_is_plain(figure) and _fits(figure) for figure in filled.figures):
            return False
        return _CAUSAL.search(bare) is None or self._is_the_cause(sentence, bare, filled)

    @property
    def _speech(self) -> Speech:
        return self.explaining.speech

    @property
    def _causes(self) -> frozenset[str]:
        return self.cause.components if self.cause is not None else frozenset()

    def _is_in_plain_words(self, bare: str) -> bool:
        """Whether it has words, all of them common or of names, and repeats no text of telemetry or the question."""
        words = _words(bare)
        is_known = bool(words) and words <= SAYABLE.union(
            _words(" ".join(self.counted)), _words_in_names(self._speech.components)
        )
        return is_known and not runs_in(bare) & self.explaining.brought

    def _counts_as_told(self, bare: str) -> bool:
        """Whether numbers in words are the answer's own, and marks are of its evidence."""
        counted = (found[0].casefold() for found in _COUNTED.finditer(bare))
        if any(c.isnumeric() and not c.isdecimal() for c in bare) or not self.counted.issuperset(counted):
            return False
        return set(re.findall(r"\be\d+\b", bare)) <= self.cited.numbers

    def _is_the_cause(self, sentence: str, bare: str, filled: Filled) -> bool:
        """Whether it speaks of the case's cause, names it, and brings in nobody else, by a placeholder neither."""
        if self.cause is None or not self.cause.covers(bare):
            return False
        named = {name for name in self._speech.components if _is_named(filled.text, name)}
        if self.cause.name not in named or not named <= self.cause.components:
            return False
        return not isinstance(self.explaining.accepted(sentence, self.cause.components), str)


def _words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text))


def _words_in_names(components: Iterable[str]) -> frozenset[str]:
    """The words of which names are made; a name of many words may say anything, and is left out."""
    return frozenset(word for name in components if len(words := _words(name)) <= MOST_WORDS for word in words)


def _is_named(text: str, component: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(component)}(?![\w-])", text, re.IGNORECASE) is not None


def _components(evidence: Iterable[Evidence]) -> frozenset[str]:
    """Everybody whom rows of the evidence are about."""
    found: set[str] = set()
    for entry in evidence:
        places = [place for place, name in enumerate(entry.rows.columns) if name in SUBJECTS]
        found |= {value for row in entry.rows.values for place in places if isinstance(value := row[place], str)}
    return frozenset(name for name in found if name)


def _is_plain(figure: Figure) -> bool:
    """Whether it is a number, a time or a name: a text that somebody wrote is not a model's to quote."""
    text = figure.text
    if _FIGURE.fullmatch(text) is not None:
        return True
    return is_plain_name(text) and "//" not in text and not text.lower().startswith("www.")


def _fits(figure: Figure) -> bool:
    """Whether the unit can be that of the column: a thousandth of a second is no second."""
    if figure.selector.startswith("between("):
        return figure.unit in ("s", "time")
    if figure.selector.startswith("ratio("):
        return figure.unit in ("", "x", *_SHARES)
    found = _COLUMN.match(figure.selector)
    asked, column = (found[1], found[2]) if found is not None else ("", "")
    if asked in _EDGES:
        return figure.unit in ("clock", "date")
    is_ms, is_share = "_ms" in column, any(word in column for word in ("ratio", "share", "utilization"))
    if is_ms or figure.unit == "ms":
        return is_ms and figure.unit == "ms"
    if not column or column in _COUNTS:
        return figure.unit in ("", "count")
    return not (is_share and figure.unit in ("count", "s", "MB", "time"))


_COUNTS: Collection[str] = ("count", "requests", "errors", "failed", "seen", "affected", "restarts", "traces", "spans")
