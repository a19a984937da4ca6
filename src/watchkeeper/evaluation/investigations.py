"""A model's engine for suites: the endpoint of the settings, or replies that were recorded, turn by turn."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchkeeper import assembly
from watchkeeper.errors import ConfigError, ModelUnavailable
from watchkeeper.evaluation.attempts import InvestigatorOf
from watchkeeper.evaluation.scorecard import Engine, Graph
from watchkeeper.settings import Settings

if TYPE_CHECKING:
    from watchkeeper.agents.client import Client
    from watchkeeper.agents.meter import Spent
    from watchkeeper.agents.scripted import Turn

REPLIES = "replies.jsonl"
Say = Callable[[str], None]


@contextmanager
def investigators(
    settings: Settings, engine: Engine, graph: Graph | None, replies: Path | None, say: Say
) -> Iterator[tuple[InvestigatorOf, Graph | None]]:
    """Who looks further at each case, and by which graph; nobody, and None, for the rules alone.

    Raises ConfigError where replies or a graph are named for the rules, or replies are not there.
    """
    if engine == "rules":
        if graph is not None or replies is not None:
            raise ConfigError("--graph and --replies are for --engine model, expected none with the rules")
        yield (lambda _: None), None
        return
    used: Graph = graph or settings.model.graph
    if replies is not None and not replies.is_dir():
        raise ConfigError(f"--replies: {replies} is not there, expected a folder with a folder for each case")
    with assembly.open_investigator(settings, say, graph=used, keeps=False) as investigator:
        if replies is None:
            yield (lambda _: investigator), used
        else:
            folder: Path = replies
            yield (lambda case: replace(investigator, client_of=partial(_replayed, folder / case / used))), used


def _replayed(folder: Path, already: "Spent") -> "Client":
    """A client whose replies are those of the folder, in their order; raises ModelUnavailable where there are none."""
    from watchkeeper.agents.scripted import scripted_client

    file = folder / REPLIES
    if not file.is_file():
        raise ModelUnavailable(f"no replies were recorded in {file.parent.parent.name}/{file.parent.name}")
    return scripted_client([*turns_of(file), ModelUnavailable("the recorded replies are over")], already=already)


def turns_of(file: Path) -> "list[Turn]":
    """The replies of a file, one JSON a line as the endpoint gave them: `content` and `tool_calls`.

    Raises ConfigError naming the line that is none.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    return [_turn(json.loads(line), f"{file}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _turn(reply: dict[str, Any], where: str) -> "Turn":
    calls: list[dict[str, Any]] = reply.get("tool_calls") or []
    if calls:
        return [(str(call["name"]), dict(call.get("arguments") or {})) for call in calls]
    text = reply.get("content")
    if not isinstance(text, str):
        raise ConfigError(f"{where}: expected `content` or `tool_calls`")
    return text
