"""The deploys of a drill as watchkeeper is told of them: versions, commits, authors, the posted Change."""

import random
import time
from datetime import datetime

import httpx

from watchkeeper.domain import Change
from watchkeeper.errors import SourceUnavailable

AUTHORS = ("mira.holm", "j.okafor", "tanvi.rao", "luca.ferri", "s.lindqvist", "ana.prieto")
TITLES = (
    "update dependencies",
    "show stock on list pages",
    "tidy up configuration",
    "new wording in error messages",
    "prices and taxes for the new season",
    "smaller responses",
    "rework data access",
    "support for gift cards",
)
IMPACTS = (None, None, "none expected", "slightly smaller responses", "no change for shoppers")
ATTEMPTS = 5


def next_version(chance: random.Random, version: str) -> str:
    """The version that follows."""
    major, minor, patch = (int(part) for part in version.split("."))
    return f"{major}.{minor + 1}.0" if chance.random() < 0.5 else f"{major}.{minor}.{patch + 1}"


def deployed(chance: random.Random, service: str, version: str, began: datetime, ended: datetime) -> Change:
    """The Change that a deploy is."""
    return Change(
        id=f"{service}-{version}-{began:%Y%m%dT%H%M%S}-{chance.getrandbits(24):06x}",
        kind="deploy",
        service=service,
        environment="production",
        version=version,
        commits=tuple(f"{chance.getrandbits(160):040x}" for _ in range(chance.randint(1, 4))),
        author=chance.choice(AUTHORS),
        began_at=began,
        ended_at=ended,
        title=f"{service} {version}: {chance.choice(TITLES)}",
        expected_impact=chance.choice(IMPACTS),
    )


def post(change: Change, endpoint: str, headers: dict[str, str]) -> None:
    """Tell the server at that endpoint; raises SourceUnavailable where it does not take it."""
    url = f"{endpoint.rstrip('/')}/v1/changes"
    content = change.model_dump_json()
    failure = ""
    for attempt in range(ATTEMPTS):
        try:
            response = httpx.post(
                url, content=content, headers=headers | {"content-type": "application/json"}, timeout=5, trust_env=False
            )
        except httpx.TransportError as error:
            failure = repr(error)
        else:
            if response.is_success:
                return
            failure = f"{response.status_code} {response.text[:200]}"
        time.sleep(0.5 * (attempt + 1))
    raise SourceUnavailable(f"{url} did not take the change {change.id}: {failure}")
