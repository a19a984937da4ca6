"""The command line: parse, call, print. One module a command; what is slow to import is imported by the command."""

import sys

from watchkeeper.errors import WatchkeeperError

BAD_ARGUMENTS = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command that was typed; exits 0, 3 (inconclusive), 2 (an error that says what to do) or 1 (a bug)."""
    from watchkeeper.cli.app import app
    from watchkeeper.cli.screen import complain, report_bug

    try:
        app()
    except WatchkeeperError as error:
        complain(str(error))
        sys.exit(BAD_ARGUMENTS)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001  the one broad handler, at the top: it records the bug and says where
        report_bug(error)
        sys.exit(1)
