from datetime import timedelta
from pathlib import Path

import pytest
from telemetry_rows import at, span, spans

from watchkeeper import library
from watchkeeper.domain import Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.scope import FAILED, FAILED_OR_SLOW, PORTIONS, READINGS, Reach, portion_rows, take_scope
from watchkeeper.lab.truth import Truth
from watchkeeper.telemetry.recording import open_recording, store_of
from watchkeeper.telemetry.sources import Answer, Cancel, PortionQuery, UserQuery
from watchkeeper.telemetry.store import Store

INCIDENTS = library.HOME / "evals" / "incidents"
USUAL, INCIDENT = Window(start=at(0), end=at(290)), Window(start=at(300), end=at(600))
Row = dict[str, object]


def shop(*, failing: bool = False, slow: bool = False, everywhere: bool = False) -> Store:
    """A request a second in one of three currencies by 60 people, each with one; from 300 s on JPY or all is hit."""
    rows: list[Row] = []
    for second in range(600):
        currency, user = ("EUR", "USD", "JPY")[second % 3], f"u{second % 60}"
        hit = second >= 300 and (everywhere or currency == "JPY")
        rows.append(
            span(
                second,
                service_name="gateway",
                status_code="error" if failing and hit else "ok",
                duration_ns=(900 if slow and hit else 40 + second % 7) * 10**6,
                attributes=[("app.currency", currency), ("user.id", user)],
            )
        )
    return store_of({"spans": spans(*rows)})


def scope(store: Store, **fields: object) -> Reach:
    return take_scope(store, Ledger().ask, ("gateway",), USUAL, INCIDENT, **fields)  # type: ignore[arg-type]


def test_the_portion_that_fails_and_the_people_in_it_are_counted() -> None:
    found = scope(shop(failing=True))
    (portion,) = found.portions
    assert (portion.service, portion.attribute, portion.value) == ("gateway", "app.currency", "JPY")
    assert (portion.requests, portion.errors, portion.usual_requests, portion.usual_errors) == (100, 100, 96, 0)
    assert portion.evidence == found.evidence["portions"] == "e1"
    assert found.users is not None
    assert (found.users.attribute, found.users.seen, found.users.affected) == ("user.id", 60, 20)
    assert (found.users.met, found.users.evidence) == (FAILED, "e2")


def test_slow_requests_are_trouble_only_where_requests_got_slow() -> None:
    found = scope(shop(slow=True))
    assert [(p.attribute, p.value) for p in found.portions] == [("app.currency", "JPY")]
    assert found.users is not None
    assert (found.users.affected, found.users.met) == (20, FAILED_OR_SLOW)


def test_where_all_of_it_suffers_the_portion_is_the_service() -> None:
    found = scope(shop(failing=True, everywhere=True))
    assert [(p.attribute, p.value, p.errors) for p in found.portions] == [("service.name", "gateway", 300)]
    assert found.carriers[0].is_whole
    assert found.users is not None
    assert found.users.affected == found.users.seen == 60


def test_where_nothing_is_wrong_nobody_is_affected() -> None:
    found = scope(shop())
    assert found.portions == ()
    assert found.users is not None
    assert (found.users.seen, found.users.affected) == (60, 0)


def test_without_any_user_attribute_people_are_not_counted() -> None:
    with store_of({"spans": spans(*(span(n, service_name="gateway") for n in range(600)))}) as store:
        assert scope(store).users is None


def test_people_are_told_apart_by_what_most_requests_carry() -> None:
    rows = [span(n, service_name="gateway", attributes=[("session.id", f"s{n}")]) for n in range(300, 400)]
    rows += [span(n, service_name="gateway", attributes=[("enduser.id", f"e{n}")]) for n in range(400, 410)]
    with store_of({"spans": spans(*rows)}) as store:
        found = scope(store).users
    assert found is not None
    assert (found.attribute, found.seen) == ("session.id", 100)


def test_people_are_counted_where_their_requests_arrive() -> None:
    rows = [span(n, service_name="gateway", attributes=[("user.id", f"u{n}")]) for n in range(300, 340)]
    rows += [span(n, service_name="cart", status_code="error", attributes=[("user.id", "x")]) for n in range(300, 340)]
    with store_of({"spans": spans(*rows)}) as store:
        found = take_scope(store, Ledger().ask, ("cart",), USUAL, INCIDENT, doors=("gateway",))
    assert found.users is not None
    assert (found.users.seen, found.users.affected) == (40, 0)
    assert {portion.service for portion in found.portions} == {"cart"}


def test_windows_that_overlap_are_no_reason_to_fail() -> None:
    late = Window(start=at(310), end=at(350))
    with shop(failing=True) as store:
        found = take_scope(store, Ledger().ask, (), late, INCIDENT)
    assert found.portions[0].errors == 100


class Down:
    """Traces whose backend does not answer."""

    def portions(self, query: PortionQuery, cancel: Cancel | None = None) -> Answer:
        raise SourceUnavailable("it did not answer within 30 s")

    def users(self, query: UserQuery, cancel: Cancel | None = None) -> Answer:
        raise SourceUnavailable("it did not answer within 30 s")


def test_a_source_that_is_down_is_a_gap_and_nobody_is_counted() -> None:
    ledger = Ledger()
    found = take_scope(Down(), ledger.ask, (), USUAL, INCIDENT)  # type: ignore[arg-type]
    assert (found.portions, found.users) == ((), None)
    assert [entry.status for entry in ledger.evidence] == ["failed", "failed"]
    assert len(ledger.gaps) == 2


def test_the_rows_that_a_reader_sees_begin_with_what_carries_the_trouble() -> None:
    ledger = Ledger(readings=READINGS)
    with shop(failing=True) as store:
        found = take_scope(store, ledger.ask, (), USUAL, INCIDENT)
        ledger.read(found.evidence["portions"], "portions", {})
    rows = ledger.evidence[0].rows
    first = dict(zip(rows.columns, rows.values[0], strict=True))
    assert (first["service"], first["attribute"], first["value"]) == ("gateway", "app.currency", "JPY")
    assert (first["errors_before"], first["errors"], first["error_ratio"]) == (0, 100, 1.0)
    assert first["share_of_trouble"] == 1.0


def test_no_portions_are_no_rows() -> None:
    with store_of({}) as store:
        rows = portion_rows(store.portions(PortionQuery(window=INCIDENT)).rows)
    assert rows.num_rows == 0


@pytest.mark.parametrize("folder", sorted(INCIDENTS.glob("*")), ids=lambda folder: folder.name)
def test_every_recorded_incident_has_a_scope(folder: Path) -> None:
    truth = Truth.from_yaml(folder / "truth.yaml")
    split = truth.symptom_onset or truth.begins + (truth.ends - truth.begins) / 2
    usual = Window(start=truth.begins, end=split - timedelta(seconds=10))
    incident = Window(start=split, end=min(truth.ends, split + timedelta(seconds=60)))
    found = take_scope(open_recording(folder / "telemetry"), Ledger().ask, (), usual, incident, doors=("gateway",))
    assert len(found.portions) <= PORTIONS
    assert found.users is not None
    assert found.users.attribute == "user.id"
    assert 0 <= found.users.affected <= found.users.seen
    if truth.kind == "nothing":
        assert (found.portions, found.users.affected) == ((), 0)
    if truth.kind == "error-deploy":
        assert ("payment", "app.currency", "USD") in [(p.service, p.attribute, p.value) for p in found.portions]
        assert found.users.affected > 0


def test_a_combination_that_carries_the_trouble_is_counted_exactly_and_comes_first() -> None:
    rows: list[Row] = []
    for second in range(600):
        currency, device = ("EUR", "USD", "JPY")[second % 3], ("ios", "web")[second // 3 % 2]
        hit = second >= 300 and currency == "JPY" and device == "ios"
        attributes = [("app.currency", currency), ("app.device", device)]
        rows.append(span(second, service_name="gateway", status_code="error" if hit else "ok", attributes=attributes))
    store = store_of({"spans": spans(*rows)})
    found = scope(store, together=[("gateway", "app.currency, app.device")])
    first = found.portions[0]
    assert (first.attribute, first.value, first.requests, first.errors) == (
        "app.currency, app.device",
        "JPY, ios",
        50,
        50,
    )
    assert first.evidence == found.evidence[f"portions {first.evidence}"]
