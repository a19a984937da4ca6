"""Which pieces of runbooks are near a query: a Protocol, and the answer from memory where no folder can be used."""

from collections.abc import Sequence
from typing import Protocol

from watchkeeper.knowledge.chunks import Chunk
from watchkeeper.knowledge.embedding import Embedder, Vectors, checked

MOST_NEAR = 64
"""How many pieces are asked for; pieces further away count as not near at all."""


class Similarity(Protocol):
    """Whoever knows the vectors of all pieces."""

    def near(self, vector: Vectors) -> dict[str, float]:
        """Cosine by id of the pieces nearest to a query, whose vector has shape (1, dimensions)."""

    def is_current(self) -> bool:
        """Whether nobody else changed what is kept since it was opened."""

    def close(self) -> None:
        """Let go of files."""


class InMemory:
    """Vectors in memory, made anew for every process."""

    def __init__(self, chunks: Sequence[Chunk], embedder: Embedder) -> None:
        self._ids = [chunk.id for chunk in chunks]
        texts = [chunk.text for chunk in chunks]
        self._rows = checked(embedder.embed(texts), len(texts)) if texts else None

    def near(self, vector: Vectors) -> dict[str, float]:
        """Cosine by id of the pieces, all of them."""
        if self._rows is None or self._rows.shape[1] != vector.shape[1]:
            return {}
        return dict(zip(self._ids, (self._rows @ vector[0]).tolist(), strict=True))

    def is_current(self) -> bool:
        """Always: nobody else sees it."""
        return True

    def close(self) -> None:
        """There is nothing to let go of."""
