"""The incidents as JSON: what the pages show and what people do there, for programs."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response

from watchkeeper.casebook.accuracy import Accuracy
from watchkeeper.domain import CaseFile, IncidentId, IncidentState, KeptAlert, KeptParcel
from watchkeeper.errors import QueryRejected
from watchkeeper.records.summaries import CaseSummary, Deed, NumberedDraft, Order
from watchkeeper.server.access_keys import utc_now
from watchkeeper.server.api_bodies import Again, Decision, Edit, Judgement, Move, Name, Rejection
from watchkeeper.server.duty import Duty
from watchkeeper.server.problems import NotNow, NotThere

MOST_LISTED = 500
MOST_DRAFTS = 100_000
Answer = TypeVar("Answer")

Id = Annotated[IncidentId, Path(description="Such as INC-2026-0042.", max_length=32)]
Number = Annotated[int, Path(ge=0, le=MOST_DRAFTS, description="Of the draft, as /drafts tells.")]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
Service = Annotated[Name | None, Query()]


def routes(duty: Duty, workers: Executor, clock: Callable[[], datetime] = utc_now) -> APIRouter:
    """Everything under /v1/incidents, /v1/alerts, /v1/accuracy, /v1/parcels.

    404: there is nothing of that id; 409: there is, and that cannot be done with it now.
    """
    desk = _Desk(duty, workers)
    router = APIRouter()
    router.include_router(_seen(desk))
    router.include_router(_drafts(desk))
    router.include_router(_done(desk, clock))
    return router


class _Desk:
    """Asks the duty off the event loop, and says what its refusals mean."""

    def __init__(self, duty: Duty, workers: Executor) -> None:
        self.duty, self._workers = duty, workers

    async def seen(self, look: Callable[[], Answer], incident_id: str | None = None) -> Answer:
        """What is there; raises NotThere."""

        def looked() -> Answer:
            try:
                if incident_id is not None:
                    self.duty.case(incident_id)
                return look()
            except QueryRejected as error:
                raise NotThere(str(error)) from error

        return await self._off_the_loop(looked)

    async def done(self, deed: Callable[[], None], incident_id: str | None = None, draft: int | None = None) -> None:
        """Do it; raises NotThere where the incident or the draft is not, NotNow where it cannot be done."""

        def did() -> None:
            try:
                deed()
            except QueryRejected as error:
                raise self._meant(error, incident_id, draft) from error

        await self._off_the_loop(did)

    def _meant(self, error: QueryRejected, incident_id: str | None, draft: int | None) -> QueryRejected:
        if incident_id is None:
            return NotThere(str(error))
        try:
            self.duty.case(incident_id)
        except QueryRejected:
            return NotThere(str(error))
        if draft is not None and all(each.number != draft for each in self.duty.drafts(incident_id)):
            return NotThere(str(error))
        return NotNow(str(error))

    async def _off_the_loop(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)


def _seen(desk: _Desk) -> APIRouter:
    router, duty = APIRouter(tags=["incidents"]), desk.duty

    @router.get("/v1/incidents")
    async def incidents(
        limit: Limit = 50,
        state: IncidentState | None = None,
        service: Service = None,
        is_open: bool | None = None,
        order: Order = "latest",
    ) -> list[CaseSummary]:
        """The first incidents in that order."""
        return await desk.seen(lambda: duty.incidents(limit, state, service, is_open=is_open, order=order))

    @router.get("/v1/incidents/{incident_id}")
    async def incident(incident_id: Id) -> CaseFile:
        """Everything about one."""
        return await desk.seen(lambda: duty.case(incident_id))

    @router.get("/v1/incidents/{incident_id}/alerts")
    async def its_alerts(incident_id: Id, limit: Limit = 200) -> list[KeptAlert]:
        """The alerts that belong to it, the latest first."""
        return await desk.seen(lambda: duty.alerts(incident_id, limit), incident_id)

    @router.get("/v1/incidents/{incident_id}/parcels")
    async def parcels(incident_id: Id) -> list[KeptParcel]:
        """What is delivered about it, and how far that has come."""
        return await desk.seen(lambda: duty.parcels(incident_id), incident_id)

    @router.get("/v1/incidents/{incident_id}/deeds")
    async def deeds(incident_id: Id, limit: Limit = 200) -> list[Deed]:
        """Who did what about it, the latest first."""
        return await desk.seen(lambda: duty.deeds(incident_id, limit), incident_id)

    @router.get("/v1/alerts")
    async def alerts(limit: Limit = 200) -> list[KeptAlert]:
        """The alerts that came in, the latest first."""
        return await desk.seen(lambda: duty.alerts(None, limit))

    @router.get("/v1/accuracy")
    async def accuracy() -> Accuracy:
        """How often the diagnoses were right."""
        return await desk.seen(duty.accuracy)

    return router


def _drafts(desk: _Desk) -> APIRouter:
    router, duty = APIRouter(tags=["drafts"]), desk.duty

    @router.get("/v1/incidents/{incident_id}/drafts")
    async def drafts(incident_id: Id) -> list[NumberedDraft]:
        """Its drafts under the numbers by which they are decided about."""
        return await desk.seen(lambda: duty.drafts(incident_id), incident_id)

    @router.post("/v1/incidents/{incident_id}/drafts/{number}/approve", status_code=204, response_class=Response)
    async def approve(request: Request, incident_id: Id, number: Number, body: Decision | None = None) -> None:
        """Let it leave."""
        by, digest = request.state.caller.name, body.digest if body else None
        await desk.done(lambda: duty.approve(incident_id, number, by, digest), incident_id, number)

    @router.post("/v1/incidents/{incident_id}/drafts/{number}/reject", status_code=204, response_class=Response)
    async def reject(request: Request, incident_id: Id, number: Number, body: Rejection) -> None:
        """Keep it from leaving."""
        by = request.state.caller.name
        await desk.done(lambda: duty.reject(incident_id, number, by, body.because, body.digest), incident_id, number)

    @router.post("/v1/incidents/{incident_id}/drafts/{number}/edit", status_code=204, response_class=Response)
    async def edit(request: Request, incident_id: Id, number: Number, body: Edit) -> None:
        """Put other words into it while it is only proposed."""
        by = request.state.caller.name
        await desk.done(
            lambda: duty.edit(incident_id, number, by, body.title, body.text, body.digest), incident_id, number
        )

    return router


def _done(desk: _Desk, clock: Callable[[], datetime]) -> APIRouter:
    router, duty = APIRouter(tags=["incidents"]), desk.duty

    @router.post("/v1/incidents/{incident_id}/verdicts", status_code=204, response_class=Response)
    async def judge(request: Request, incident_id: Id, body: Judgement) -> None:
        """Say whether a diagnosis was right; an objection has the incident looked at again."""
        verdict = body.verdict(request.state.caller.name, clock())
        await desk.done(lambda: duty.judge(incident_id, verdict, body.note), incident_id)

    @router.post("/v1/incidents/{incident_id}/look-again", status_code=202, response_class=Response)
    async def look_again(request: Request, incident_id: Id) -> None:
        """Have it diagnosed again; the answer comes before the diagnosis."""
        by = request.state.caller.name
        await desk.done(lambda: duty.look_again(incident_id, by), incident_id)

    @router.post("/v1/incidents/{incident_id}/state", status_code=204, response_class=Response)
    async def move(request: Request, incident_id: Id, body: Move) -> None:
        """Say that it is mitigated, resolved, closed, or open again."""
        by = request.state.caller.name
        await desk.done(lambda: duty.move(incident_id, body.to, by), incident_id)

    @router.post("/v1/parcels/again", status_code=204, response_class=Response)
    async def send_again(request: Request, body: Again) -> None:
        """Try a parcel again that failed, or that may or may not have arrived."""
        by = request.state.caller.name
        await desk.done(lambda: duty.send_again(body.key, by))

    return router
