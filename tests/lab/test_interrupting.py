"""Ctrl-C in the middle of a drill: the terminal tells every process of its group."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the lab extra")
pytestmark = pytest.mark.lab
INTERRUPTED = 130
ENOUGH_SECONDS = 90.0
DRILL = ("drill", "run", "nothing", "--minutes", "3", "--record")


@pytest.fixture
def drilling(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A drill in a terminal of its own, its shop about to open; ended at last whatever the test does."""
    command = [sys.executable, "-m", "watchkeeper", *DRILL, str(tmp_path / "kept")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    watchdog = threading.Timer(ENOUGH_SECONDS, process.kill)
    watchdog.start()
    yield process
    watchdog.cancel()
    process.kill()
    process.communicate()


def test_ctrl_c_closes_the_shop_in_order_and_leaves_nothing(drilling: subprocess.Popen[str]) -> None:
    assert drilling.stderr is not None
    told = next(line for line in drilling.stderr if "the shop is open" in line or "watchkeeper:" in line)
    assert "the shop is open" in told
    family = psutil.Process(drilling.pid).children(recursive=True)
    os.killpg(drilling.pid, signal.SIGINT)
    rest = drilling.stderr.read()
    assert (drilling.wait(), rest) == (INTERRUPTED, "interrupted: closing the shop\n")
    _, left = psutil.wait_procs(family, timeout=10)
    assert [process.name() for process in left] == []
