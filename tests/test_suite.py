"""The suite itself: tests run side by side, and a skip is still an error where that is asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadscope")
AT_ONCE = "import pytest\npytest.skip('no such server', allow_module_level=True)\n"
LATER = "import pytest\n\ndef test_a():\n    pytest.skip('no such server')\n\ndef test_b():\n    pass\n"
NONE = "def test_a():\n    pass\n"


def run(folder: Path, tests: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """The suite's own options, over one file of tests in a folder apart."""
    (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (folder / "test_it.py").write_text(tests)
    (folder / "test_other.py").write_text(NONE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "xdist", *SIDE_BY_SIDE, *flags, "."]
    # The other plugins have no part in this and are slow to load in three processes.
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("tests", [AT_ONCE, LATER], ids=["a whole module", "one test"])
def test_a_skip_fails_a_run_that_forbids_it(tmp_path: Path, tests: str) -> None:
    ended = run(tmp_path, tests, "--fail-on-skip")
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 skipped" in ended.stdout.splitlines()[-1]


def test_a_run_without_skips_is_told_in_the_last_line(tmp_path: Path) -> None:
    ended = run(tmp_path, NONE, "--fail-on-skip")
    assert ended.returncode == pytest.ExitCode.OK
    assert "2 passed" in ended.stdout.splitlines()[-1]
