"""Which watchkeeper it is that is measured."""

import subprocess
from pathlib import Path

from watchkeeper import __version__


def commit() -> str:
    """The commit that is running, else the version."""
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return __version__
    return done.stdout.strip()
