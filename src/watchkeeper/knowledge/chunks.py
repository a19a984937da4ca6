"""Runbooks in pieces small enough to be compared: one a heading, long ones cut between paragraphs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watchkeeper.knowledge.runbooks import Runbook

LONGEST = 1500


@dataclass(frozen=True)
class Chunk:
    """One piece of one runbook."""

    id: str
    """Made of the file's name, content and place: the same text has the same id."""
    runbook: str
    section: int
    """Which of the runbook's sections it is of, from 0."""
    text: str
    """With title and heading before it, so that it says by itself what it is about."""


def chunks_of(runbook: Runbook) -> list[Chunk]:
    """The pieces of one runbook, in order."""
    pieces = [(at, piece) for at, section in enumerate(runbook.sections) for piece in _pieces(section.text)]
    return [
        Chunk(
            id=f"{runbook.name}#{runbook.content_hash[:16]}#{number}",
            runbook=runbook.name,
            section=at,
            text=f"{runbook.title}\n{runbook.sections[at].heading}\n{piece}",
        )
        for number, (at, piece) in enumerate(pieces)
    ]


def all_chunks(runbooks: Sequence[Runbook]) -> list[Chunk]:
    """The pieces of all of them."""
    return [chunk for runbook in runbooks for chunk in chunks_of(runbook)]


def _pieces(text: str) -> Iterator[str]:
    piece = ""
    for paragraph in text.split("\n\n"):
        if piece and len(piece) + len(paragraph) > LONGEST:
            yield piece
            piece = ""
        piece = f"{piece}\n\n{paragraph}" if piece else paragraph
        while len(piece) > LONGEST:
            yield piece[:LONGEST]
            piece = piece[LONGEST:]
    yield piece
