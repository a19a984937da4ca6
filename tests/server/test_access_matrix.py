"""Who may do what: every route of the application, with every kind of token and with none."""

import re
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import get_args

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from made_access import GARBAGE, MadeKeys, NoTelemetry, bearer, gate_over
from server.made_duty import MadeDuty
from server.test_chat import Parrot
from watchkeeper.assembly.receiving import Received
from watchkeeper.server import alerts
from watchkeeper.server.access_table import rule_for
from watchkeeper.server.app import Wiring, create_app
from watchkeeper.server.callers import IMPLIED, Scope
from watchkeeper.server.running import running

EXPECTED: dict[tuple[str, str], Scope | None] = {
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
    ("GET", "/signin"): None,
    ("POST", "/signin"): None,
    ("POST", "/signout"): "read",
    ("POST", "/v1/traces"): "ingest",
    ("POST", "/v1/metrics"): "ingest",
    ("POST", "/v1/logs"): "ingest",
    ("POST", "/v1/changes"): "ingest",
    ("POST", "/v1/feedback"): "ingest",
    ("POST", "/v1/events"): "ingest",
    ("POST", "/v1/alerts/{source}"): "ingest",
    ("POST", "/v1/query/{question}"): "read",
    ("POST", "/v1/chat"): "operate",
    ("GET", "/v1/openapi.json"): "read",
    ("GET", "/metrics"): "read",
    ("GET", "/v1/accuracy"): "read",
    ("GET", "/v1/alerts"): "read",
    ("GET", "/v1/incidents"): "read",
    ("GET", "/v1/incidents/{incident_id}"): "read",
    ("GET", "/v1/incidents/{incident_id}/alerts"): "read",
    ("GET", "/v1/incidents/{incident_id}/deeds"): "read",
    ("GET", "/v1/incidents/{incident_id}/drafts"): "read",
    ("GET", "/v1/incidents/{incident_id}/parcels"): "read",
    ("POST", "/v1/incidents/{incident_id}/drafts/{number}/approve"): "operate",
    ("POST", "/v1/incidents/{incident_id}/drafts/{number}/edit"): "operate",
    ("POST", "/v1/incidents/{incident_id}/drafts/{number}/reject"): "operate",
    ("POST", "/v1/incidents/{incident_id}/look-again"): "operate",
    ("POST", "/v1/incidents/{incident_id}/state"): "operate",
    ("POST", "/v1/incidents/{incident_id}/verdicts"): "operate",
    ("POST", "/v1/parcels/again"): "operate",
    # The pages, which NiceGUI answers behind a mount at /.
    ("GET", "/"): "read",
    ("GET", "/accuracy"): "read",
    ("GET", "/incidents/{incident_id}"): "read",
    ("GET", "/_nicegui/3/static/nicegui.js"): "read",
    ("GET", "/_nicegui_ws/socket.io/"): "read",
    ("POST", "/_nicegui_ws/socket.io/"): "read",
    ("GET", "/favicon.ico"): "read",
    # What nobody thought of.
    ("GET", "/anything"): "admin",
    ("GET", "/v1"): "admin",
    ("GET", "/docs"): "admin",
    ("GET", "//signin"): "admin",
    ("GET", "/healthz/"): "admin",
    ("GET", "/Healthz"): "admin",
    ("GET", "/%2e%2e/healthz"): "admin",
    ("DELETE", "/v1/alerts"): "admin",
    ("PUT", "/healthz"): "admin",
    ("OPTIONS", "/v1/incidents"): "operate",
    ("GET", "/v1/tokens"): "admin",
    ("POST", "/v1/tokens/x"): "admin",
}
HERE = {"incident_id": "INC-2026-0001", "number": "0", "source": "alertmanager", "question": "red"}
ALL_SCOPES: tuple[Scope, ...] = get_args(Scope)


class Taking:
    """Takes no alerts, and knows one sender."""

    names = ("alertmanager",)

    def receive(self, source: str, body: bytes, now: object) -> Received:
        raise AssertionError("no body is sent here")


def take_alerts(workers: Executor) -> APIRouter:
    return alerts.routes(Taking(), workers, lambda _: None)


def pages(app: FastAPI) -> None:
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse("a page")

    app.mount("/", Starlette(routes=[Route("/{path:path}", page, methods=["GET", "POST"])]))


def wiring(keys: MadeKeys) -> Wiring:
    return Wiring(
        store=NoTelemetry(),
        gate=gate_over(keys),
        duty=MadeDuty(),
        answering=Parrot(),
        routers=[take_alerts],
        pages=pages,
    )


@pytest.fixture(scope="module")
def tokens() -> tuple[MadeKeys, dict[str, str]]:
    keys = MadeKeys()
    return keys, {scope: keys.create(scope, scope) for scope in ALL_SCOPES}


@pytest.fixture(scope="module")
def client(tokens: tuple[MadeKeys, dict[str, str]]) -> Iterator[httpx.Client]:
    with running(wiring(tokens[0])) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def is_refused(response: httpx.Response) -> bool:
    return response.status_code in (401, 403) and "text/html" not in response.headers.get("content-type", "")


@pytest.mark.parametrize(("method", "path"), EXPECTED, ids=lambda part: str(part))
def test_a_route_opens_to_the_scopes_that_it_should_and_to_no_other(
    client: httpx.Client, tokens: tuple[MadeKeys, dict[str, str]], method: str, path: str
) -> None:
    scope, url = EXPECTED[method, path], f"{client.base_url}{path.format(**HERE)}"
    nobody = client.request(method, url)
    stranger = client.request(method, url, headers=bearer(GARBAGE))
    refused = {each: is_refused(client.request(method, url, headers=bearer(tokens[1][each]))) for each in ALL_SCOPES}
    if scope is None:
        assert (is_refused(nobody), is_refused(stranger), any(refused.values())) == (False, False, False)
        return
    assert (nobody.status_code, stranger.status_code) == (401, 401)
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    assert {each for each, was in refused.items() if not was} == {s for s in ALL_SCOPES if scope in IMPLIED[s]}


def test_every_route_of_the_application_is_in_the_table_and_in_this_test() -> None:
    app = create_app(wiring(MadeKeys()))
    there = {(method, path) for method, path in routes_of(app) if method != "HEAD"}
    assert ("POST", "/v1/parcels/again") in there
    assert there <= EXPECTED.keys()
    filled = {path.format_map(HERE) for _, path in there}
    assert {path for path in filled if rule_for(path) is None} == set()


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of everything that answers, without what is mounted at /."""
    for context in iter_route_contexts(app.routes):
        path = getattr(context, "path", "") or getattr(context.original_route, "path", "")
        methods = getattr(context, "methods", None) or getattr(context.original_route, "methods", None)
        for method in methods or ():
            yield method, re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
