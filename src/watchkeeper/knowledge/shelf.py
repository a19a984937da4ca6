"""All runbooks at hand: listed, shown, and found by what is wrong; an empty answer means that there is no runbook."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from watchkeeper import library
from watchkeeper.errors import KnowledgeUnavailable, QueryRejected, WatchkeeperError
from watchkeeper.knowledge import reading
from watchkeeper.knowledge.chunks import all_chunks
from watchkeeper.knowledge.embedding import LEXICAL, Embedder, LexicalEmbedder, checked
from watchkeeper.knowledge.queries import Query
from watchkeeper.knowledge.ranking import Fit, Ranking
from watchkeeper.knowledge.runbooks import Hit, Problem, Runbook
from watchkeeper.knowledge.similarity import InMemory, Similarity
from watchkeeper.knowledge.texts import Clean, one_line, visible
from watchkeeper.knowledge.vectors import open_kept
from watchkeeper.redaction import redact
from watchkeeper.settings import Settings

MOST_HITS = 3
LEAST_BESIDE_FIRST = 0.5
"""A further runbook is named only from this share of the first one's score on."""
LONGEST_HIT = 1500
MOST_NAMED = 6

Say = Callable[[str], None]


@dataclass(frozen=True)
class Places:
    """Where runbooks and their index lie."""

    folders: tuple[Path, ...]
    optional: tuple[Path, ...]
    """Those of the folders that need not exist."""
    index: Path


class Shelf:
    """The runbooks of some folders; what changes in them is noticed by the next question."""

    def __init__(self, places: Places, clean: Clean, say: Say, embedder: Embedder, embedding: str) -> None:
        self._places, self._clean, self._say = places, clean, say
        self._embedder, self._embedding = embedder, embedding
        self._turn = threading.RLock()
        self._near: Similarity | None = None
        self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def runbooks(self) -> tuple[Runbook, ...]:
        """All that could be read, by name."""
        return self._reading.runbooks

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was passed over, one sentence each."""
        return self._reading.problems

    def get(self, name: str) -> Runbook:
        """The runbook of that name; raises QueryRejected, with the nearest name, where there is none."""
        found = next((runbook for runbook in self.runbooks if runbook.name == name), None)
        if found is None:
            names = [runbook.name for runbook in self.runbooks]
            raise QueryRejected(f"there is no runbook {one_line(name, 80)!r}{library.did_you_mean(name, names)}")
        return found

    def find(self, query: Query, most: int = MOST_HITS) -> tuple[Hit, ...]:
        """The runbooks that fit, the best first; empty where there is none for it."""
        with self._turn:
            self._refresh()
            candidates = [at for at, each in enumerate(self.runbooks) if _is_for(each, query)]
            if query.is_empty or not candidates:
                return ()
            near = self._nearest(query)
            fits = self._ranking.fits(query)
        pieces = [near.get(each.name, (0, 0.0)) for each in self.runbooks]
        scores = _fused([(fits[at].bm25, fits[at].coverage, pieces[at][1]) for at in candidates])
        ranked = sorted(zip(candidates, scores, strict=True), key=lambda pair: -pair[1])
        best = [(at, score) for at, score in ranked if _is_offered(self.runbooks[at], query, fits[at])]
        return tuple(
            _hit(self.runbooks[at], pieces[at][0], score, fits[at], query)
            for at, score in best[:most]
            if score >= LEAST_BESIDE_FIRST * best[0][1]
        )

    def reindex(self) -> int:
        """Read every folder again and make the index anew; returns how many runbooks there are."""
        with self._turn:
            self.close()
            self._read()
            self._near = self._opened(anew=True)
            return len(self.runbooks)

    def close(self) -> None:
        """Let go of the index's files; the next question opens them again."""
        with self._turn:
            if self._near is not None:
                self._near.close()
            self._near = None

    def _read(self) -> None:
        self._reading = reading.read(self._places.folders, self._clean, self._places.optional)
        self._ranking_of: Ranking | None = None
        self._chunks = all_chunks(self._reading.runbooks)
        self._sections = {chunk.id: (chunk.runbook, chunk.section) for chunk in self._chunks}

    @property
    def _ranking(self) -> Ranking:
        if self._ranking_of is None:
            self._ranking_of = Ranking(self.runbooks)
        return self._ranking_of

    def _refresh(self) -> None:
        """Take in what was changed since, in the folders or by another process in the index."""
        if reading.stamp(self._places.folders) != self._reading.stamp:
            self.close()
            self._read()
        elif self._near is not None and not self._near.is_current():
            self.close()

    def _nearest(self, query: Query) -> dict[str, tuple[int, float]]:
        """By runbook, its section nearest to the query and how near that is."""
        text = " ".join([query.text, *query.measures]) or " ".join(query.focus)
        found: dict[str, tuple[int, float]] = {}
        for piece, cosine in self._cosines(text).items():
            name, section = self._sections.get(piece, ("", 0))
            if name and cosine > found.get(name, (0, 0.0))[1]:
                found[name] = (section, cosine)
        return found

    def _cosines(self, text: str) -> dict[str, float]:
        try:
            vector = checked(self._embedder.embed([text]), 1)
            if self._near is None:
                self._near = self._opened()
            return self._near.near(vector)
        except WatchkeeperError as error:
            self._say(f"{error}; this time runbooks are searched by their words alone")
            self.close()
        lexical = LexicalEmbedder()
        return InMemory(self._chunks, lexical).near(checked(lexical.embed([text]), 1))

    def _opened(self, anew: bool = False) -> Similarity:
        try:
            return open_kept(self._places.index, self._chunks, self._embedder, self._embedding, self._say, anew)
        except KnowledgeUnavailable as error:
            self._say(f"{error}; runbooks are searched in memory")
            return InMemory(self._chunks, self._embedder)


def open_shelf(settings: Settings, say: Say, embedder: Embedder | None = None) -> Shelf:
    """The runbooks that the settings name; `embedder` is needed where they ask for an endpoint's embeddings."""
    chosen, own = settings.knowledge, settings.home / "config" / "runbooks"
    shipped = library.HOME / "config" / "runbooks"
    folders = (shipped, own, *(settings.home / folder.expanduser() for folder in chosen.folders))
    places = Places(folders, (own,), settings.home / chosen.index.expanduser())
    lexical = chosen.embedding == "lexical" or embedder is None
    if chosen.embedding == "endpoint" and embedder is None:
        say("no endpoint for embeddings is at hand: runbooks are searched by their words alone")
    name = LEXICAL if lexical else f"endpoint {chosen.embedding_model}".strip()
    return Shelf(places, _cleaning(settings), say, embedder if embedder and not lexical else LexicalEmbedder(), name)


def _cleaning(settings: Settings) -> Clean:
    chosen = settings.redaction
    if not chosen.enabled:
        return str
    return partial(redact, ip_addresses=chosen.ip_addresses, extra_patterns=chosen.extra_patterns)


def _is_for(runbook: Runbook, query: Query) -> bool:
    """Whether a runbook may be offered: those that say what they are for are for nothing else."""
    kind, component = query.stated_kind, query.component
    return (kind is None or not runbook.applies_to or kind in runbook.applies_to) and (
        component is None or not runbook.services or component in runbook.services
    )


def _is_offered(runbook: Runbook, query: Query, fit: Fit) -> bool:
    return query.stated_kind in runbook.applies_to or fit.is_enough


def _fused(signals: Sequence[tuple[float, float, float]]) -> list[float]:
    """Sum of the signals, each divided by its largest value among the candidates."""
    tops = [max(column) for column in zip(*signals, strict=True)]
    return [sum(value / top for value, top in zip(row, tops, strict=True) if top > 0) for row in signals]


def _hit(runbook: Runbook, at: int, score: float, fit: Fit, query: Query) -> Hit:
    section = runbook.sections[at]
    return Hit(
        runbook=runbook,
        title=runbook.title,
        section=section.heading,
        text=visible(section.text, LONGEST_HIT),
        score=round(score, 3),
        path=runbook.path,
        why=_why(runbook, fit, query),
    )


def _why(runbook: Runbook, fit: Fit, query: Query) -> str:
    reasons = [f"written for {query.stated_kind}"] if query.stated_kind in runbook.applies_to else []
    if fit.matched:
        reasons.append(f"has {', '.join(fit.matched[:MOST_NAMED])}")
    reasons.append(f"explains {fit.explained:.0%} of what was asked")
    return "; ".join(reasons)
