"""What a model may say in its own words: sentences whose numbers code fills in and whose words are not telemetry's.

Whoever can write a log line can try to have it repeated as a finding. So a sentence is refused where it uses a word
that stands in telemetry (or in a runbook, a ticket, a title) and is no name of a component and no common word; quoting
is what placeholders are for. It is refused too where it has no placeholder, a number of its own, a link, markup or a
command, and where it says of another component than the first one that it caused something.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import pyarrow as pa

from watchkeeper.diagnosis.verify import NAMING
from watchkeeper.diagnosis.vocabulary import COMMON, words_of
from watchkeeper.domain import Evidence
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.prose import PLACEHOLDER, Filled, fill

LONGEST = 320
"""Characters of one sentence, placeholders not counted."""
ROWS_READ = 400
"""Rows of one piece of evidence whose words count as telemetry's: more than tools ever tell."""
_PLAIN = re.compile(r"[\w\s.,;:'’\"“”()%/→×±≈<>=+–—-]*", re.UNICODE)
_LINK = re.compile(r"://|www\.|\b[\w-]+\.(?:com|net|org|io|dev|sh|exe)\b|[<>]\s*/?\s*[a-z]", re.IGNORECASE)
_COMMAND = re.compile(r"(?:^|\s)(?:sudo|curl|wget|kubectl|docker|helm|bash|rm|ssh|psql|git)\s|\s--?\w", re.IGNORECASE)
_CAUSAL = re.compile(
    r"\b(?:caus\w+|because|due|root|culprit|blame\w*|fault\w*|responsib\w+|broke\w*|trigger\w*|origin\w*|led to"
    r"|lead\w* to|stem\w*|introduc\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Speech:
    """What sentences about one incident are held against."""

    answers: Answers
    names: frozenset[str]
    """Names with digits in them that may be written."""
    components: frozenset[str]
    foreign: frozenset[str]
    """Words of telemetry that are neither common nor part of a component's name."""

    def accepted(self, sentence: str, causes: Collection[str], others: Collection[str] = ()) -> Filled | str:
        """The sentence filled; or, as text, why it is refused.

        Components that may be named are `causes` and `others`; only causes in a sentence about what causes something.
        """
        bare = " ".join(PLACEHOLDER.sub(" ", sentence).split())
        for is_refused, why in _REFUSALS:
            if is_refused(sentence, bare):
                return why
        if said := sorted(words_of(bare) & self.foreign):
            return f"it repeats words of telemetry outside a placeholder ({', '.join(said[:3])})"
        named = {name for name in self.components if _names(bare, name)}
        allowed = {*causes} if _CAUSAL.search(bare) else {*causes, *others}
        if strays := sorted(named - allowed):
            return f"it speaks of {strays[0]}, of which nothing is established"
        try:
            return fill(sentence, self.answers, names=self.names)
        except (QueryRejected, SourceUnavailable) as error:
            return str(error)

    def can_fill(self, template: str) -> bool:
        """Whether every figure of the template can be had."""
        try:
            fill(template, self.answers, names=self.names)
        except (QueryRejected, SourceUnavailable):
            return False
        return True


_REFUSALS: tuple[tuple[Callable[[str, str], bool], str], ...] = (
    (lambda sentence, _: PLACEHOLDER.search(sentence) is None, "it cites no evidence: it has no placeholder"),
    (lambda _, bare: len(bare) > LONGEST, "it is too long"),
    (lambda _, bare: _PLAIN.fullmatch(bare) is None, "it has signs that are no plain text"),
    (lambda _, bare: _LINK.search(bare) is not None, "it has a link or markup"),
    (lambda _, bare: _COMMAND.search(bare) is not None, "it has a command"),
)


def _names(text: str, component: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(component)}(?![\w-])", text, re.IGNORECASE) is not None


def foreign_words(
    answers: Answers, evidence: Iterable[Evidence], components: Iterable[str], said: str
) -> frozenset[str]:
    """Words that only telemetry (or what was `said` by an alert) brings in."""
    found = set(words_of(said))
    for entry in evidence:
        found |= _words_in(answers, entry)
    return frozenset(found) - COMMON - {word for name in components for word in words_of(name)}


def _words_in(answers: Answers, entry: Evidence) -> set[str]:
    found = {w for row in entry.rows.values for value in row if isinstance(value, str) for w in words_of(value)}
    try:
        rows = answers.rows(entry.id).slice(0, ROWS_READ)
    except (QueryRejected, SourceUnavailable):
        return found
    for name in rows.column_names:
        if name not in _TERMS and pa.types.is_string(rows[name].type):
            found |= {w for text in rows[name].unique().to_pylist() if text for w in words_of(text)}
    return found


_TERMS = NAMING & {"metric", "kind"}
"""Columns of words of the field."""
