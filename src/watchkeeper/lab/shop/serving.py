"""A quiet HTTP server that shares its port with its successor and says when it is ready."""

import socket
import sys

import uvicorn


class AnnouncedServer(uvicorn.Server):
    """Says `ready` on standard output once it serves."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then announce it."""
        await super().startup(sockets)
        sys.stdout.write("ready\n")
        sys.stdout.flush()


def listen(port: int) -> socket.socket:
    """A listening socket on a port that an older process of the same service may still serve."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def server(app: object, keep_alive: int = 60) -> AnnouncedServer:
    """A quiet HTTP server for the application."""
    return AnnouncedServer(
        uvicorn.Config(
            app,  # type: ignore[arg-type]
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=keep_alive,
            timeout_graceful_shutdown=3,
        )
    )
