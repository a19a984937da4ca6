"""The bank: a system of somebody else, without telemetry."""

import asyncio
import json
import os
import random
import sys
import threading

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from watchkeeper.lab.shop.serving import listen, server

DECLINED_SHARE = 0.02


def application(seed: int, seconds: float) -> Starlette:
    """Answers authorizations after about that many seconds, and declines a few."""
    chance = random.Random(seed)

    async def authorize(request: Request) -> JSONResponse:
        await request.body()
        await asyncio.sleep(seconds * chance.lognormvariate(0, 0.25))
        approved = chance.random() >= DECLINED_SHARE
        reference = f"A{chance.getrandbits(40):010X}"
        return JSONResponse({"approved": approved, "reference": reference, "reason": "insufficient funds"})

    return Starlette(routes=[Route("/authorizations", authorize, methods=["POST"])])


def end_with_input() -> None:
    """End the process when the lab is gone."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Serve until the standard input ends."""
    settings = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with_input, daemon=True).start()
    server(application(settings["seed"], settings["seconds"])).run(sockets=[listen(settings["port"])])
