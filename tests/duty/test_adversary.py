"""What somebody who means harm, or is merely quick, must not achieve with incidents, drafts, tokens and deliveries."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import orjson
import pytest

from delivery.made_parcels import INCIDENT, auto, case, draft, parcel, policy
from watchkeeper import settings
from watchkeeper.assembly import access
from watchkeeper.assembly.books import Books
from watchkeeper.assembly.planning import note_delivery, plan_and_put
from watchkeeper.assembly.receiving import Receiver
from watchkeeper.delivery.target import mark
from watchkeeper.domain import Verdict
from watchkeeper.errors import QueryRejected, RecordsUnavailable
from watchkeeper.records.decisions import Decisions
from watchkeeper.records.summaries import NumberedDraft
from watchkeeper.records.tokens import OWN
from watchkeeper.redaction import redact
from watchkeeper.telemetry.sources import SpanQuery
from watchkeeper.telemetry.wire import put, query_from
from watchkeeper.workflows import conductor

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TICKETS = policy(approval=[auto(to="jira", of="ticket", name="tickets")])
TOKEN = f"wk_{'x' * 43}"
TAKEN = ("policy: x", "Policy: x", "policy:x", "\uff50olicy: x", "watchkeeper", "alerts", OWN.upper())
EDITED = "What somebody wrote by hand.\n"
BEFORE_TIME = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
FOREVER = '{"window": {"start": "0001-01-01T00:00:00+14:00", "end": "2026-01-01T00:00:00Z"}}'


@pytest.fixture
def books() -> Iterator[Books]:
    with_drafts = case().model_copy(update={"drafts": (draft(),)})
    opened = Books(settings.load())
    opened.records.save(with_drafts)
    yield opened
    opened.close()


class Quick(Decisions):
    """Decisions beside which a person decides, in the moment after the drafts were read."""

    def __init__(self, books: Books, then: Callable[[Decisions], None]) -> None:
        super().__init__(books.records)
        self._then: list[Callable[[Decisions], None]] = [then]

    def drafts(self, incident_id: str) -> list[NumberedDraft]:
        found = super().drafts(incident_id)
        while self._then:
            self._then.pop()(self)
        return found


def while_it_is_planned(books: Books, then: Callable[[Decisions], None]) -> None:
    books.__dict__["decisions"] = Quick(books, then)


def tickets(books: Books) -> list[str]:
    return [each.parcel.text for each in books.outbox.of(INCIDENT) if each.parcel.target == "jira"]


def test_what_a_policy_approves_leaves_as_it_was_edited_in_that_very_moment(books: Books) -> None:
    while_it_is_planned(books, lambda decisions: decisions.edit(INCIDENT, 0, "ada", "Slow", EDITED))
    plan_and_put(TICKETS, books, INCIDENT)
    assert tickets(books) == [EDITED]
    kept = books.records.case(INCIDENT).drafts[0]
    assert (kept.text, kept.edited_by, kept.approved_by) == (EDITED, "ada", "policy: tickets")


def test_what_is_rejected_in_the_moment_of_a_policys_approval_does_not_leave(books: Books) -> None:
    while_it_is_planned(books, lambda decisions: decisions.reject(INCIDENT, 0, "ada", "it is wrong"))
    plan_and_put(TICKETS, books, INCIDENT)
    assert tickets(books) == []
    assert books.records.case(INCIDENT).drafts[0].state == "rejected"


def test_a_text_that_changed_since_it_was_read_is_not_approved(books: Books) -> None:
    seen = books.decisions.drafts(INCIDENT)[0].digest
    books.decisions.edit(INCIDENT, 0, "eve", "Slow", "Pay to eve.")
    with pytest.raises(QueryRejected, match="was changed by eve since you opened it"):
        books.decisions.approve(INCIDENT, 0, "ada", seen)
    assert books.records.case(INCIDENT).drafts[0].state == "proposed"


def test_a_rejected_draft_is_not_proposed_again_by_a_diagnosis_that_says_the_same(books: Books) -> None:
    before = books.records.case(INCIDENT)
    books.decisions.reject(INCIDENT, 0, "ada", "it is wrong")
    books.records.save(before)
    assert [each.state for each in books.records.case(INCIDENT).drafts] == ["rejected"]


@pytest.fixture
def rehearsed(books: Books) -> Iterator[Books]:
    dry = Books(settings.load(), is_dry_run=True)
    yield dry
    dry.close()


def test_a_dry_run_leaves_nothing_that_says_it_was_delivered(books: Books, rehearsed: Books) -> None:
    plan_and_put(TICKETS, rehearsed, INCIDENT)
    plan_and_put(TICKETS, rehearsed, INCIDENT)
    (claimed,) = rehearsed.outbox.claim(datetime.now(UTC) + timedelta(days=1), "w", 9, ("jira",))
    note_delivery(rehearsed, claimed)
    assert tickets(rehearsed) == ["It is slow.\n"]
    assert tickets(books) == []
    assert books.records.case(INCIDENT).drafts[0].state == "proposed"
    assert books.decisions.deeds(INCIDENT) == []


def test_a_dry_run_does_not_take_what_waits_for_the_real_one(books: Books, rehearsed: Books) -> None:
    books.outbox.put([parcel()])
    assert rehearsed.outbox.claim(datetime.now(UTC) + timedelta(days=1), "w", 9, ("jira",)) == []
    assert [each.state for each in books.outbox.of(INCIDENT)] == ["waiting"]


@pytest.mark.parametrize(
    "name",
    [
        "policy: tickets",
        "Policy: tickets",
        "policy:tickets",
        "ｐｏｌｉｃｙ: tickets",
        "watchkeeper",
        "alerts",
        OWN.upper(),
    ],
)
def test_nobody_takes_a_name_under_which_the_trail_would_have_a_machine_decide(books: Books, name: str) -> None:
    with pytest.raises(QueryRejected):
        books.tokens.create(name, ("operate",))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_token_that_others_could_read_opens_nothing_any_more(books: Books, mode: int) -> None:
    chosen = settings.load()
    access.ensure_own_token(chosen, books.tokens)
    known = chosen.token_path.read_text()
    chosen.token_path.chmod(mode)
    assert access.ensure_own_token(chosen, books.tokens)
    assert books.tokens.check(known) is None
    assert chosen.token_path.stat().st_mode & 0o777 == 0o600


def test_sessions_are_not_signed_with_a_key_that_others_could_read() -> None:
    chosen = settings.load()
    known = access.session_key(chosen)
    (chosen.home / access.SESSION_KEY).chmod(0o644)
    assert access.session_key(chosen) != known


def test_a_token_file_that_is_a_link_is_replaced_and_what_it_leads_to_is_not_written(
    books: Books, tmp_path: Path
) -> None:
    chosen, victim = settings.load(), tmp_path / "victim"
    victim.write_text("precious")
    chosen.token_path.symlink_to(victim)
    access.ensure_own_token(chosen, books.tokens)
    assert victim.read_text() == "precious"
    assert not chosen.token_path.is_symlink()


class Unknown:
    """Nobody has seen who calls whom."""

    def of(self, service: str) -> frozenset[str] | None:
        return frozenset((service,))


def alert_body(status: str, service: str, fingerprint: str) -> bytes:
    times = {"startsAt": NOW.isoformat(), "endsAt": NOW.isoformat() if status == "resolved" else None}
    labels = {"alertname": "Slow", "service": service}
    return orjson.dumps({"alerts": [{"status": status, "labels": labels, "fingerprint": fingerprint, **times}]})


@pytest.mark.parametrize("spoofed", ["deadbeef", "alertmanager:deadbeef"])
def test_one_sender_does_not_end_another_ones_alert(books: Books, spoofed: str) -> None:
    receiver = Receiver(settings.load(), lambda: books.records, Unknown())
    receiver.receive("alertmanager", alert_body("firing", "cart", "deadbeef"), NOW)
    received = receiver.receive("grafana", alert_body("resolved", "elsewhere", spoofed), NOW)
    assert [each.outcome for each in received.alerts] == ["ignored"]


def test_alertmanager_does_not_pass_for_another_sender(books: Books) -> None:
    receiver = Receiver(settings.load(), lambda: books.records, Unknown())
    receiver.receive("grafana", alert_body("firing", "cart", "deadbeef"), NOW)
    received = receiver.receive("alertmanager", alert_body("resolved", "x", "grafana:deadbeef"), NOW)
    assert [each.outcome for each in received.alerts] == ["ignored"]


def test_our_own_tokens_are_secrets_wherever_they_were_written() -> None:
    for text in (TOKEN, f"curl -H 'x: {TOKEN}'", f"https://watch.example.com/?t={TOKEN}"):
        assert TOKEN not in redact(text)


def test_a_reason_that_holds_a_secret_is_kept_without_it(books: Books) -> None:
    books.decisions.reject(INCIDENT, 0, "ada", f"see {TOKEN}")
    assert TOKEN not in books.decisions.deeds(INCIDENT)[0].reason
    assert TOKEN not in (books.records.case(INCIDENT).drafts[0].rejected_because or "")


def test_what_a_database_refuses_is_not_repeated(books: Books) -> None:
    judged = Verdict(diagnosis=0, judged="partly", by="ada", at=NOW, true_cause="secret", true_onset=BEFORE_TIME)
    with pytest.raises(RecordsUnavailable) as told:
        books.records.add_verdict(INCIDENT, judged, "secret")
    assert "SQL" not in str(told.value)
    assert "secret" not in str(told.value)


def test_an_occasion_does_not_pass_for_the_next_turn_of_another() -> None:
    turn = f"{conductor.work_name(INCIDENT, 'late change x')}~1"
    assert conductor.work_name(INCIDENT, "late change x~1") != turn
    assert conductor.work_name(INCIDENT, "late change \0\n").isprintable()


def test_a_question_about_a_time_that_is_none_is_refused_in_a_sentence() -> None:
    from made_shop import Shop
    from watchkeeper.telemetry.sources import Cancel

    query = query_from("spans", FOREVER.encode())
    assert isinstance(query, SpanQuery)
    with pytest.raises(QueryRejected, match="is no time in UTC"):
        put(Shop().store(), "spans", query, Cancel())


@pytest.mark.xfail(strict=True, reason="a number is the highest that is there plus one: the row of a case keeps none")
def test_the_number_of_a_draft_that_is_gone_is_not_given_to_another(books: Books) -> None:
    before = books.records.case(INCIDENT)
    books.records.save(before.model_copy(update={"drafts": ()}))
    books.records.save(before.model_copy(update={"drafts": (draft(text="Something else.\n"),)}))
    assert [each.number for each in books.decisions.drafts(INCIDENT)] != [0]


@pytest.mark.xfail(strict=True, reason="the label by which a ticket is found says nothing of which watchkeeper made it")
def test_two_installations_on_one_tracker_do_not_take_each_others_ticket_for_their_own() -> None:
    ours, theirs = parcel(), parcel(title="The same alert, in another installation's first incident")
    assert mark(ours) != mark(theirs)
