"""The ten runbooks of the project: whole, short, and with commands that exist."""

import re
import shlex
import textwrap

import pytest
import typer
from typer.core import TyperGroup

from test_readme import parse
from watchkeeper import library
from watchkeeper.cli.app import app
from watchkeeper.knowledge.filling import NAMES
from watchkeeper.knowledge.reading import read
from watchkeeper.knowledge.runbooks import Runbook
from watchkeeper.redaction import redact

FOLDER = library.HOME / "config" / "runbooks"
READING = read([FOLDER], redact)
PARTS = ["What you see", "Diagnosis", "Mitigation", "When to stop", "Verify", "Afterwards"]
LONGEST_LINES = 70

each_runbook = pytest.mark.parametrize("runbook", READING.runbooks, ids=lambda each: each.name)


def test_there_are_ten_and_each_can_be_read() -> None:
    assert READING.problems == ()
    assert len(READING.runbooks) == 10


@each_runbook
def test_each_has_the_same_parts_and_fits_on_a_page(runbook: Runbook) -> None:
    assert [section.heading for section in runbook.sections] == ["", *PARTS]
    assert len(runbook.path.read_text().splitlines()) <= LONGEST_LINES
    assert {step.section for step in runbook.steps({})} == {"Diagnosis", "Mitigation", "When to stop", "Verify"}


@each_runbook
def test_each_knows_what_it_is_for_and_uses_only_values_that_exist(runbook: Runbook) -> None:
    assert runbook.applies_to
    assert runbook.keywords
    assert set(re.findall(r"\{([a-z_]+)\}", runbook.path.read_text())) <= NAMES


@each_runbook
def test_each_runbook_that_another_one_names_exists(runbook: Runbook) -> None:
    named = set(re.findall(r"[Rr]unbook ([a-z]+-[a-z-]+|cpu|memory|latency)\b", runbook.path.read_text()))
    assert named <= {each.name for each in READING.runbooks}


@each_runbook
def test_every_command_of_ours_exists(runbook: Runbook) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", runbook.path.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in textwrap.dedent(block).splitlines()]
    ours = [shlex.split(line)[1:] for line in lines if line.startswith("watchkeeper ")]
    for words in ours:
        parse(group, words)
