"""The only place that builds things from settings: sources, the live store, the pipeline, a case on disk."""

import os
import tempfile
from pathlib import Path

from watchkeeper.domain import CaseFile
from watchkeeper.settings import Settings


def save_case(settings: Settings, case: CaseFile) -> Path:
    """Write the case as JSON under the home, whole or not at all; answers where."""
    folder = settings.home / "cases" / case.incident.id
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False, encoding="utf-8") as file:
        file.write(case.model_dump_json(indent=2))
    path = folder / "case.json"
    os.replace(file.name, path)
    return path
