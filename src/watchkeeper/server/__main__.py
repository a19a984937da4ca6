"""`python -m watchkeeper.server FILE [PORT]`: the bare server over one store file, without settings.

Whoever shows the token in the environment variable WATCHKEEPER_TOKEN may do everything, nobody else anything.
"""

import os
import sys
from pathlib import Path

from watchkeeper.errors import ConfigError
from watchkeeper.server.access_gates import gate_for
from watchkeeper.server.app import Wiring
from watchkeeper.server.running import DEFAULT_PORT, serve
from watchkeeper.telemetry.live import LiveStore

TOKEN_VARIABLE = "WATCHKEEPER_TOKEN"


def main(arguments: list[str]) -> None:
    """Serve until interrupted; says on stderr where it listens."""
    port = int(arguments[1]) if len(arguments) > 1 else DEFAULT_PORT
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise ConfigError(f"the bare server wants its token in the variable {TOKEN_VARIABLE}, which is not set")
    with LiveStore(Path(arguments[0])) as store:
        serve(Wiring(store=store, gate=gate_for(token)), port=port, say=_say)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
