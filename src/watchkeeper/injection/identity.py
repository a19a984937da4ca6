"""New ids for what is added: traces, spans, instances of a process."""

import re

import numpy as np
import pyarrow as pa

TRACE_BYTES, SPAN_BYTES = 16, 8
_SUFFIX = re.compile(r"[0-9a-f]{4,}$")

Random = np.random.Generator


def fresh_ids(count: int, size_bytes: int, random: Random) -> list[str]:
    """That many different ids in lower-case hex."""
    text, width = random.bytes(count * size_bytes).hex(), 2 * size_bytes
    return [text[at : at + width] for at in range(0, count * width, width)]


def renamed(column: pa.Array, size_bytes: int, random: Random) -> tuple[pa.Array, dict[str, str]]:
    """Every id of the column replaced by a fresh one, equal ones by the same; null stays null."""
    encoded = column.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    fresh = fresh_ids(len(names), size_bytes, random)
    return pa.array(fresh, pa.string()).take(encoded.indices), dict(zip(names, fresh, strict=True))


def next_instance(name: str, random: Random) -> str:
    """What the same process calls itself after a restart."""
    found = _SUFFIX.search(name)
    if found is None:
        return f"{name}-{fresh_ids(1, 4, random)[0]}"
    return name[: found.start()] + fresh_ids(1, SPAN_BYTES, random)[0][: len(found.group())].ljust(2, "0")
