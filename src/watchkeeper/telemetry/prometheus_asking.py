"""What is asked in PromQL, and the series that come back; every question's text is kept, to be pasted."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import httpx
import numpy as np
from numpy.typing import NDArray

from watchkeeper.errors import QueryRejected
from watchkeeper.telemetry.prometheus_http import Address, Connection, Line
from watchkeeper.telemetry.prometheus_text import duration, moment
from watchkeeper.telemetry.sources import Cancel

POINTS_A_SERIES = 11_000
"""As many steps as Prometheus answers at most."""
VALUE_CHARACTERS = 4_096
LATEST = 1e11
"""Unix seconds of a year that nobody measures in."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One series of an answer, its samples in order of time; times in Unix seconds. NaN and Inf are values too."""

    labels: Mapping[str, str]
    times: Floats
    values: Floats


class Asking:
    """All requests of one question, and the text of what was asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.texts: list[str] = []

    @property
    def warnings(self) -> list[str]:
        """What is to be known of the answers: what the server warned of, what is not read."""
        return self._connection.warnings

    @property
    def text(self) -> str:
        """Everything that was asked, to be pasted, with what the server warned of as comments."""
        return "\n".join([*self.texts, *(f"# the server warns: {warning}" for warning in dict.fromkeys(self.warnings))])

    def now(self) -> float:
        """The server's own time, Unix seconds."""
        data = self._connection.fetch("query", {"query": "time()"})
        try:
            return _plausible(data["result"][0])  # type: ignore[index]
        except (TypeError, KeyError, IndexError, ValueError) as error:
            raise self._connection.strange("a time") from error

    def instant(self, promql: str, at: datetime) -> list[Series]:
        """What the expression is at that moment; of a range selector the samples of the range."""
        self.texts.append(f"# instant query, time={moment(at)}\n{promql}")
        return self._series(self._connection.fetch("query", {"query": promql, "time": moment(at)}))

    def over(self, promql: str, start: datetime, end: datetime, step_seconds: float) -> list[Series]:
        """What the expression is at each step from start to end, both included; raises QueryRejected for too many."""
        steps = int((end - start).total_seconds() / step_seconds) + 1
        if steps > POINTS_A_SERIES:
            raise QueryRejected(
                f"{steps:,} steps of {step_seconds:g} s are asked of Prometheus, expected at most "
                f"{POINTS_A_SERIES:,}: ask for longer steps or a shorter window"
            )
        asked = {"start": moment(start), "end": moment(end), "step": duration(step_seconds)}
        self.texts.append(f"# range query, {', '.join(f'{k}={v}' for k, v in asked.items())}\n{promql}")
        return self._series(self._connection.fetch("query_range", {"query": promql, **asked}))

    def version(self) -> str:
        """What the server says of its version."""
        return str(self._connection.fetch("status/buildinfo", {}).get("version", "unknown"))[:40]

    def _series(self, data: dict[str, object]) -> list[Series]:
        try:
            found = [series_of(each) for each in data["result"]]  # type: ignore[attr-defined]
        except (TypeError, KeyError, ValueError, AttributeError, IndexError) as error:
            raise self._connection.strange("series") from error
        kept = [series for series in found if series is not None]
        if len(kept) < len(found):
            self.warnings.append(f"{len(found) - len(kept)} native histograms are in the answer, which are not read")
        return kept


@contextmanager
def asking(address: Address, timeout_seconds: float, cancel: Cancel | None) -> Iterator[Asking]:
    """Ask that server until time is up or nobody waits any longer; what is on its way then is cut off."""
    line = Line()
    forget: Callable[[], None] = cancel.register(line.hang_up) if cancel else lambda: None
    headers = {"authorization": f"Bearer {address.token}"} if address.token else {}
    # Loading certificates takes longer than most answers: only where there is a certificate to check.
    is_secret = address.url.startswith("https")
    try:
        with httpx.Client(headers=headers, trust_env=False, verify=is_secret) as client:
            yield Asking(Connection(address, client, min(timeout_seconds, address.timeout_seconds), line))
    finally:
        forget()


def series_of(each: Mapping[str, object]) -> Series | None:
    """One element of a vector or matrix; None for a native histogram. Raises where it has another form."""
    labels = {
        str(key): str(value).replace("\0", "")[:VALUE_CHARACTERS]
        for key, value in each["metric"].items()  # type: ignore[attr-defined]
    }
    points: list[tuple[float, str]] = [each["value"]] if "value" in each else each.get("values", [])  # type: ignore
    if not points and ("histogram" in each or "histograms" in each):
        return None
    times = np.fromiter((_plausible(point[0]) for point in points), np.float64, len(points))
    values = np.fromiter((_number(point[1]) for point in points), np.float64, len(points))
    return Series(labels, times, values)


def _plausible(time: object) -> float:
    """A time in Unix seconds; raises ValueError where no calendar holds it."""
    seconds = float(time)  # type: ignore[arg-type]
    if not 0 <= seconds <= LATEST:
        raise ValueError(f"{seconds} is no time")
    return seconds


def _number(value: object) -> float:
    """A sample's value; VictoriaMetrics writes what is no number as null in some answers."""
    return float("nan") if value is None else float(value)  # type: ignore[arg-type]
