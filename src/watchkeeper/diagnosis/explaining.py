"""What a model may explain in a diagnosis: the stated cause, in a closed vocabulary, with numbers filled in.

Whoever can write a log line can try to have it repeated as a finding, word for word or by its sense. So beside what
`phrasing` refuses, a sentence may have no word that is neither common nor part of a component's name, and may not run
along with a text that telemetry, a runbook or a ticket brought in; quoting is what claims are for. It must speak of a
stated cause. Others may only be said to wait for it, for whoever is named beside a cause is soon taken for one. And it
explains: it neither advises nor says that something is well. What to do comes from a closed list, and that nothing is
wrong is for code to find.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import pyarrow as pa

from watchkeeper.diagnosis.phrasing import ROWS_READ, Speech
from watchkeeper.diagnosis.vocabulary import COMMON, SHORT
from watchkeeper.domain import Evidence
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.prose import PLACEHOLDER, Filled

MOST_WORDS = 3
"""Words of a name beyond which it is a sentence, and may say anything."""
RUN = 3
"""So many words in a row are a text of somebody's, and no coincidence."""
_WORD = re.compile(r"[^\W\d_]+")


def _any_of(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words.split(', '))})\b", re.IGNORECASE)


_ADVICE = re.compile(
    r"\b(?:should|must|needs?|ha(?:s|ve|d) to|to be|restart|restarting|roll(?:back|ed|ing)?|revert\w*|blame\w*)\b"
    r"|(?:^|[.,;:()]|\b(?:and|then|so|now|first|but|or)\b)\s*\b"
    r"(?:take|look|show|tell|make|keep|give|let|call|check|set|see|say|do|bring|try|run|leave|follow|report|wait|stop"
    r"|change|deploy|raise|start|have|get|put|use|find|answer|confirm|open|reach|suspect|trace)\b(?! of\b)",
    re.IGNORECASE,
)
"""Words that tell a reader what to do, or that could."""
_CLEARING = _any_of(
    r"nothing, none, no, nor, not, never, neither, cannot, without, hardly, unlikely, unlike, fine, well, normal\w*, "
    r"healthy, stable, gone, expected, recover\w*, unchanged, over, as usual, as before"
)
"""Words that say that something is well, is over, or was not it."""
_WAITING = re.compile(r"\b(?:only )?wait(?:s|ed)? (?:for|on)\b", re.IGNORECASE)
_LISTING = frozenset(["and", "or", "both", "also", "all", "only", "just", "requests", "to", "of", "the", "calls"])
"""What may stand between the names of those who wait."""
_FIGURE = re.compile(r"-?[\d.,:e+-]+(?: ?(?:ms|s|%|MB|UTC|[\d:]+ UTC))?")


@dataclass(frozen=True)
class Explaining:
    """Judges sentences about one diagnosis."""

    speech: Speech
    brought: frozenset[tuple[str, ...]]
    """Runs of words that telemetry brought in."""

    def accepted(self, sentence: str, causes: Collection[str]) -> Filled | str:
        """The sentence filled; or, as text, why it is refused. `causes` are those that are stated."""
        bare = " ".join(PLACEHOLDER.sub(" ", sentence).split())
        if because := self._refused(bare, causes):
            return because
        filled = self.speech.accepted(sentence, causes, self.speech.components)
        if isinstance(filled, Filled) and any(_FIGURE.fullmatch(figure.text) is None for figure in filled.figures):
            return "it quotes a text: claims may, sentences carry figures"
        return filled

    def _refused(self, bare: str, causes: Collection[str]) -> str:
        """Why nothing like that is said; empty where it may be."""
        if strange := sorted(_all_words(bare) - COMMON - SHORT - _words_in_names(self.speech.components)):
            return f"it has words that are not common: {', '.join(strange[:3])}"
        if runs_in(bare) & self.brought:
            return "it repeats a text of telemetry"
        if _ADVICE.search(bare) is not None:
            return "it advises: what to do has a field of its own"
        if _CLEARING.search(bare) is not None:
            return "it says that something is well, or is not so: that is for code to find"
        named = _named(bare, self.speech.components)
        if strays := sorted(named - set(causes)):
            return "" if self._all_wait(bare, causes) else f"it speaks of {strays[0]}, of which nothing is established"
        return "" if named else "it speaks of no cause that is stated"

    def _all_wait(self, bare: str, causes: Collection[str]) -> bool:
        """Whether it says of others that they wait for a cause, and nothing else."""
        found = _WAITING.search(bare)
        if found is None:
            return False
        those, after = bare[: found.start()], _named(bare[found.end() :], self.speech.components)
        for name in sorted(self.speech.components, key=len, reverse=True):
            those = _name(name).sub(" ", those)
        return _all_words(those) <= _LISTING and bool(after) and after <= set(causes)


def brought_in(answers: Answers, evidence: Iterable[Evidence], said: str) -> frozenset[tuple[str, ...]]:
    """Runs of words in telemetry, in runbooks and cases that were found, and in what was `said` by an alert."""
    found = set(runs_in(said))
    for entry in evidence:
        found |= {run for row in entry.rows.values for value in row if isinstance(value, str) for run in runs_in(value)}
        found |= _runs_of(answers, entry)
    return frozenset(found)


def runs_in(text: str) -> frozenset[tuple[str, ...]]:
    """Every run of so many words, in small letters."""
    words = [word.casefold() for word in _WORD.findall(text)]
    return frozenset(tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1))


def _runs_of(answers: Answers, entry: Evidence) -> set[tuple[str, ...]]:
    try:
        rows = answers.rows(entry.id).slice(0, ROWS_READ)
    except (QueryRejected, SourceUnavailable):
        return set()
    texts = (rows[name].unique().to_pylist() for name in rows.column_names if pa.types.is_string(rows[name].type))
    return {run for column in texts for text in column if text for run in runs_in(text)}


def _all_words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text))


def _words_in_names(components: Iterable[str]) -> frozenset[str]:
    return frozenset(word for name in components if len(words := _all_words(name)) <= MOST_WORDS for word in words)


def _named(text: str, components: Iterable[str]) -> set[str]:
    return {name for name in components if _name(name).search(text)}


def _name(component: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(component)}(?![\w-])", re.IGNORECASE)
