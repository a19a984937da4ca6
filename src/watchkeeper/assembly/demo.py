"""The recorded bad deploy that the demo diagnoses, as the standing watch would have met it."""

from watchkeeper import library
from watchkeeper.assembly.cases import diagnose, scan_of
from watchkeeper.assembly.sources import Say, latest, open_sources
from watchkeeper.domain import CaseFile, Signal
from watchkeeper.errors import ConfigError
from watchkeeper.settings import Settings
from watchkeeper.telemetry.sources import ExtentQuery, Sources
from watchkeeper.watch.detection import watch_over

DEMO = library.HOME / "evals" / "incidents" / "bad-deploy-checkout" / "telemetry"
DEMO_SERVICE = "checkout"


def diagnose_demo(settings: Settings, say: Say) -> CaseFile:
    """Diagnose the recorded bad deploy of checkout; raises ConfigError where the recording is not there."""
    if not DEMO.is_dir():
        raise ConfigError(
            f"{DEMO} is not there: the recording is part of the repository, not of an installed package; "
            "run `make demo` in a clone"
        )
    say(f"A recorded incident of a small shop: {DEMO.parent.name}")
    with open_sources(settings, DEMO) as sources:
        say("The standing watch looks at it every five seconds …")
        signal = _first_alarm(settings, sources)
        say(f"Noticed at {signal.at:%H:%M:%S %Z}: {signal.text}")
        return diagnose(settings, signal, sources, say, is_recording=True)


def _first_alarm(settings: Settings, sources: Sources) -> Signal:
    """What the watch raises first in a recording; where it raises nothing, a question about its end."""
    how, ends = scan_of(settings), latest(sources)
    begins = min(time for time in sources.extent(ExtentQuery()).rows["first"].to_pylist() if time)
    looks = watch_over(sources, begins, ends, lookback_seconds=how.lookback_seconds, lag_seconds=how.lag_seconds)
    first = next((signals[0] for _, signals in looks if signals), None)
    return first or Signal(kind="question", at=ends, service=DEMO_SERVICE)
