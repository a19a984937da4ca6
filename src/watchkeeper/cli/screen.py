"""What reaches the terminal: results on stdout, progress on stderr, untrusted text made harmless."""

import sys
import unicodedata
from datetime import UTC, datetime
from traceback import format_exception

from watchkeeper.errors import ConfigError

_KEPT = {"\n", "\t"}


def plain(text: str, limit: int = 2000) -> str:
    """Text from outside, safe to print: control, escape and direction characters stripped, at most `limit` long."""
    kept = "".join(c for c in text[: 4 * limit] if c in _KEPT or unicodedata.category(c)[0] != "C")
    return kept if len(kept) <= limit else f"{kept[: limit - 1]}…"


def one_line(text: str, limit: int = 200) -> str:
    """The same on one line, runs of white space as one blank."""
    return plain(" ".join(plain(text, 4 * limit).split()), limit)


def say(text: str) -> None:
    """One line of progress on stderr."""
    sys.stderr.write(f"{one_line(text)}\n")
    sys.stderr.flush()


def complain(text: str) -> None:
    """One sentence on stderr about what is wrong."""
    sys.stderr.write(f"watchkeeper: {one_line(text, 1000)}\n")


def report_bug(error: Exception) -> None:
    """Say in one sentence that something unexpected happened, and keep the traceback in the home's log."""
    from watchkeeper.settings import home

    trace = "".join(format_exception(error))
    summary = one_line(f"{type(error).__name__}: {error}", 300)
    try:
        log = home() / "watchkeeper.log"
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat()} {' '.join(sys.argv[:2])}\n{trace}\n")
    except (OSError, ConfigError):
        complain(f"a bug, which could not be logged either: {summary}")
    else:
        complain(f"a bug: {summary}; the details are in {log}")


def log_to_stderr(level: str) -> None:
    """Have what watchkeeper says about itself, from this level on, written to stderr."""
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Whatever stderr is when something is said.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
