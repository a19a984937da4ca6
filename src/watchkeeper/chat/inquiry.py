"""One question on its way to its answer: the extent of the telemetry, the ledger, the case, what is said so far."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

import pyarrow as pa

from watchkeeper.chat.conversation import Conversation
from watchkeeper.chat.desk import Desk
from watchkeeper.chat.intents import Intent
from watchkeeper.chat.replies import Reply, Said
from watchkeeper.diagnosis.verify import names_in
from watchkeeper.domain import CaseFile, Diagnosis, Evidence, EvidenceId, Figure, Scalar, Window
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.ledger import Ledger, excerpt
from watchkeeper.evidence.prose import fill
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.telemetry.sources import Answer, Cancel, ExtentQuery, Query

Q = TypeVar("Q", bound=Query)
RECENT_SECONDS = 600.0
"""How long after trouble is said to have begun it is looked at, where that is long ago."""
ONE_STEP = 1e9
"""A step so long that a window lies in one: percentiles are exact over all of it."""


@dataclass(frozen=True)
class Extent:
    """What telemetry there is."""

    services: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None
    last_of: Mapping[str, datetime] = field(default_factory=dict)
    """When each service last reported."""
    changes: int = 0
    """Changes that were ever reported."""

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether there is anything of that stretch, as far as first and last tell."""
        return self.first is not None and self.last is not None and start <= self.last and end >= self.first


@dataclass
class Inquiry:
    """One question being answered."""

    question: str
    desk: Desk
    conversation: Conversation
    extent: Extent
    intent: Intent = field(default_factory=lambda: Intent(kind="unclear"))
    case: CaseFile | None = None
    sentences: list[Said] = field(default_factory=list)
    steps: list[Said] = field(default_factory=list)
    cannot: list[Said] = field(default_factory=list)
    notes: list[Said] = field(default_factory=list)
    asks_back: Said | None = None
    draft: str | None = None
    shown: EvidenceId | None = None
    adopted: int = 0
    """How many pieces of evidence the ledger began with."""

    @cached_property
    def ledger(self) -> Ledger:
        """The case's evidence, or that of the conversation, and what is asked now."""
        kept = self.case.evidence if self.case is not None else self.conversation.evidence
        known = tuple(e for e in kept if e.reading is None or e.reading.name in self.desk.readings)
        ledger = Ledger(self.desk.cancel, self.desk.readings)
        ledger.adopt(known, Recheck(known, self.desk.sources, self.desk.readings, self.desk.cancel))
        self.adopted = len(known)
        return ledger

    def take_up(self, case: CaseFile) -> CaseFile:
        """Go on with this case, whose evidence is what may be cited from now on."""
        self.case = case
        self.__dict__.pop("ledger", None)
        return case

    @property
    def diagnosis(self) -> Diagnosis | None:
        """What was concluded last, if there is a case."""
        return self.case.latest if self.case is not None else None

    def ask(
        self, question: str, source: str, method: Callable[[Q, Cancel | None], Answer], query: Q
    ) -> tuple[EvidenceId, pa.Table | None]:
        """Put one question to a source, and say so; what fails is something that cannot be known."""
        self.desk.say(question)
        number, table = self.ledger.ask(question, source, method, query)
        if table is None:
            failure = self.ledger.entry(number).failure or ""
            text = f"{question} The source did not answer: "
            said = Figure(text=failure, evidence=None, selector="failure")
            self.cannot.append(Said(text=f"{text}{failure}", figures=(said,), evidence=(number,)))
        return number, table

    def made(self, template: str, fields: Mapping[str, Scalar] | None = None, *evidence: EvidenceId) -> Said | None:
        """The sentence with its placeholders filled; None where a number of it cannot be had."""
        try:
            filled = fill(template, self.ledger, fields, self.names(evidence))
        except (QueryRejected, SourceUnavailable):
            return None
        cited = dict.fromkeys((*(f.evidence for f in filled.figures if f.evidence), *evidence))
        return Said(text=filled.text, figures=filled.figures, evidence=tuple(cited))

    def tell(self, template: str, fields: Mapping[str, Scalar] | None = None, *evidence: EvidenceId) -> bool:
        """Say it; whether it could be said."""
        said = self.made(template, fields, *evidence)
        if said is not None:
            self.sentences.append(said)
        return said is not None

    def cannot_know(self, template: str, fields: Mapping[str, Scalar] | None = None, *evidence: EvidenceId) -> None:
        """Say that something cannot be known."""
        self.cannot += filter(None, [self.made(template, fields, *evidence)])

    def ask_back(self, template: str, fields: Mapping[str, Scalar] | None = None) -> None:
        """Ask for what must be known first."""
        self.asks_back = self.made(template, fields)

    def note(self, template: str, fields: Mapping[str, Scalar] | None = None) -> None:
        """Say what a reader must know."""
        self.notes += filter(None, [self.made(template, fields)])

    def names(self, evidence: Iterable[EvidenceId] = ()) -> frozenset[str]:
        """Names in which a digit is no figure."""
        rows = [e for e in evidence if e in {item.id for item in self.ledger.evidence}]
        known = {*self.extent.services, *self.desk.catalogue.services, *self.intent.candidates}
        known |= {self.intent.typed or "", self.intent.service or ""}
        if self.case is not None:
            known.add(self.case.incident.id)
        return frozenset(known) | names_in(self.ledger, rows)

    def reply(self, taken_as: Said) -> Reply:
        """All that was said, with the evidence that it cites."""
        made = Reply(
            taken_as=taken_as,
            sentences=tuple(self.sentences),
            intent=self.intent,
            case_id=self.case.incident.id if self.case is not None else None,
            draft=self.draft,
            steps=tuple(self.steps),
            shown=self.shown,
            asks_back=self.asks_back,
            cannot=tuple(self.cannot),
            notes=tuple(self.notes),
        )
        cited = {number for said in made.everything() for number in said.evidence} | {self.shown}
        return made.model_copy(update={"evidence": tuple(self._full(e) for e in self.ledger.evidence if e.id in cited)})

    def _full(self, entry: Evidence) -> Evidence:
        """The evidence with its rows, asked again where a conversation did not carry them."""
        if entry.status != "found" or entry.rows.values:
            return entry
        try:
            rows = excerpt(self.ledger.rows(entry.id))
        except (QueryRejected, SourceUnavailable):
            return entry
        return entry.model_copy(update={"rows": rows, "status": "found" if rows.total else "empty"})

    @property
    def gathered(self) -> tuple[Evidence, ...]:
        """The evidence that was asked for now."""
        return self.ledger.evidence[self.adopted :]

    def moment(self) -> datetime:
        """The moment to look at: what is said, shortly after it is said to have begun, or now."""
        now, since = self.desk.now, self.intent.since
        if self.intent.until is not None:
            return min(self.intent.until, now)
        if since is None:
            return now
        began = max(since, self.extent.first or since)
        return min(now, began + timedelta(seconds=RECENT_SECONDS))

    def stretch(self, seconds: float) -> Window:
        """The stretch that the question speaks of, else so many seconds up to now."""
        end = self.intent.until or self.desk.now
        start = self.intent.since or end - timedelta(seconds=seconds)
        return Window(start=start, end=end) if start < end else Window.before(end, seconds)


def extent_of(desk: Desk) -> Extent:
    """What telemetry there is; raises SourceUnavailable where the source does not say."""
    rows = desk.sources.extent(ExtentQuery(), desk.cancel).rows.to_pylist()
    of_services = [row for row in rows if row["table"] != "changes" and row["rows"]]
    firsts, lasts = ([row[name] for row in of_services if row[name]] for name in ("first", "last"))
    return Extent(
        services=tuple(sorted({row["service_name"] for row in of_services if row["service_name"]})),
        first=min(firsts, default=None),
        last=max(lasts, default=None),
        last_of={row["service_name"]: row["last"] for row in sorted(of_services, key=lambda row: row["last"])},
        changes=sum(row["rows"] for row in rows if row["table"] == "changes"),
    )
