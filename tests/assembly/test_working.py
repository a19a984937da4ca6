"""A worker beside the server: what it must share."""

import pytest

from watchkeeper import settings
from watchkeeper.assembly.working import require_shared
from watchkeeper.errors import ConfigError

SHARED = "postgresql://someone@somewhere/records"


def test_a_worker_without_a_shared_database_is_refused_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match=r"^records\.url: a worker shares its work with others, expected postgresql"):
        require_shared(settings.load())
    with pytest.raises(ConfigError, match=r"^workflows\.url: "):
        require_shared(settings.load(flags={"records.url": SHARED, "workflows.url": "sqlite:////somewhere"}))
    require_shared(settings.load(flags={"records.url": SHARED}))
