"""What the kept index holds, in a file beside it: which embedding, which files with which content, in which folder."""

import os
from pathlib import Path

from pydantic import ValidationError

from watchkeeper.domain import Noun

FILE = "manifest.json"
LAYOUT = 1


class Manifest(Noun):
    """The state of the index when it was last written in full."""

    layout: int = LAYOUT
    embedding: str
    dimensions: int
    generation: str
    """The name of the folder beside this file in which Chroma keeps the vectors."""
    files: dict[str, tuple[str, ...]]
    """Ids of the pieces by runbook; an id holds the hash of the file's content."""

    @property
    def ids(self) -> frozenset[str]:
        """All pieces that are kept."""
        return frozenset(each for ids in self.files.values() for each in ids)


def read(folder: Path) -> Manifest | None:
    """The manifest of an index's folder; None where there is none that can be read."""
    try:
        found = Manifest.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    is_name = Path(found.generation).name == found.generation and found.generation not in ("", ".", "..")
    return found if found.layout == LAYOUT and is_name else None


def write(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest at once: whoever reads it sees the old one or the new one."""
    draft = folder / f".{FILE}.{os.getpid()}"
    draft.write_text(manifest.model_dump_json(), encoding="utf-8")
    draft.replace(folder / FILE)
