"""Each recorded drill, opened once for all questions about it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recorded_chats import RECORDINGS, Recorded


@pytest.fixture(scope="session", params=RECORDINGS, ids=lambda folder: folder.name)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Each recorded drill in turn, and a chat about it."""
    yield from _opened(request.param, tmp_path_factory)


@pytest.fixture(scope="session")
def bad_deploy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """The recorded bad deploy of checkout."""
    yield from _opened(next(f for f in RECORDINGS if f.name == "bad-deploy-checkout"), tmp_path_factory)


def _opened(folder: Path, homes: pytest.TempPathFactory) -> Iterator[Recorded]:
    opened = Recorded(folder, homes.mktemp("home"))
    yield opened
    opened.sources.close()
