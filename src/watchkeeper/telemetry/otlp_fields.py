"""Fields of JSON objects as OTLP/JSON spells them: either case, numbers as text, enums by name, read strictly."""

from base64 import b64decode
from collections.abc import Mapping
from typing import TypeAlias

import orjson

from watchkeeper.errors import PayloadRejected

Json: TypeAlias = str | bool | int | float | list["Json"] | dict[str, "Json"] | None
Object: TypeAlias = dict[str, Json]

_UINT64 = 2**64
_INT64 = 2**63
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def parsed(body: bytes) -> Json:
    """A JSON document; characters that are not UTF-8 are replaced. Raises PayloadRejected where it is no JSON."""
    try:
        document: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parsed_leniently(body)
    return document


def _parsed_leniently(body: bytes) -> Json:
    try:
        document: Json = orjson.loads(body.decode("utf-8", "replace"))
    except orjson.JSONDecodeError as error:
        raise PayloadRejected(f"the body is no JSON: {error}") from error
    return document


def wrong(what: str, expected: str, came: Json) -> PayloadRejected:
    """The error for a value that is not what was expected, naming field, expectation and value (shortened)."""
    try:
        shown = orjson.dumps(came).decode()
    except orjson.JSONEncodeError:
        shown = type(came).__name__
    return PayloadRejected(f"{what}: expected {expected}, got {shown if len(shown) <= 80 else shown[:77] + '...'}")


def field(of: Object, camel: str, snake: str) -> Json:
    """The field under its camelCase or snake_case name, None where it is missing."""
    value = of.get(camel)
    return of.get(snake) if value is None else value


def objects(of: Object, camel: str, snake: str) -> list[Object]:
    """A list of objects, empty where it is missing."""
    value = field(of, camel, snake)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(camel, "a list", value)
    for item in value:
        if not isinstance(item, dict):
            raise wrong(camel, "a list of objects", item)
    return value  # type: ignore[return-value]  # every item has just been looked at


def object_at(of: Object, camel: str, snake: str) -> Object:
    """An object, empty where it is missing."""
    value = field(of, camel, snake)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(camel, "an object", value)
    return value


def text(of: Object, camel: str, snake: str) -> str:
    """Text, empty where it is missing."""
    value = field(of, camel, snake)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(camel, "text", value)
    return value


def hex_id(of: Object, camel: str, snake: str) -> str:
    """An id as lower-case hex digits, empty where it is missing."""
    value = text(of, camel, snake)
    try:
        return bytes.fromhex(value).hex()
    except ValueError:
        raise wrong(camel, "hex digits", value) from None


def whole(value: Json, what: str, low: int, high: int) -> int:
    """A whole number in [low, high), which OTLP/JSON may write as text."""
    if isinstance(value, str) and len(value) <= 24:
        try:
            value = int(value)
        except ValueError:
            raise wrong(what, "a whole number", value) from None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < high:
        raise wrong(what, f"a whole number from {low} to {high - 1}", value)
    return value


def unsigned(of: Object, camel: str, snake: str) -> int:
    """An unsigned 64-bit number, 0 where it is missing."""
    value = field(of, camel, snake)
    if type(value) is str and value.isdecimal() and len(value) < 20:
        return int(value)
    return 0 if value is None else whole(value, camel, 0, _UINT64)


def signed(of: Object, camel: str, snake: str) -> int:
    """A signed 32-bit number, 0 where it is missing."""
    value = field(of, camel, snake)
    return 0 if value is None else whole(value, camel, -(2**31), 2**31)


def integer(value: Json, what: str) -> int:
    """A signed 64-bit number."""
    return whole(value, what, -_INT64, _INT64)


def number(value: Json, what: str) -> float:
    """A number, which may be text for NaN and the infinities."""
    if isinstance(value, str) and len(value) <= 40:
        if value in _NOT_FINITE:
            return _NOT_FINITE[value]
        try:
            return float(value)
        except ValueError:
            raise wrong(what, "a number", value) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(what, "a number", value)
    return float(value)


def enum(of: Object, camel: str, snake: str, names: Mapping[str, int]) -> int:
    """An enum's number, given as number or name; 0 where it is missing."""
    value = field(of, camel, snake)
    if isinstance(value, str) and not value.lstrip("-").isdecimal():
        if value not in names:
            raise wrong(camel, f"a number or one of {', '.join(list(names)[:6])}", value)
        return names[value]
    return 0 if value is None else whole(value, camel, -(2**31), 2**31)


def flag(of: Object, camel: str, snake: str) -> bool:
    """True or false, false where it is missing."""
    value = field(of, camel, snake)
    if value is not None and not isinstance(value, bool):
        raise wrong(camel, "true or false", value)
    return bool(value)


def values(of: Object, camel: str, snake: str) -> list[Json]:
    """A list of anything, empty where it is missing."""
    value = field(of, camel, snake)
    if value is not None and not isinstance(value, list):
        raise wrong(camel, "a list", value)
    return value or []


def base64_text(value: Json, what: str) -> str:
    """Bytes as base64 text, checked."""
    if not isinstance(value, str):
        raise wrong(what, "base64 text", value)
    try:
        b64decode(value, validate=True)
    except ValueError:
        raise wrong(what, "base64 text", value) from None
    return value
