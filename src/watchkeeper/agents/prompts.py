"""Prompts as data: Markdown with Jinja in `prompts/`; a variable that nobody supplies is an error, never a blank."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, meta

from watchkeeper import library
from watchkeeper.errors import ConfigError

FOLDER = library.HOME / "prompts"


def render(name: str, **variables: object) -> str:
    """The prompt of that name, filled; raises ConfigError where it is missing or wants a variable that is not given."""
    try:
        return _environment(FOLDER).get_template(name).render(variables).strip()
    except TemplateNotFound as error:
        raise ConfigError(f"{FOLDER / name}: there is no such prompt") from error
    except TemplateError as error:
        raise ConfigError(f"{FOLDER / name}: {error}") from error


def variables_of(name: str) -> frozenset[str]:
    """What must be supplied to a prompt, the parts that it includes among it."""
    environment = _environment(FOLDER)
    path = FOLDER / name
    parsed = environment.parse(library.read_text(path))
    parts = [part for part in meta.find_referenced_templates(parsed) if part is not None]
    return frozenset(meta.find_undeclared_variables(parsed)).union(*map(variables_of, parts))


@cache
def _environment(folder: Path) -> Environment:
    # A prompt is no HTML: what comes from outside is neutralised where it is put in.
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
