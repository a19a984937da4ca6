"""The program in processes of their own that can be killed; what is slow to import is imported once for all of them."""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

SLOW = [
    *("watchkeeper.assembly", "watchkeeper.agents.endpoint", "watchkeeper.agents.investigator", "watchkeeper.cli.app"),
    *("watchkeeper.workflows.conductor", "watchkeeper.assembly.steps", "alembic.command", "psycopg"),
    *("watchkeeper.cli.serve", "watchkeeper.assembly.on_duty", "watchkeeper.server.running", "nicegui", "bm25s"),
    *("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg"),
]
"""What is of an installed package: tests' own modules cannot be imported beforehand."""


def started(words: tuple[str, ...], environment: Mapping[str, str], output: Path) -> BaseProcess:
    """The program with these words, in an environment of its own; what it prints goes to a file."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(SLOW)
    process = context.Process(target=_typed, args=(words, dict(environment), output))
    process.start()
    return process


def _typed(words: tuple[str, ...], environment: dict[str, str], output: Path) -> None:
    with output.open("w") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.environ.update(environment)
    sys.argv = ["watchkeeper", *words]
    from watchkeeper.cli import main

    main()
