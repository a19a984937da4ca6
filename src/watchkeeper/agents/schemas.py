"""Our models as JSON schemas that endpoints understand, as short as they can be; and texts read back by them."""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
JsonSchema = dict[str, Any]

_FENCED = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
LONGEST_TEXT = 100_000
MOST_OPENINGS = 50
"""So many braces are tried as the beginning of the object."""
MOST_COMPLAINTS = 8
COMPLAINT_CHARACTERS = 160


class NotJson(ValueError):
    """There is no JSON object in the text at all."""


class DoesNotFit(ValueError):
    """There is an object, but it is not what was asked for; the text says what is wrong, a line a mistake."""


def schema_of(model: type[BaseModel], is_strict: bool) -> JsonSchema:
    """The model's JSON schema without titles and defaults; strict: every key is required and no other allowed."""
    return _shortened(model.model_json_schema(), is_strict)


def is_expressible_strictly(model: type[BaseModel]) -> bool:
    """Whether a strict schema can say it: no free keys, no alternatives with a discriminator."""
    text = json.dumps(model.model_json_schema())
    return (
        '"additionalProperties": {' not in text
        and '"additionalProperties": true' not in text
        and ('"oneOf"' not in text)
    )


def read(text: str, model: type[M]) -> M:
    """The first object in the text that fits: alone, in a fenced block, or with words around it.

    Raises NotJson where there is none, DoesNotFit where none fits.
    """
    complaint: DoesNotFit | None = None
    for found in _objects(text[:LONGEST_TEXT]):
        try:
            return fitted(found, model)
        except DoesNotFit as error:
            complaint = complaint or error
    raise complaint or NotJson("there is no JSON object in the reply")


def fitted(value: object, model: type[M]) -> M:
    """A JSON value as the model; raises DoesNotFit."""
    try:
        return model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise DoesNotFit(_complaints(error)) from None


def _shortened(schema: JsonSchema, is_strict: bool) -> JsonSchema:
    short: JsonSchema = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            short[key] = {name: _shortened(inner, is_strict) for name, inner in value.items()}
        elif isinstance(value, dict):
            short[key] = _shortened(value, is_strict)
        elif isinstance(value, list):
            short[key] = [_shortened(v, is_strict) if isinstance(v, dict) else v for v in value]
        elif key not in ("title", "default"):
            short[key] = value
    short.pop("default", None)
    if is_strict and "properties" in short:
        short |= {"required": list(short["properties"]), "additionalProperties": False}
    return short


def _objects(text: str) -> Iterator[object]:
    decoder = json.JSONDecoder()
    for part in [text, *_FENCED.findall(text)]:
        at, tried = part.find("{"), 0
        while at >= 0 and tried < MOST_OPENINGS:
            try:
                found, end = decoder.raw_decode(part, at)
            except (ValueError, RecursionError):
                end = at + 1
            else:
                yield found
            at, tried = part.find("{", end), tried + 1


def _complaints(error: ValidationError) -> str:
    lines = []
    for wrong in error.errors(include_url=False, include_context=False)[:MOST_COMPLAINTS]:
        where = ".".join(str(part) for part in wrong["loc"]) or "the whole"
        lines.append(f"{where}: {wrong['msg']}"[:COMPLAINT_CHARACTERS])
    return "\n".join(lines)
