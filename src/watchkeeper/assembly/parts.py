"""Parts that watchkeeper needs or would like to have, and whether each works."""

from collections.abc import Callable, Mapping

from watchkeeper.domain import Noun
from watchkeeper.errors import WatchkeeperError


class Part(Noun):
    """One part that watchkeeper needs or would like to have, and whether it works."""

    name: str
    """`records`, `telemetry`, `workflows`, `watch`, `prometheus`, `model`, `jira`, `slack`."""
    is_well: bool
    is_needed: bool
    says: str
    """One sentence."""


Check = Callable[[], str]
"""A look at one part: what it says when it is well; raises a WatchkeeperError when it is not."""


def parts_of(needed: Mapping[str, Check], wished: Mapping[str, Check]) -> list[Part]:
    """Every part as it is now, the needed ones first."""
    return [
        *(_part(name, check, is_needed=True) for name, check in needed.items()),
        *(_part(name, check, is_needed=False) for name, check in wished.items()),
    ]


def _part(name: str, check: Check, is_needed: bool) -> Part:
    try:
        return Part(name=name, is_well=True, is_needed=is_needed, says=check())
    except WatchkeeperError as error:
        return Part(name=name, is_well=False, is_needed=is_needed, says=str(error))
