"""Drills in front of the running server: which of the incidents that it keeps were noticed because of the drill."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from watchkeeper.domain import CaseFile, Diagnosis, Signal
from watchkeeper.errors import AccessDenied, SourceUnavailable
from watchkeeper.lab.layout import BANK, POSTGRES, SERVICES
from watchkeeper.lab.truth import Truth
from watchkeeper.settings import Settings
from watchkeeper.telemetry.remote import Remote

LATEST = timedelta(seconds=15)
"""What is noticed later than so long after the end is about the shop having closed: silence takes longer to show."""
PATIENCE = timedelta(seconds=90)
"""How long after the end a diagnosis is waited for."""
POLL_SECONDS = 2.0
ASKING_SECONDS = 10.0
NAMES = frozenset((*SERVICES, BANK, POSTGRES))
"""Services of the shop: what is noticed about others meanwhile has nothing to do with the drill."""


@dataclass(frozen=True)
class Noticed:
    """An incident of which at least one signal came while the drill went on."""

    case: CaseFile
    signal: Signal
    """The first of them at or after the symptom's onset, else the last before it."""
    diagnosis: Diagnosis | None
    """The latest that was made since then."""

    def delay_seconds(self, truth: Truth) -> float | None:
        """How long after it could first be felt it was noticed; negative for a false alarm, None in a quiet run."""
        onset = truth.symptom_onset
        return None if onset is None else (self.signal.at - onset).total_seconds()


def running_url(settings: Settings) -> str | None:
    """The address of the server that runs with these settings; None where nothing answers there."""
    url = settings.server_url
    return url if Remote(url).is_there() else None


def require_access(url: str, headers: dict[str, str]) -> None:
    """Raise AccessDenied where the server does not take telemetry from whoever shows this, SourceUnavailable if down.

    Better at once than when the shop runs: a server of another home refuses this home's token.
    """
    try:
        answer = httpx.post(
            f"{url}/v1/logs",
            content=b"",
            headers=headers | {"content-type": "application/x-protobuf"},
            timeout=ASKING_SECONDS,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise SourceUnavailable(f"the server at {url} does not answer: {error!r}") from error
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise AccessDenied(
            f"the server at {url} does not take telemetry with this home's token; expected one of its own in "
            "$WATCHKEEPER_TOKEN, or --record DIR for a drill that no server sees"
        )


def noticed(cases: Sequence[CaseFile], truth: Truth) -> list[Noticed]:
    """The incidents that were noticed because of the drill, the earliest first; an earlier drill's are left out.

    One that an earlier drill opened and that this one's signals joined is in it, with what was said since.
    """
    found = []
    for case in cases:
        signals = sorted((s for s in case.incident.signals if _is_of(s, truth)), key=lambda s: s.at)
        if signals:
            felt = [s for s in signals if truth.symptom_onset is None or s.at >= truth.symptom_onset]
            first = felt[0] if felt else signals[-1]
            since = [d for d in case.diagnoses if d.at >= first.at]
            found.append(Noticed(case, first, since[-1] if since else None))
    return sorted(found, key=lambda each: (each.signal.at, each.case.incident.id))


def await_noticed(
    look: Callable[[], Sequence[CaseFile]],
    truth: Truth,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    wait: Callable[[float], None] = time.sleep,
) -> list[Noticed]:
    """What was noticed, as soon as all of it is diagnosed; or what there is when that takes too long."""
    while True:
        found = noticed(look(), truth)
        if found and all(each.diagnosis is not None for each in found):
            return found
        if clock() >= truth.ends + (PATIENCE if found else LATEST):
            return found
        wait(POLL_SECONDS)


def _is_of(signal: Signal, truth: Truth) -> bool:
    return truth.begins <= signal.at <= truth.ends + LATEST and (signal.service is None or signal.service in NAMES)
