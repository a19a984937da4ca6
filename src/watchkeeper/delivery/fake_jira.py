"""A small Jira in memory behind a real socket: REST version 2 as the client library speaks it, Cloud or Server."""

import base64
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from watchkeeper.delivery.loopback import TAKEN, Mishaps, serving

TOKEN = "a-token-of-the-fake"
EMAIL = "bot@example.com"
PRIORITIES = ("Highest", "High", "Medium", "Low")
LONGEST_SUMMARY, LONGEST_TEXT = 255, 32_767
_QUERY = re.compile(r'project = "([A-Z0-9_]+)" AND labels = "([^"]+)"(?: ORDER BY created ASC)?')

Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class Ticket:
    """One issue as it came to be."""

    key: str
    fields: dict[str, Any]
    status: str = "To Do"
    comments: list[str] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether its status counts as done."""
        return self.status == "Done"


@dataclass
class FakeJira:
    """What arrived, and what is to go wrong."""

    is_cloud: bool = False
    project: str = "OPS"
    issue_types: tuple[str, ...] = ("Bug", "Incident")
    ways: tuple[str, ...] = ("In Progress", "Done")
    """The transitions that lead on from an open ticket; each is named like the status it leads to."""
    url: str = ""
    tickets: list[Ticket] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    """How often each endpoint was asked, such as `POST issue`."""
    mishaps: Mishaps = field(default_factory=Mishaps)
    searches_behind: int = 0
    """How many searches find nothing yet, as with an index that follows after a while."""

    def ticket(self, key: str) -> Ticket | None:
        """The ticket with that key."""
        return next((ticket for ticket in self.tickets if ticket.key == key), None)

    def app(self) -> Starlette:
        """The endpoints."""
        ask = self._guarded
        search = ["/rest/api/2/search/jql", "/rest/api/3/search/jql"] if self.is_cloud else ["/rest/api/2/search"]
        gone = [] if not self.is_cloud else [Route("/rest/api/2/search", _gone, methods=["GET", "POST"])]
        return Starlette(
            routes=[
                Route("/rest/api/2/serverInfo", self._server_info),
                Route("/rest/api/2/myself", ask(self._myself)),
                Route("/rest/api/2/field", ask(self._fields)),
                Route("/rest/api/2/issue", ask(self._create), methods=["POST"]),
                Route("/rest/api/2/issue/{key}", ask(self._get)),
                Route("/rest/api/2/issue/{key}/comment", ask(self._comments), methods=["GET", "POST"]),
                Route("/rest/api/2/issue/{key}/transitions", ask(self._transitions), methods=["GET", "POST"]),
                Route("/rest/api/2/issue/{key}/remotelink", ask(self._links), methods=["GET", "POST"]),
                *(Route(path, ask(self._search), methods=["GET", "POST"]) for path in search),
                *gone,
            ]
        )

    def _guarded(self, handle: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            key = request.path_params.get("key")
            path = request.url.path.split("/", 4)[-1]
            self.requests[f"{request.method} {path.replace(str(key), '*') if key else path}"] += 1
            if not self._signed_in(request):
                return _refused(401, "You are not authenticated. Authentication required to perform this operation.")
            mishap = self.mishaps.next(request)
            if mishap is not None and mishap not in TAKEN:
                return self.mishaps.answer(mishap)
            if key is not None and self.ticket(key) is None:
                return _refused(404, "Issue does not exist or you do not have permission to see it.")
            answer = await handle(request)
            return answer if mishap is None else self.mishaps.answer(mishap)

        return guarded

    def _signed_in(self, request: Request) -> bool:
        basic = base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode()
        wanted = f"Basic {basic}" if self.is_cloud else f"Bearer {TOKEN}"
        return request.headers.get("authorization") == wanted

    async def _server_info(self, request: Request) -> Response:
        kind, version = ("Cloud", [1001, 0, 0]) if self.is_cloud else ("Server", [9, 12, 0])
        return JSONResponse({"baseUrl": self.url, "deploymentType": kind, "versionNumbers": version})

    async def _myself(self, request: Request) -> Response:
        return JSONResponse({"name": "bot", "emailAddress": EMAIL, "active": True})

    async def _fields(self, request: Request) -> Response:
        return JSONResponse(
            [{"id": name, "name": name.capitalize(), "custom": False} for name in ("summary", "status")]
        )

    async def _create(self, request: Request) -> Response:
        fields = (await request.json()).get("fields", {})
        if wrong := self._wrong(fields):
            return JSONResponse({"errorMessages": [], "errors": wrong}, 400)
        ticket = Ticket(f"{self.project}-{len(self.tickets) + 1}", fields)
        self.tickets.append(ticket)
        return JSONResponse({"id": self._id(ticket), "key": ticket.key, "self": self._self(ticket)}, 201)

    def _wrong(self, fields: dict[str, Any]) -> dict[str, str]:
        """What Jira would find fault with, by field."""
        found: dict[str, str] = {}
        if fields.get("project", {}).get("key") != self.project:
            found["project"] = "valid project is required"
        if fields.get("issuetype", {}).get("name") not in self.issue_types:
            found["issuetype"] = "Specify a valid issue type"
        if "priority" in fields and fields["priority"].get("name") not in PRIORITIES:
            found["priority"] = "Specify a valid 'name' for Priority"
        summary = fields.get("summary", "")
        if not summary or "\n" in summary or len(summary) > LONGEST_SUMMARY:
            found["summary"] = "The summary is invalid because it is empty, too long or contains newline characters."
        if len(fields.get("description", "")) > LONGEST_TEXT:
            found["description"] = f"The entered text is too long. It exceeds the allowed limit of {LONGEST_TEXT}."
        if any(" " in label for label in fields.get("labels", [])):
            found["labels"] = "The label contains spaces which is invalid."
        return found

    async def _search(self, request: Request) -> Response:
        body = await request.json() if request.method == "POST" else request.query_params
        query = _QUERY.fullmatch(body.get("jql", ""))
        if query is None:
            return _refused(400, "Error in the JQL Query")
        found = [t for t in self.tickets if query[1] == self.project and query[2] in t.fields.get("labels", [])]
        if self.searches_behind > 0:
            self.searches_behind -= 1
            found = []
        issues = [self._issue(ticket) for ticket in found]
        pages = {"isLast": True} if self.is_cloud else {"startAt": 0, "maxResults": 50, "total": len(issues)}
        return JSONResponse({"issues": issues, **pages})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._issue(self._named(request)))

    async def _comments(self, request: Request) -> Response:
        ticket = self._named(request)
        if request.method == "GET":
            listed = [{"id": f"{number}", "body": body} for number, body in enumerate(ticket.comments, 1)]
            return JSONResponse({"comments": listed[::-1], "total": len(listed)})
        body = (await request.json()).get("body", "")
        if not body.strip() or len(body) > LONGEST_TEXT:
            return _refused(400, "Comment body can not be empty, nor too long!")
        ticket.comments.append(body)
        return JSONResponse({"id": f"{len(ticket.comments)}", "body": body}, 201)

    async def _transitions(self, request: Request) -> Response:
        ticket = self._named(request)
        names = ("Reopen",) if ticket.is_done else self.ways
        if request.method == "GET":
            ways = [{"id": f"{n}", "name": name, "to": {"name": name}} for n, name in enumerate(names, 11)]
            return JSONResponse({"transitions": ways})
        wanted = str((await request.json())["transition"]["id"])
        if wanted not in {f"{n}" for n, _ in enumerate(names, 11)}:
            return _refused(400, "It seems that you have tried to perform an illegal workflow operation.")
        name = names[int(wanted) - 11]
        ticket.status = "To Do" if name == "Reopen" else name
        return Response(status_code=204)

    async def _links(self, request: Request) -> Response:
        ticket = self._named(request)
        if request.method == "GET":
            return JSONResponse([{"id": n, "object": link} for n, link in enumerate(ticket.links)])
        ticket.links.append((await request.json())["object"])
        return JSONResponse({"id": len(ticket.links), "self": f"{self._self(ticket)}/remotelink"}, 201)

    def _named(self, request: Request) -> Ticket:
        return next(ticket for ticket in self.tickets if ticket.key == request.path_params["key"])

    def _issue(self, ticket: Ticket) -> dict[str, Any]:
        category = "done" if ticket.is_done else "new" if ticket.status == "To Do" else "indeterminate"
        status = {"name": ticket.status, "statusCategory": {"key": category}}
        # Through JSON, so that nobody changes what is kept.
        fields = {**json.loads(json.dumps(ticket.fields)), "status": status}
        return {"id": self._id(ticket), "key": ticket.key, "self": self._self(ticket), "fields": fields}

    def _id(self, ticket: Ticket) -> str:
        return f"{10_000 + self.tickets.index(ticket)}"

    def _self(self, ticket: Ticket) -> str:
        return f"{self.url}/rest/api/2/issue/{self._id(ticket)}"


@contextmanager
def running_fake_jira(is_cloud: bool = False, ways: tuple[str, ...] = ("In Progress", "Done")) -> Iterator[FakeJira]:
    """A fake Jira that listens on this machine until the block ends."""
    fake = FakeJira(is_cloud=is_cloud, ways=ways)
    with serving(fake.app()) as url:
        fake.url = url
        yield fake


async def _gone(request: Request) -> Response:
    return _refused(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")


def _refused(status: int, text: str) -> Response:
    return JSONResponse({"errorMessages": [text], "errors": {}}, status)
