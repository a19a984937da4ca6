"""What README and docs tell a reader to type exists: commands parse, targets are there, links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from watchkeeper.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def typed(page: Path) -> list[list[str]]:
    """The lines of `sh` blocks as words, without prompts and what a shell does with them."""
    blocks = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    plain = [re.split(r"\s[|>&]|\s#|;", line.removeprefix("$ "))[0] for line in lines]
    return [shlex.split(line) for line in plain if line.strip() and not line.startswith("#")]


def parse(group: TyperGroup, words: list[str]) -> None:
    """Parse the words as the command line would, down to the last command, without running anything."""
    context = group.make_context("watchkeeper", list(words))
    _, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
    assert command is not None
    if isinstance(command, TyperGroup):
        parse(command, rest)
    else:
        command.make_context(command.name, rest, parent=context)


@each_page
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for words in typed(page):
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words and Path(words[0]).name == "watchkeeper" and words[1:] not in (["--version"], ["--help"]):
            parse(group, words[1:])


@each_page
def test_every_make_target_that_a_page_shows_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {words[1] for words in typed(page) if words[:1] == ["make"] and len(words) > 1}
    assert shown <= targets


@each_page
def test_every_link_to_a_file_leads_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
