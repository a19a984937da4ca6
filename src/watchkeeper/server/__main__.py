"""`python -m watchkeeper.server FILE [PORT]`: the bare server over one store file, without settings."""

import sys
from pathlib import Path

from watchkeeper.server.running import DEFAULT_PORT, serve
from watchkeeper.telemetry.live import LiveStore


def main(arguments: list[str]) -> None:
    """Serve until interrupted; says on stderr where it listens."""
    port = int(arguments[1]) if len(arguments) > 1 else DEFAULT_PORT
    with LiveStore(Path(arguments[0])) as store:
        serve(store, port=port, say=_say)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
