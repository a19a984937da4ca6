"""The kept index: Chroma in a folder, only what changed is embedded again, and all of it where the folder is broken."""

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from watchkeeper.errors import KnowledgeUnavailable, WatchkeeperError
from watchkeeper.knowledge import manifest as manifests
from watchkeeper.knowledge.chroma import BATCH, Collection
from watchkeeper.knowledge.chunks import Chunk
from watchkeeper.knowledge.embedding import Embedder, Vectors, checked
from watchkeeper.knowledge.manifest import Manifest
from watchkeeper.knowledge.similarity import MOST_NEAR

LOCK = "lock"
PREFIX = "chroma-"
"""Folders with this name inside the index's folder are ours: old ones are deleted, everything else is left alone."""

Say = Callable[[str], None]


class Busy(KnowledgeUnavailable):
    """Another process is writing the index at this moment."""


class Kept:
    """An index in a folder, open for questions."""

    def __init__(self, folder: Path, manifest: Manifest, collection: Collection) -> None:
        self._folder, self._manifest, self._collection = folder, manifest, collection
        self.generation = manifest.generation

    def near(self, vector: Vectors) -> dict[str, float]:
        """Cosine by id of the nearest pieces; raises KnowledgeUnavailable where the index broke since."""
        if vector.shape[1] != self._manifest.dimensions:
            raise KnowledgeUnavailable(
                f"the query's vector has {vector.shape[1]} dimensions, those of the index {self._manifest.dimensions}"
            )
        return self._collection.near(vector, min(MOST_NEAR, len(self._manifest.ids)))

    def is_current(self) -> bool:
        """Whether the manifest is still the one that was opened."""
        return manifests.read(self._folder) == self._manifest

    def close(self) -> None:
        """Let Chroma close its files."""
        self._collection.close()


def open_kept(
    folder: Path, chunks: Sequence[Chunk], embedder: Embedder, embedding: str, say: Say, anew: bool = False
) -> Kept:
    """The index of exactly these pieces; says what it had to make anew, and why.

    One process writes at a time; another one reads what is kept if that is what it needs. Raises
    KnowledgeUnavailable where the folder cannot be used, or what the embedder raises.
    """
    _make(folder, say)
    try:
        with _held(folder / LOCK):
            writer = _Writer(folder, chunks, embedder, embedding, say)
            kept = writer.opened(anew)
            writer.sweep(kept.generation)
            return kept
    except Busy as busy:
        known = manifests.read(folder)
        if known is None or anew or known.embedding != embedding or known.ids != {chunk.id for chunk in chunks}:
            raise
        try:
            return Kept(folder, known, Collection.opened(folder / known.generation, known.ids))
        except KnowledgeUnavailable as error:
            # It was replaced between the two looks at it.
            raise busy from error


class _Writer:
    """The one who holds the lock."""

    def __init__(self, folder: Path, chunks: Sequence[Chunk], embedder: Embedder, embedding: str, say: Say) -> None:
        self._folder, self._chunks, self._embedder, self._embedding = folder, chunks, embedder, embedding
        self._say = say

    def opened(self, anew: bool) -> Kept:
        known = None if anew else self._usable()
        if known is not None:
            try:
                return self._changed(known, Collection.opened(self._folder / known.generation, known.ids))
            except KnowledgeUnavailable as error:
                self._say(f"the runbooks' index at {self._folder} is broken ({error}): it is made anew")
        return self._made()

    def _usable(self) -> Manifest | None:
        known = manifests.read(self._folder)
        if known is None:
            if any(self._folder.iterdir()) and {each.name for each in self._folder.iterdir()} != {LOCK}:
                self._say(f"{self._folder} holds no index of runbooks that can be read: it is made anew")
        elif known.embedding != self._embedding:
            self._say(
                f"the runbooks' index was made with the embedding {known.embedding}, now it is {self._embedding}: "
                "it is made anew"
            )
            return None
        return known

    def _changed(self, known: Manifest, collection: Collection) -> Kept:
        """The kept index after what was removed is deleted and what is new is added."""
        wanted = {chunk.id for chunk in self._chunks}
        try:
            if known.ids == wanted:
                return Kept(self._folder, known, collection)
            collection.delete(sorted(known.ids - wanted))
            new = [chunk for chunk in self._chunks if chunk.id not in known.ids]
            dimensions = self._add(collection, new) or known.dimensions
            if dimensions != known.dimensions:
                raise KnowledgeUnavailable(
                    f"new embeddings have {dimensions} dimensions, those kept {known.dimensions}"
                )
            return self._written(known.generation, dimensions, collection)
        except WatchkeeperError:
            collection.close()
            raise

    def _made(self) -> Kept:
        """A new index beside the old one, which is then deleted: whoever reads the old one is not disturbed."""
        generation = f"{PREFIX}{uuid.uuid4().hex[:12]}"
        collection = Collection.made(self._folder / generation)
        try:
            dimensions = self._add(collection, self._chunks) or 1
            return self._written(generation, dimensions, collection)
        except WatchkeeperError:
            collection.close()
            shutil.rmtree(self._folder / generation, ignore_errors=True)
            raise

    def sweep(self, generation: str) -> None:
        """Delete what other generations left behind, such as a folder that a late reader made again."""
        for old in self._folder.glob(f"{PREFIX}*"):
            if old.name != generation:
                shutil.rmtree(old, ignore_errors=True)

    def _add(self, collection: Collection, chunks: Sequence[Chunk]) -> int:
        """How many dimensions the vectors have that were added; 0 where there was nothing to add."""
        dimensions = 0
        for at in range(0, len(chunks), BATCH):
            batch = chunks[at : at + BATCH]
            rows = checked(self._embedder.embed([chunk.text for chunk in batch]), len(batch))
            dimensions = int(rows.shape[1])
            collection.put([chunk.id for chunk in batch], np.ascontiguousarray(rows))
        return dimensions

    def _written(self, generation: str, dimensions: int, collection: Collection) -> Kept:
        files: dict[str, tuple[str, ...]] = {}
        for chunk in self._chunks:
            files[chunk.runbook] = (*files.get(chunk.runbook, ()), chunk.id)
        manifest = Manifest(embedding=self._embedding, dimensions=dimensions, generation=generation, files=files)
        try:
            manifests.write(self._folder, manifest)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        return Kept(self._folder, manifest, collection)


def _make(folder: Path, say: Say) -> None:
    """The folder, for the owner only; a file that lies in its place is renamed, never deleted."""
    try:
        if folder.exists() and not folder.is_dir():
            aside = folder.with_name(f"{folder.name}.set-aside-{uuid.uuid4().hex[:6]}")
            folder.rename(aside)
            say(f"{folder} was a file, expected the folder of the runbooks' index: it is now {aside.name}")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from error


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold the lock of the index; raises Busy where somebody else does."""
    try:
        import fcntl
    except ImportError:  # not a Unix: without a lock, the manifest alone tells of others
        yield
        return
    try:
        file = lock.open("a")
    except OSError as error:
        raise _unusable(lock.parent, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another process is writing the runbooks' index at {lock.parent}") from error
        except OSError as error:
            raise _unusable(lock.parent, error) from error
        yield


def _unusable(folder: Path, error: OSError) -> KnowledgeUnavailable:
    return KnowledgeUnavailable(f"the runbooks' index at {folder} cannot be written: {error.strerror or error}")
