"""What may be kept of an investigation: JSON in which every text is without secrets."""

import json

from pydantic import BaseModel

from watchkeeper.evidence.telling import Clean
from watchkeeper.redaction import is_secret

SECRET = "[redacted:secret]"


def kept_json(value: BaseModel, clean: Clean) -> str:
    """A value of ours as JSON that may be kept: it reads back as one of the same kind."""
    return json.dumps(cleaned(value.model_dump(mode="json"), clean), ensure_ascii=False)


def cleaned(value: object, clean: Clean) -> object:
    """JSON without what must not be kept; queries, which are JSON in a text, stay JSON."""
    match value:
        case str():
            return value if clean(value) == value else _text(value, clean)
        case dict():
            return {k: SECRET if _is_secret(k, inner, clean) else cleaned(inner, clean) for k, inner in value.items()}
        case list():
            return [cleaned(inner, clean) for inner in value]
    return value


def _is_secret(key: str, value: object, clean: Clean) -> bool:
    """Whether a text that says nothing by itself is a secret under its name."""
    return isinstance(value, str) and clean(value) == value and is_secret(key, value)


def _text(text: str, clean: Clean) -> str:
    try:
        inside = json.loads(text)
    except ValueError:
        return clean(text)
    return json.dumps(cleaned(inside, clean), ensure_ascii=False) if isinstance(inside, dict | list) else clean(text)
