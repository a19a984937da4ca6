"""The process that all Python processes of a lab are forked from, so that each of them starts in an instant.

`python -m watchkeeper.lab.nursery` with a unix socket as standard input: each message names a program and carries the
three standard streams of the new process; the answer is its id. The end of the socket is the end of the nursery.
"""

import array
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable

import watchkeeper.lab.load
import watchkeeper.lab.shop.bank
import watchkeeper.lab.shop.process

PROGRAMS: dict[str, Callable[[], None]] = {
    "service": watchkeeper.lab.shop.process.main,
    "bank": watchkeeper.lab.shop.bank.main,
    "load": watchkeeper.lab.load.main,
}
MESSAGE_BYTES = 256


def live(program: str, streams: list[int], orders: socket.socket) -> None:
    """In the forked process: take over the streams, run the program, end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    orders.close()
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
        os.close(stream)
    status = 1
    try:
        PROGRAMS[program]()
        status = 0
    except BaseException:  # noqa: BLE001  the top of a process: written to its log
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Fork a process for each message until the socket ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders = socket.socket(fileno=os.dup(0))
    gc.freeze()
    while True:
        message, streams, _, _ = socket.recv_fds(orders, MESSAGE_BYTES, 3)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            live(message.decode(), streams, orders)
        for stream in streams:
            os.close(stream)
        orders.sendall(array.array("q", [pid]).tobytes())


if __name__ == "__main__":
    main()
