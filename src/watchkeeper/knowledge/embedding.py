"""Texts as vectors: from outside, or lexical, by hashing words and their pieces; the latter knows no meanings."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from watchkeeper.errors import KnowledgeUnavailable
from watchkeeper.knowledge.words import words

Vectors = NDArray[np.float32]

LEXICAL = "lexical-1"
"""The name of our own embedding in the index; it changes whenever the vectors would."""
DIMENSIONS = 1024
PIECES = (3, 4, 5)
"""Lengths of the pieces of words, in characters: they find `postgresql` by `postgres`."""
PIECE_SHARE = 0.5
"""How much all pieces of a word weigh beside the word itself."""


class Embedder(Protocol):
    """Whoever turns texts into vectors that are near each other where the texts are."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, shape (n, dimensions). Raises a WatchkeeperError where it cannot."""


class LexicalEmbedder:
    """Feature hashing of words and character pieces, signed, with square-root counts, of length 1.

    It works offline and finds shared words, forms and parts of words; synonyms it does not know. The method is that
    of Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009), section 2.
    """

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, shape (n, 1024); a text without any word lies apart from all that have some."""
        rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word, count in Counter(words(text)).items():
                _add(row, word, float(count) ** 0.5)
        return unit(rows)


def checked(rows: Vectors, texts: int) -> Vectors:
    """What an embedder returned, as rows of length 1; raises KnowledgeUnavailable where it is no vector a text."""
    array = np.asarray(rows, dtype=np.float32)
    if array.ndim != 2 or array.shape[0] != texts or array.shape[1] == 0 or not np.isfinite(array).all():
        raise KnowledgeUnavailable(
            f"embeddings of {texts} texts came in the shape {array.shape}, expected one finite vector a text"
        )
    return unit(array)


def unit(rows: Vectors) -> Vectors:
    """The rows scaled to length 1; a row of zeros, which has no direction, points along the first dimension."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled = rows / np.where(lengths == 0, 1, lengths)
    scaled[lengths[:, 0] == 0, 0] = 1
    return scaled.astype(np.float32)


def _add(row: NDArray[np.float32], word: str, weight: float) -> None:
    pieces = list(_pieces(word))
    _hash(row, f"={word}", weight)
    for piece in pieces:
        _hash(row, piece, weight * PIECE_SHARE / len(pieces) ** 0.5)


def _pieces(word: str) -> Iterator[str]:
    framed = f"<{word}>"
    for length in PIECES:
        yield from (framed[i : i + length] for i in range(len(framed) - length + 1))


def _hash(row: NDArray[np.float32], feature: str, weight: float) -> None:
    code = zlib.crc32(feature.encode())
    # The first dimension is kept for texts without a word.
    row[1 + (code >> 1) % (DIMENSIONS - 1)] += weight if code & 1 else -weight
