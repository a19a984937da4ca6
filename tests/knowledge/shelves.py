"""Shelves of a test's own: some Markdown in a folder, an index beside it, and what was said meanwhile."""

from collections.abc import Sequence
from pathlib import Path

from watchkeeper.knowledge.embedding import LEXICAL, LexicalEmbedder, Vectors
from watchkeeper.knowledge.shelf import Places, Shelf
from watchkeeper.redaction import redact

DISK = """---
title: Disk full
keywords: [no space left on device]
---
Nothing can be written.

## Mitigation

1. Delete old logs of {service}.
"""
POOL = """# Connection pool exhausted

Requests wait for a connection.

## Diagnosis

- Count the connections.
"""


class Counting:
    """The lexical embedder, and every text that it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return LexicalEmbedder().embed(texts)


def write(folder: Path, **files: str) -> Path:
    """Markdown files by name; `_` in a name stands for `-`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name.replace('_', '-')}.md").write_text(text, encoding="utf-8")
    return folder


class Made:
    """A shelf over folders of the test, with what it said and embedded."""

    def __init__(self, index: Path, *folders: Path) -> None:
        self.said: list[str] = []
        self.embedder = Counting()
        self.index = index
        places = Places(folders, (), index)
        self.shelf = Shelf(places, redact, self.said.append, self.embedder, LEXICAL)

    def embedded(self) -> list[str]:
        """First lines of what was embedded since the last time this was asked, questions included."""
        texts, self.embedder.texts = self.embedder.texts, []
        return [text.splitlines()[0] for text in texts]
