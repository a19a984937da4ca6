"""Where the package's own data lies, and how its YAML is read: once, strictly, with messages that name file and key."""

import difflib
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from watchkeeper.errors import ConfigError

_SHIPPED = Path(__file__).parent / "_shipped"
HOME = _SHIPPED if _SHIPPED.is_dir() else Path(__file__).parents[2]
"""The folder that holds `config/`: inside the package in a wheel, the repository's root in a checkout."""

Model = TypeVar("Model", bound=BaseModel)
Key = tuple[str, ...]

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "model_type": "a section with keys",
    "dict_type": "a section with keys",
    "tuple_type": "a list",
    "list_type": "a list",
    "missing": "a value, but there is none",
}


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise ConfigError(f"line {key.start_mark.line + 1}: `{key.value}` is written twice, expected once")
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def read_text(path: Path) -> str:
    """The text of a file that was named; raises ConfigError where it is missing or unreadable."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text: {error}") from error


def read_yaml(path: Path) -> dict[str, object]:
    """One YAML file as a mapping (an empty file is an empty one); raises ConfigError naming the file."""
    text = read_text(path)
    try:
        # A subclass of SafeLoader: it makes plain values only.
        value = yaml.load(text, Loader=_StrictLoader)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{path}: expected keys with values, as in `server:`, not {_shown(value)}")
    return value


def read_model(path: Path, model: type[Model]) -> Model:
    """One YAML file as a model of ours; raises ConfigError naming file, key and what was expected."""
    return checked(read_yaml(path), model, lambda _: str(path))


def checked(value: Mapping[str, object], model: type[Model], origin: Callable[[Key], str]) -> Model:
    """The value as a model; `origin` tells, for the message of the ConfigError, which file a key came from."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # A misspelt key is also a missing one: the misspelling is what helps.
        first = min(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
        raise ConfigError(_explained(first, model, origin)) from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean `port`?)` where a known word is close, else a list of what is known."""
    words = list(known)
    near = difflib.get_close_matches(word, words, n=1)
    if near:
        return f" (did you mean `{near[0]}`?)"
    return f" (known: {', '.join(words)})" if words else ""


def _explained(error: ErrorDetails, model: type[BaseModel], origin: Callable[[Key], str]) -> str:
    key = tuple(str(part) for part in error["loc"])
    where = f"{origin(key)}: {'.'.join(key)}" if key else origin(key)
    if error["type"] == "extra_forbidden":
        return f"{where}: is not a setting that exists{did_you_mean(key[-1], _fields_at(model, key[:-1]))}"
    if error["type"] == "missing":
        return f"{where}: is missing, expected a value"
    expected = _EXPECTED.get(error["type"])
    if expected is None:
        message = error["msg"].removeprefix("Value error, ")
        return f"{where}: {message[:1].lower()}{message[1:]}, not {_shown(error['input'])}"
    return f"{where}: expected {expected}, not {_shown(error['input'])}"


def _fields_at(model: type[BaseModel], key: Key) -> tuple[str, ...]:
    current = model
    for part in key:
        field = current.model_fields.get(part)
        inner = None if field is None else _model_in(field.annotation)
        # The name of an entry in a mapping, or its place in a list, is no field: stay with what lies inside.
        current = inner if inner is not None else current
    return tuple(current.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in getattr(annotation, "__args__", ()))
    return next((part for part in found if part is not None), None)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
