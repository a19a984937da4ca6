"""A wheel is built, installed elsewhere and run: what it needs travels in it."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with only the wheel in it; dependencies are borrowed from this one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    borrowed = next(path for path in sys.path if path.endswith("site-packages"))
    # A plain line adds the folder only: the checkout, which is linked from there, stays out of sight.
    (site / "borrowed.pth").write_text(f"{borrowed}\n")
    return folder


def run(elsewhere: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "WATCHKEEPER_HOME": str(home)}
    command = [str(elsewhere / "bin" / "python"), *words]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=False)


def test_the_configuration_travels_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"watchkeeper/_shipped/config/watchkeeper.yaml", "watchkeeper/_shipped/config/services.yaml"} <= {*names}
    assert "watchkeeper/py.typed" in names
    assert not [name for name in names if name.startswith(("tests", "evals", "docs"))]


def test_the_command_is_offered(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (entries,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
    assert "watchkeeper = watchkeeper.cli:main" in archive.read(entries).decode()


def test_it_runs_elsewhere_and_says_which_it_is(elsewhere: Path, tmp_path: Path) -> None:
    where = run(elsewhere, tmp_path, "-c", "import watchkeeper; print(watchkeeper.__file__)")
    assert where.stdout.startswith(str(elsewhere))
    answer = run(elsewhere, tmp_path, "-m", "watchkeeper", "--version")
    assert (answer.returncode, answer.stdout.split()[0]) == (0, "watchkeeper")


def test_it_reads_its_settings_elsewhere(elsewhere: Path, tmp_path: Path) -> None:
    answer = run(elsewhere, tmp_path, "-m", "watchkeeper", "doctor")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "telemetry.duckdb" in answer.stdout


def test_the_demo_says_what_is_missing_elsewhere(elsewhere: Path, tmp_path: Path) -> None:
    answer = run(elsewhere, tmp_path, "-m", "watchkeeper", "demo")
    assert answer.returncode == 2
    assert "the recording is part of the repository" in answer.stderr
