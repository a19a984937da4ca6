"""One collection of Chroma's in a folder, with vectors of our own: nothing is downloaded, and nobody is told of it."""

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from watchkeeper.errors import KnowledgeUnavailable
from watchkeeper.knowledge.embedding import Vectors

if TYPE_CHECKING:
    from chromadb import Collection as ChromaCollection
    from chromadb.api.client import Client

NAME = "runbooks"
SPACE = "cosine"
BATCH = 256
"""How many vectors are written or deleted at once."""


class Collection:
    """The vectors of pieces, by id; every failure of Chroma's is a KnowledgeUnavailable."""

    def __init__(self, client: "Client", collection: "ChromaCollection") -> None:
        self._client, self._collection = client, collection

    @classmethod
    def made(cls, folder: Path) -> "Collection":
        """A new, empty one."""
        with _failures():
            client = _client(folder)
            # No embedding function: Chroma's own would download a model.
            made = client.create_collection(NAME, embedding_function=None, metadata={"hnsw:space": SPACE})
            return cls(client, made)

    @classmethod
    def opened(cls, folder: Path, ids: Set[str]) -> "Collection":
        """The one that is kept in the folder, if it holds exactly these pieces and can be searched."""
        if not folder.is_dir():
            raise KnowledgeUnavailable(f"{folder.name} is missing")
        with _failures():
            client = _client(folder)
        try:
            with _failures():
                found = cls(client, client.get_collection(NAME, embedding_function=None))
                kept = found._collection.get(include=[])["ids"]
                probe = found._collection.get(limit=1, include=["embeddings"])["embeddings"]
            if set(kept) != ids:
                raise KnowledgeUnavailable(f"it holds {len(kept)} pieces, expected {len(ids)}")
            if ids:
                found.near(np.asarray(probe, dtype=np.float32), 1)
        except KnowledgeUnavailable:
            client.close()
            raise
        return found

    def put(self, ids: Sequence[str], rows: Vectors) -> None:
        """Add vectors of shape (n, dimensions); those of the same ids are replaced."""
        with _failures():
            self._collection.upsert(ids=list(ids), embeddings=rows)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove vectors."""
        with _failures():
            for at in range(0, len(ids), BATCH):
                self._collection.delete(ids=list(ids[at : at + BATCH]))

    def near(self, vector: Vectors, most: int) -> dict[str, float]:
        """Cosine by id of at most so many vectors nearest to one of shape (1, dimensions)."""
        if most == 0:
            return {}
        with _failures():
            found = self._collection.query(query_embeddings=vector, n_results=most, include=["distances"])
        distances = found["distances"] or [[]]
        return {each: 1.0 - distance for each, distance in zip(found["ids"][0], distances[0], strict=True)}

    def close(self) -> None:
        """Close its files; one that is broken already is let go as it is."""
        with suppress(KnowledgeUnavailable), _failures():
            self._client.close()


def _client(folder: Path) -> "Client":
    import chromadb
    from chromadb.api.client import Client
    from chromadb.config import Settings

    # Neither a file `.env` of wherever we are started nor variables for another Chroma may steer this one.
    settings = Settings(
        _env_file=None,
        chroma_api_impl="chromadb.api.rust.RustBindingsAPI",
        anonymized_telemetry=False,
        chroma_otel_collection_endpoint="",
        migrations="apply",
    )
    # What is declared as returned does not have `close`, what is returned does.
    return cast(Client, chromadb.PersistentClient(folder, settings=settings))


@contextmanager
def _failures() -> Iterator[None]:
    """Turn what Chroma raises, panics of its Rust half included, into KnowledgeUnavailable."""
    from chromadb.errors import ChromaError

    try:
        yield
    except (ChromaError, OSError, RuntimeError, ValueError, KeyError) as error:
        raise KnowledgeUnavailable(_sentence(error)) from error
    except BaseException as error:
        # A panic is no Exception; it has no importable class either.
        if type(error).__name__ != "PanicException":
            raise
        raise KnowledgeUnavailable(_sentence(error)) from error


def _sentence(error: BaseException) -> str:
    return " ".join(f"Chroma: {error}".split())[:300]
