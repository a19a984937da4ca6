"""What is answered from sources directly: changes, two stretches compared, how services are now."""

from datetime import datetime, timedelta

from watchkeeper.analysis.symptoms import Sensitivity, Symptom
from watchkeeper.chat.inquiry import ONE_STEP, Inquiry
from watchkeeper.chat.wording import against, served
from watchkeeper.diagnosis.statements import MEASURES, quoted
from watchkeeper.domain import EvidenceId, Scalar, Window
from watchkeeper.evidence.prose import given, number_of
from watchkeeper.evidence.selectors import select
from watchkeeper.evidence.symptoms import symptoms_of
from watchkeeper.evidence.vitals import take_vitals
from watchkeeper.telemetry.sources import ChangeQuery, RedQuery

CHANGES_SECONDS = 7200.0
STATUS_SECONDS, PAST_SECONDS = 300.0, 1800.0
LISTED = 8
"""Changes or services that are told; the rest is counted."""
WHOLE = "over the whole window"
LONGER_SECONDS = (80.0, 160.0, 320.0, 640.0)
"""Stretches that may be all trouble: one asks about what has lasted."""


def changes(inquiry: Inquiry) -> None:
    """Who changed what, the latest first; that nobody reports changes is not that there were none."""
    desk, intent = inquiry.desk, inquiry.intent
    window = inquiry.stretch(CHANGES_SECONDS)
    window = Window(start=window.start, end=window.end + timedelta(microseconds=1))
    services = (intent.service,) if intent.service else ()
    number, table = inquiry.ask(
        "What was changed?", "changes", desk.sources.changes, ChangeQuery(window=window, services=services)
    )
    if table is None:
        return
    start, end = number_of(number, "start()", "date"), number_of(number, "end()", "date")
    of = f" of {quoted(intent.service)}" if intent.service else ""
    if table.num_rows == 0:
        inquiry.tell(f"No change{of} is on record from {start} to {end}.", None, number)
        if inquiry.extent.changes == 0:
            inquiry.cannot_know(
                "whether anything was changed: no change was ever reported here (POST it to the server)"
            )
        return
    rows = sorted(table.to_pylist(), key=lambda row: row["time"], reverse=True)
    inquiry.tell(f"Changes{of} from {start} to {end}: {number_of(number, 'count()', 'count')}")
    for row in rows[:LISTED]:
        _change(inquiry, number, row)
    if len(rows) > LISTED:
        inquiry.tell("The earlier ones are in the evidence.", None, number)
    _verdict(inquiry)


def _change(inquiry: Inquiry, number: EvidenceId, row: dict[str, object]) -> None:
    def of(column: str, unit: str = "text") -> str:
        return number_of(number, select("first", column, id=str(row["id"])), unit)

    text = f"{of('time', 'clock')}: {of('kind')} of {of('service_name')}"
    text += f" {of('version')}" if row["version"] else ""
    text += f" by {of('author')}" if row["author"] else ""
    text += f", “{of('title')}”" if row["title"] else ""
    inquiry.tell(f"{text} ({of('id')})")


def _verdict(inquiry: Inquiry) -> None:
    """What the case says of releases, where there is one."""
    found = inquiry.diagnosis
    if found is not None and found.release.change is not None:
        fields: dict[str, Scalar] = {"change": found.release.change.id}
        inquiry.tell(f"The case blames {given('change', 'text')}.", fields)


def compare(inquiry: Inquiry) -> None:
    """Requests, failures and p95 of two stretches side by side; or which time there is telemetry for."""
    intent, extent = inquiry.intent, inquiry.extent
    if intent.compare_to is None or intent.since is None or intent.until is None:
        inquiry.ask_back("Compare with when? Such as `yesterday`, `an hour ago`, or a time of the day.")
        return
    now, then = Window(start=intent.since, end=intent.until), intent.compare_to
    for window in (then, now):
        if not extent.overlaps(window.start, window.end):
            no_telemetry(inquiry, window)
            return
    before = _requests(inquiry, "How were requests served in the earlier stretch?", then)
    after = _requests(inquiry, "How were requests served in the later stretch?", now)
    if before is None or after is None:
        return
    both = [name for name in after[1] if name in before[1]]
    wanted = [intent.service] if intent.service else both
    for name in [each for each in wanted if each in both][:LISTED]:
        inquiry.tell(against(after[0], before[0], name))
    for name in [each for each in dict.fromkeys((*wanted, *before[1], *after[1])) if each not in both][:LISTED]:
        is_asked = intent.service in (None, name)
        if is_asked:
            _only_once(inquiry, name, after, before)
    if extent.first is not None and then.start < extent.first:
        fields: dict[str, Scalar] = {"first": extent.first}
        inquiry.note(f"telemetry begins at {given('first', 'date')} only: the earlier stretch is a part", fields)


Requests = tuple[EvidenceId, list[str]]


def _requests(inquiry: Inquiry, question: str, window: Window) -> Requests | None:
    """The evidence of how requests were served, and the services in it, the busiest first; None where it failed."""
    services = (inquiry.intent.service,) if inquiry.intent.service else ()
    query = RedQuery(window=window, services=services, step_seconds=ONE_STEP)
    number, table = inquiry.ask(question, "traces", inquiry.desk.sources.red, query)
    if table is None:
        return None
    inquiry.ledger.read(number, WHOLE, {})
    rows = sorted(table.to_pylist(), key=lambda row: -row["requests"])
    return number, [row["service_name"] for row in rows]


def _only_once(inquiry: Inquiry, name: str, after: Requests, before: Requests) -> None:
    where = "later" if name in after[1] else "earlier"
    number = after[0] if name in after[1] else before[0]
    if name in (*after[1], *before[1]):
        inquiry.tell(f"Only in the {where} stretch: {served(number, name)}")
    else:
        inquiry.cannot_know(f"how {quoted(name)} compares: it had no request in either stretch", None, after[0])


def no_telemetry(inquiry: Inquiry, window: Window) -> None:
    """Say that there is nothing of that time, for which there is, and ask for another."""
    extent = inquiry.extent
    fields: dict[str, Scalar] = {
        "start": window.start, "end": window.end, "first": extent.first, "last": extent.last,
    }  # fmt: skip
    told = " to ".join(given(name, "date") for name in ("start", "end"))
    if extent.first is None:
        inquiry.cannot_know("anything: there is no telemetry here at all")
        return
    inquiry.cannot_know(f"there is no telemetry of {told}", fields)
    known = " to ".join(given(name, "date") for name in ("first", "last"))
    inquiry.ask_back(f"There is telemetry from {known}: which time of that?", fields)


def status(inquiry: Inquiry) -> None:
    """How one service, or every one, was served lately and before, and whether anything of it stands out."""
    desk, intent, extent = inquiry.desk, inquiry.intent, inquiry.extent
    span = (extent.last - extent.first).total_seconds() if extent.first and extent.last else 0.0
    end = intent.until or desk.now
    now = Window(start=intent.since or end - timedelta(seconds=max(1.0, min(STATUS_SECONDS, span / 4))), end=end)
    late = _requests(inquiry, "How were requests served lately?", now)
    early = _requests(inquiry, "How were requests served before?", Window.before(now.start, PAST_SECONDS))
    names = [intent.service] if intent.service else (late[1] if late else [])[:LISTED]
    quiet: list[str] = []
    if late is not None:
        for name in names:
            told = early is not None and inquiry.tell(served(late[0], name, early[0], "before"))
            if not told and not inquiry.tell(served(late[0], name)):
                _silent(inquiry, name, late[0])
                quiet.append(name)
        inquiry.note(f"this is how it was from {_edges(late[0])}; before is the half hour until then")
    if quiet and intent.service is not None:
        inquiry.cannot_know(f"how {quoted(intent.service)} is: it reported no request lately, and that is no health")
        return
    _standing_out(inquiry, end, names)


def _edges(number: EvidenceId) -> str:
    return f"{number_of(number, 'start()', 'clock')} to {number_of(number, 'end()', 'clock')}"


def _silent(inquiry: Inquiry, name: str, number: EvidenceId) -> None:
    last = inquiry.extent.last_of.get(name)
    fields: dict[str, Scalar] = {"last": last}
    text = f"{quoted(name)} reported no request from {_edges(number)}"
    if last is not None and inquiry.tell(f"{text}; it last reported at {given('last', 'date')}", fields, number):
        return
    inquiry.tell(text, None, number)


def _standing_out(inquiry: Inquiry, end: datetime, names: list[str]) -> None:
    inquiry.desk.say("Looking for symptoms …")
    vitals = take_vitals(inquiry.desk.sources, Window.before(end, PAST_SECONDS), inquiry.ledger)
    found = symptoms_of(vitals, Sensitivity(longer_seconds=LONGER_SECONDS))
    shown = [each for each in found if inquiry.intent.service in (None, each.service)]
    cited = (vitals.evidence["services"], vitals.evidence["resources"])
    if any(inquiry.ledger.entry(number).status == "failed" for number in cited):
        inquiry.cannot_know("whether anything stands out: a source did not answer", None, *cited)
    elif shown:
        words = dict.fromkeys(f"{_measure(each)} {quoted(each.service)}" for each in shown[:LISTED])
        inquiry.tell(f"What stands out: {', '.join(words)}. Ask `what is wrong?` for the cause.", None, *cited)
    else:
        of = f" of {quoted(names[0])}" if inquiry.intent.service else ""
        inquiry.tell(f"No symptom{of} stands out.", None, *cited)
    others = sorted({quoted(each.service) for each in found if each not in shown})
    if others:
        inquiry.tell(f"Elsewhere something stands out: {', '.join(others[:LISTED])}.", None, cited[0])


def _measure(symptom: Symptom) -> str:
    return MEASURES[symptom.measure][2] if symptom.measure in MEASURES else f"{symptom.measure} of"
