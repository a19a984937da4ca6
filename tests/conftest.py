"""What all tests share: a home of their own, and a way to forbid skips."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A machine may be busy: how long an example takes says nothing about what is tested.
settings.register_profile("watchkeeper", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("watchkeeper")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="end with exit code 1 if any test was skipped")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if session.config.getoption("--fail-on-skip") and skipped and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A $WATCHKEEPER_HOME of the test's own, so that no test reads or writes the person's.

    Its path is short, as people's are: it is in lines that must fit a terminal.
    """
    with tempfile.TemporaryDirectory(prefix="wk-", ignore_cleanup_errors=True) as name:
        yield _home_at(Path(name), monkeypatch)


def _home_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WATCHKEEPER_HOME", str(folder))
    for name in ("WATCHKEEPER_CONFIG", "WATCHKEEPER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return folder
