"""How well each runbook fits a query by its words: BM25 over four fields, coverage of its title, what is explained."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.knowledge.queries import Query
from watchkeeper.knowledge.runbooks import Runbook
from watchkeeper.knowledge.words import words

TITLE, LEAD, BODY, CODE = 2.0, 1.0, 0.5, 0.3
"""Weights of the fields: title and keywords, what stands before the first check, the rest, blocks of code."""
K1, B = 1.2, 0.6
IN_BODY = 0.5
"""How far a word is explained by a runbook that has it only below its checks and fixes, or in code."""
LEAST_EXPLAINED, LEAST_TOGETHER = 0.2, 0.8
"""Below either, a runbook is not offered: see `is_enough`."""


@dataclass(frozen=True)
class Fit:
    """How one runbook fits one query."""

    bm25: float
    coverage: float
    """Of its title or one of its keywords, the share of the idf mass that the query holds, 0 to 1."""
    explained: float
    """Of what the query is about, the share of the idf mass that the runbook holds, 0 to 1."""
    matched: tuple[str, ...]
    """Words of the query that it holds, the rarest first."""

    @property
    def is_enough(self) -> bool:
        """Whether the runbook is about what was asked at all, however badly the others fit.

        Absolute: it does not depend on which other runbook is best. The limits were chosen on the first half of the
        questions in tests/knowledge/questions.py and checked on the other; docs/runbooks.md has the figures.
        """
        return self.explained >= LEAST_EXPLAINED and self.explained + self.coverage >= LEAST_TOGETHER


@dataclass(frozen=True)
class _Fields:
    """The words of one runbook, by where they stand."""

    phrases: tuple[tuple[str, ...], ...]
    lead: tuple[str, ...]
    body: tuple[str, ...]
    code: tuple[str, ...]

    @property
    def title(self) -> tuple[str, ...]:
        return tuple(word for phrase in self.phrases for word in phrase)

    @property
    def foremost(self) -> frozenset[str]:
        return frozenset((*self.title, *self.lead))

    @property
    def everything(self) -> frozenset[str]:
        return frozenset((*self.title, *self.lead, *self.body, *self.code))


class Ranking:
    """The word statistics of a row of runbooks, ready to be asked."""

    def __init__(self, runbooks: Sequence[Runbook]) -> None:
        self._fields = [_fields(runbook) for runbook in runbooks]
        self._counts = Counter(word for each in self._fields for word in each.everything)
        self._indexes = [
            _Bm25([each.title for each in self._fields], TITLE),
            _Bm25([each.lead for each in self._fields], LEAD),
            _Bm25([each.body for each in self._fields], BODY),
            _Bm25([each.code for each in self._fields], CODE),
        ]

    def fits(self, query: Query) -> list[Fit]:
        """One fit a runbook, in the order of the runbooks."""
        focus, context = query.focus, query.context
        # What it is about counts twice beside what else was said.
        asked = [*focus, *focus, *context]
        scores = np.sum([index.scores(asked) for index in self._indexes], axis=0)
        held = frozenset((*focus, *context))
        return [
            Fit(
                bm25=float(score),
                coverage=max((self._share(phrase, held) for phrase in each.phrases), default=0.0),
                explained=self._explained(frozenset(focus), each),
                matched=tuple(sorted(held & each.foremost, key=lambda word: (-self._idf(word), word))),
            )
            for each, score in zip(self._fields, scores, strict=True)
        ]

    def _idf(self, word: str) -> float:
        total, holding = len(self._fields), self._counts[word]
        return math.log1p((total - holding + 0.5) / (holding + 0.5))

    def _mass(self, chosen: Iterable[str]) -> float:
        return sum(self._idf(word) for word in chosen)

    def _share(self, phrase: tuple[str, ...], held: frozenset[str]) -> float:
        mass = self._mass(set(phrase))
        return self._mass(set(phrase) & held) / mass if mass else 0.0

    def _explained(self, focus: frozenset[str], fields: _Fields) -> float:
        mass = self._mass(focus)
        foremost = self._mass(focus & fields.foremost)
        below = self._mass(focus & (fields.everything - fields.foremost))
        return (foremost + IN_BODY * below) / mass if mass else 0.0


class _Bm25:
    """One field of all runbooks."""

    def __init__(self, documents: Sequence[tuple[str, ...]], weight: float) -> None:
        import bm25s  # type: ignore[import-untyped]

        self._weight, self._documents = weight, len(documents)
        self._index = None
        if any(documents):
            self._index = bm25s.BM25(k1=K1, b=B, method="lucene")
            self._index.index([list(each) for each in documents], show_progress=False)

    def scores(self, asked: list[str]) -> NDArray[np.float64]:
        """One weighted score a document, shape (documents,)."""
        if self._index is None or not asked:
            return np.zeros(self._documents)
        return self._weight * np.asarray(self._index.get_scores(asked), dtype=np.float64)


def _fields(runbook: Runbook) -> _Fields:
    lead: list[str] = []
    body: list[str] = []
    code: list[str] = []
    for section in runbook.sections:
        (lead if section.role == "seen" else body).append(f"{section.heading}\n{section.prose}")
        code.append(section.code)
    phrases = (tuple(words(text)) for text in (runbook.title, *runbook.keywords))
    return _Fields(
        phrases=tuple(dict.fromkeys(phrase for phrase in phrases if phrase)),
        lead=tuple(words("\n".join(lead))),
        body=tuple(words("\n".join(body))),
        code=tuple(words("\n".join(code))),
    )
