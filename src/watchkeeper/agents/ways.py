"""Ways to ask for a structured answer, and which of them an endpoint turned out to understand."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from watchkeeper.agents.address import Address

Mode = Literal["schema", "tool", "parse"]
Way = Literal["schema-strict", "schema", "tool-forced", "tool", "parse"]

WAYS: Mapping[Mode, tuple[Way, ...]] = {
    "schema": ("schema-strict", "schema"),
    "tool": ("tool-forced", "tool"),
    "parse": ("parse",),
}
"""What each mode tries, one after the other."""
FILE_NAME = "model-abilities.json"


def all_ways(known: Way | None = None) -> tuple[Way, ...]:
    """Every way in the order in which it is tried: the one that is known to work first."""
    every: tuple[Way, ...] = get_args(Way)
    return every if known is None else (known, *(way for way in every if way != known))


def mode_of(way: Way) -> Mode:
    """The mode that a way belongs to."""
    return next(mode for mode, ways in WAYS.items() if way in ways)


@dataclass
class Ways:
    """What worked, by endpoint and model; in `path`, if there is one, for the next run.

    The file is a cache: what cannot be read is found out anew, what cannot be written is not kept.
    """

    path: Path | None = None
    _found: dict[str, Way] = field(default_factory=dict)

    def known(self, address: Address, model: str) -> Way | None:
        """The way that worked for this model of this endpoint."""
        key = _key(address, model)
        return self._found.get(key) or self._read().get(key)

    def keep(self, address: Address, model: str, way: Way) -> None:
        """Remember what worked."""
        key = _key(address, model)
        self._found[key] = way
        self._write({**self._read(), key: way})

    def forget(self, address: Address, model: str) -> None:
        """Find out anew the next time."""
        key = _key(address, model)
        self._found.pop(key, None)
        kept = self._read()
        if kept.pop(key, None) is not None:
            self._write(kept)

    def _read(self) -> dict[str, Way]:
        if self.path is None:
            return {}
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))["structured"]
            return {str(key): way for key, way in kept.items() if way in get_args(Way)}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {}

    def _write(self, kept: Mapping[str, Way]) -> None:
        if self.path is None:
            return
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            draft.write_text(json.dumps({"structured": kept}, indent=1, sort_keys=True), encoding="utf-8")
            draft.replace(self.path)
        except OSError:
            draft.unlink(missing_ok=True)


def _key(address: Address, model: str) -> str:
    return f"{address.shown} {model}"
