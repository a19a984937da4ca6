"""Attacks on what a case says: hostile telemetry, sources that change their mind, secrets, loops without end.

A test marked `hole` shows a hole that is still open: it fails as it stands, and the mark goes with the repair (strict:
a mark that is left behind fails too; `--runxfail` shows the failures themselves). The others are attacks that failed.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from markdown_it import MarkdownIt

from made_shop import CHAIN, Shop, at
from watchkeeper import assembly, settings
from watchkeeper.assembly.cases import changes_known
from watchkeeper.cli.show import case_text
from watchkeeper.diagnosis.again import differences, occasion
from watchkeeper.diagnosis.audit import audit
from watchkeeper.domain import CaseFile, Change, Claim, Diagnosis, Figure, Signal, Window
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.claims import Ground, Statement, check
from watchkeeper.evidence.details import CHANGES_SECONDS, change_of
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.prose import bare_digits, fill
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.selectors import holds, parse
from watchkeeper.pipeline import READINGS, diagnose, diagnose_again
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import Answer, ChangeQuery, Query, RedQuery
from watchkeeper.telemetry.store import Store

Tables = dict[str, list[dict[str, object]]]
NOTICED = 300.0


def hole(severity: str, what: str) -> pytest.MarkDecorator:
    """A hole that is still open; the test fails until it is closed."""
    return pytest.mark.xfail(strict=True, reason=f"{severity}: {what}")


def broken(**shop: object) -> Shop:
    """A shop whose payments are slow and fail in one currency."""
    return Shop(per_second=2, slow={"payment": 120}, failing={"payment": 0.3}, **shop)  # type: ignore[arg-type]


def changed_spans(shop: Shop, change: Callable[[dict[str, object]], dict[str, object]]) -> Tables:
    tables = shop.tables()
    return {**tables, "spans": [span | change(span) for span in tables["spans"]]}


def store(tables: Tables) -> Store:
    return store_of({name: table_of(name, rows) for name, rows in tables.items()})  # type: ignore[arg-type]


def case_of(sources: object, service: str = "gateway") -> CaseFile:
    signal = Signal(kind="anomaly", at=at(NOTICED), service=service)
    return diagnose(signal, sources, now=at(NOTICED + 5))  # type: ignore[arg-type]


def latest(case: CaseFile) -> Diagnosis:
    assert case.latest is not None
    return case.latest


@pytest.fixture(scope="module")
def shop() -> Store:
    return broken().store()


@pytest.fixture(scope="module")
def kept(shop: Store) -> CaseFile:
    return case_of(shop)


def everything_written(case: CaseFile) -> str:
    """All that leaves: the case's JSON, the terminal's text, every draft."""
    chosen = settings.load(flags={"server.port": 9})
    kept = assembly.finished(chosen, case, at(NOTICED + 5))
    drafts = (f"{draft.title}\n{draft.text}\n{json.dumps(draft.facts, default=str)}" for draft in kept.drafts)
    return "\n".join([assembly.as_json(kept), case_text(kept, Path("case.json")), *drafts])


def failed_with(**said: object) -> Tables:
    """The broken shop, in which every span that failed says that."""
    return changed_spans(broken(), lambda span: said if span["status_code"] == "error" else {})


def in_one_currency(key: str, value: str) -> Tables:
    """The broken shop, in which the currency whose requests fail is another attribute with another value."""

    def put(span: dict[str, object]) -> dict[str, object]:
        pairs: list[tuple[str, str]] = span["attributes"]  # type: ignore[assignment]
        renamed = [(key if name == "app.currency" else name, value if said == "JPY" else said) for name, said in pairs]
        return {"attributes": renamed}

    return changed_spans(broken(), put)


# What may support a cause


ROWS = pa.table(
    {
        "id": ["d-1", "d-2", "d-3", "d-4", "d-5"],
        "service": ["cart", "pay", "web", "search", "stock"],
        "outcome": ["fits"] * 5,
        "mean_ms_before": pa.array([20.0, None, 40.0, 10.0, 12.0], pa.float64()),
        "mean_ms": [200.0, 30.0, 45.0, 11.0, 12.0],
        "first_seen": [at(-3600)] * 5,
        "onset": [at(0), at(90), at(0), at(0), at(0)],
    }
)
SHARES = pa.table({"service": ["cart"], "share": [0.01]})


class Told:
    """A source that answers every question with the same rows."""

    def __init__(self, rows: pa.Table, is_truncated: bool = False) -> None:
        self.answer = Answer(rows, "SELECT", is_truncated=is_truncated)

    def red(self, query: RedQuery, cancel: object = None) -> Answer:
        return self.answer


def standing(
    selector: str, operator: str, value: object, *, rows: pa.Table = ROWS, about: str = "cart", role: str = "cause",
    is_truncated: bool = False,
) -> str:  # fmt: skip
    source = Told(rows, is_truncated)
    ledger = Ledger()
    ledger.ask("How?", "traces", source.red, RedQuery(window=Window(start=at(-600), end=at(0))))
    ground = Ground(
        recheck=Recheck(ledger.evidence, source, {}),  # type: ignore[arg-type]
        usual=Window(start=at(-600), end=at(-10)),
        latest_onset=at(10),
        components=frozenset(ROWS["service"].to_pylist()),
    )
    statement = Statement("it is so", "e1", parse(selector), operator, value, about, role)  # type: ignore[arg-type]
    result = check(statement, about, ground)
    return result.standing if isinstance(result, Claim) else "struck"


def test_having_been_seen_long_ago_is_no_claim_about_when_the_trouble_began():
    told = standing('first(first_seen) where service = "cart"', "before", at(11), role="timing")
    assert told == "holds"


def test_that_it_began_after_a_time_long_past_does_not_put_it_first_in_time():
    told = standing('first(onset) where service = "cart"', "after", datetime(1990, 1, 1, tzinfo=UTC), role="timing")
    assert told == "holds"


def test_a_change_that_fits_in_time_as_everybodys_does_sets_nobody_apart():
    told = standing('first(outcome) where id = "d-1" and service = "cart"', "=", "fits", role="change")
    assert told == "holds"


def test_a_share_of_at_least_nothing_is_a_tautology_though_the_peers_have_no_share():
    assert standing('first(share) where service = "cart"', "≥", 0.0, rows=SHARES) == "holds"


def test_a_share_of_a_part_of_the_rows_is_struck_as_a_count_is():
    shares = pa.table({"service": ["cart", "pay"], "share": [0.9, 0.1]})
    assert standing('first(share) where service = "cart"', "≥", 0.4, rows=shares, is_truncated=True) == "struck"


def test_a_duration_without_a_past_is_not_a_longer_one():
    assert standing('first(mean_ms) where service = "pay"', ">", 15, about="pay") == "holds"


def test_nothing_holds_against_what_is_no_number():
    assert not holds(5.0, "≠", float("nan"))


# Numbers in prose


@pytest.mark.parametrize("name", ["{{{e1: count() | count}}", "{{{{e1: count() | count}}}}", "{now}"])
def test_a_name_made_like_a_placeholder_is_not_filled(name: str):
    headline = latest(case_of(broken(names={"payment": name}).store())).headline
    assert headline.replace("{ ", "{").startswith(f"share of failed requests of {name}: ")


def test_a_name_made_like_a_placeholder_is_not_filled_where_the_cause_has_changed(kept: CaseFile, shop: Store):
    name, before = "{{e1: count() | count}}", latest(kept)
    renamed = before.hypotheses[0].model_copy(update={"component": name})
    now = before.model_copy(update={"hypotheses": (renamed, *before.hypotheses[1:])})
    recheck = Recheck(kept.evidence, shop, READINGS)
    told = [fill(template, recheck, fields).text for template, fields in differences(before, now)]
    assert told
    assert all("count()" in text for text in told)


def test_a_name_made_like_a_placeholder_is_not_filled_where_no_cause_stands_out():
    name = "{{e1: count() | count}}"
    alike = Shop(per_second=2, failing={"gateway": 0.1, "checkout": 0.1, "payment": 0.1}, names={"gateway": name})
    because = latest(case_of(alike.store(), name)).inconclusive_because or ""
    assert because.startswith("no cause stands out")
    assert "count()" in because


def test_a_long_name_does_not_cut_the_number_behind_it():
    name = "p" * 369
    tables = Shop(per_second=2, slow={"payment": 120}, names={"payment": name}).store()
    claims = [claim for each in latest(case_of(tables)).hypotheses for claim in each.claims]
    assert all(figure.text in claim.text for claim in claims for figure in claim.figures)


def test_names_of_single_digits_do_not_make_a_number_known():
    assert bare_digits("it takes 31 ms", {"3", "1"}) is not None


def test_a_number_that_no_evidence_has_is_refused():
    with pytest.raises(QueryRejected, match="has no source"):
        fill("it takes ٣١ ms", Ledger())


# The audit


def with_headline(case: CaseFile, headline: str, figures: tuple[Figure, ...] | None = None) -> CaseFile:
    diagnosis = latest(case)
    told = diagnosis.model_copy(update={"headline": headline, "figures": figures or diagnosis.figures})
    return case.model_copy(update={"diagnoses": (told,)})


def test_a_case_that_nobody_touched_passes(kept: CaseFile, shop: Store):
    assert audit(kept, shop, READINGS) == ()


def test_a_number_put_together_from_other_figures_is_found(kept: CaseFile, shop: Store):
    forged = with_headline(kept, latest(kept).headline.replace("usually 0.0%", "usually 0.0%0.0%"))
    assert forged != kept
    assert audit(forged, shop, READINGS) != ()


def test_a_probability_that_is_not_the_hypothesis_own_is_found(kept: CaseFile, shop: Store):
    told = latest(kept)
    sure = next(figure for figure in told.figures if figure.selector == "probability")
    figures = tuple(f.model_copy(update={"text": "100%"}) if f == sure else f for f in told.figures)
    forged = with_headline(kept, told.headline.replace(f"({sure.text} sure)", "(100% sure)"), figures)
    assert "(100% sure)" in latest(forged).headline
    assert sure.text != "100%"
    assert audit(forged, shop, READINGS) != ()


def test_what_is_and_what_was_cannot_change_places(kept: CaseFile, shop: Store):
    told = latest(kept)
    top = told.hypotheses[0]
    claim = next(c for c in top.claims if c.text.startswith("share of failed requests"))
    now, usual = (figure.text for figure in claim.figures)
    swapped = claim.model_copy(update={"text": claim.text.replace(now, "\0").replace(usual, now).replace("\0", usual)})
    claims = tuple(swapped if c == claim else c for c in top.claims)
    hypotheses = (top.model_copy(update={"claims": claims}), *told.hypotheses[1:])
    forged = kept.model_copy(update={"diagnoses": (told.model_copy(update={"hypotheses": hypotheses}),)})
    assert audit(forged, shop, READINGS) != ()


def test_a_wrong_count_of_who_is_affected_is_found(kept: CaseFile, shop: Store):
    told = latest(kept)
    rows = tuple(row.model_copy(update={"requests": 999_999}) for row in told.scope.affected)
    scope = told.scope.model_copy(update={"affected": rows})
    forged = kept.model_copy(update={"diagnoses": (told.model_copy(update={"scope": scope}),)})
    assert audit(forged, shop, READINGS) != ()


def test_a_version_is_no_number_without_a_source():
    deployed = broken()
    deployed.deploy("payment", 236, "1.1.0")
    sources = deployed.store()
    assert audit(case_of(sources), sources, READINGS) == ()


# Hostile telemetry


def test_failures_that_log_nothing_at_all_are_diagnosed():
    tables = broken().tables()
    blank = [line | ({"body": " "} if line["severity_number"] == 17 else {}) for line in tables["logs"]]
    assert latest(case_of(store({**tables, "logs": blank}))).hypotheses[0].component == "payment"


@pytest.mark.parametrize(("key", "value"), [("app.currency", ""), ("app.currency", " \n"), ("", "JPY")])
def test_an_attribute_without_a_key_or_a_value_may_be_what_fails(key: str, value: str):
    assert latest(case_of(store(in_one_currency(key, value)))).hypotheses[0].component == "payment"


def test_an_exception_whose_message_is_blank_is_diagnosed():
    assert latest(case_of(store(failed_with(status_message=" ")))).hypotheses[0].component == "payment"


def test_an_operation_that_takes_no_time_at_all_does_no_harm():
    instant = [("/live", number) for number in range(100)] + [("/ready", number) for number in range(100)]
    tables = broken().tables()
    tables["spans"] += [
        tables["spans"][0]
        | {"service_name": "probe", "name": name, "duration_ns": 0, "time": at(3 * number), "parent_span_id": None}
        | {"trace_id": f"{name}{number}", "span_id": f"{name}{number}"}
        for name, number in instant
    ]
    tables["spans"] = [s | ({"duration_ns": 0} if "gateway" in str(s["name"]) else {}) for s in tables["spans"]]
    assert latest(case_of(store(tables))).hypotheses[0].component == "payment"


@pytest.mark.parametrize(
    "said",
    [{"id": "x" * 300}, {"id": ""}, {"kind": "magic"}, {"service_name": ""}, {"ended_at": at(100)}],
    ids=["long id", "no id", "unknown kind", "no service", "ends before it begins"],
)
def test_a_change_that_makes_no_sense_is_left_out(said: dict[str, object]):
    change = {"id": "c-1", "kind": "deploy", "service_name": "payment", "time": at(236), "ended_at": None}
    assert latest(case_of(store({**broken().tables(), "changes": [change | said]}))).hypotheses


def test_a_service_whose_name_is_empty_is_diagnosed():
    assert latest(case_of(broken(names={"payment": ""}).store())).hypotheses


@pytest.mark.parametrize("events", ['{"a": 1}', "not JSON", '[1, null, {"name": "exception", "attributes": null}]'])
def test_events_that_make_no_sense_are_left_out(events: str):
    assert latest(case_of(store(failed_with(events=events)))).hypotheses[0].component == "payment"


def test_a_very_long_word_without_digits_is_read_before_a_child_runs_out_of_processor_time():
    code = (
        "import resource; from watchkeeper.evidence.prose import bare_digits; used = sum(resource.getrusage(0)[:2]); "
        "resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 2, int(used) + 2)); bare_digits('x' * 300_000, ())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ['a"b', "a\nb", "a\0b", "\x1b[31mred", "\u202eabc", "a|b", "}}", "a\\", "500"])
def test_a_name_of_any_characters_is_diagnosed_and_shown_without_commands(name: str):
    case = case_of(broken(names={"payment": name}).store())
    assert latest(case).hypotheses[0].component == name
    assert not re.search("[\0-\x08\x0b-\x1f\x7f\u202a-\u202e\u2028\u2029]", case_text(case, Path("x")))


def in_a_ring(tables: Tables) -> Tables:
    """Every trace's spans are each other's parents."""
    by_trace: dict[object, list[dict[str, object]]] = {}
    for span in tables["spans"]:
        by_trace.setdefault(span["trace_id"], []).append(span)
    rings = [
        span | {"parent_span_id": following["span_id"]}
        for spans in by_trace.values()
        for span, following in zip(spans, spans[1:] + spans[:1], strict=True)
    ]
    return {**tables, "spans": rings}


def test_spans_that_are_each_others_parents_come_to_an_end():
    assert latest(case_of(store(in_a_ring(broken().tables())))).status in ("diagnosed", "inconclusive")


def test_spans_that_share_one_id_come_to_an_end():
    same = {"span_id": "0" * 16, "parent_span_id": "0" * 16}
    assert latest(case_of(store(changed_spans(broken(), lambda _: same)))).status in ("diagnosed", "inconclusive")


# Sources that fail or change their mind


class Moody:
    """A store of which the answer to each question may be replaced: by its number, and by how often it was asked."""

    def __init__(self, inner: Store, answer: Callable[[int, int, Callable[[], Answer]], Answer]) -> None:
        self.inner, self.replaced = inner, answer
        self.count = 0
        self.asked: dict[str, int] = {}

    def __getattr__(self, name: str) -> object:
        method = getattr(self.inner, name)

        def ask(query: Query, cancel: object = None) -> Answer:
            self.count += 1
            key = f"{name} {query.model_dump_json(exclude={'limit'})}"
            self.asked[key] = self.asked.get(key, 0) + 1
            return self.replaced(self.count, self.asked[key], lambda: method(query, cancel))

        ask.__name__ = name
        return ask


@pytest.mark.parametrize("number", [1, 3, 8, 15, 24, 32])
def test_a_source_that_fails_from_any_question_on_leaves_a_diagnosis(shop: Store, number: int):
    def answer(count: int, _: int, real: Callable[[], Answer]) -> Answer:
        if count >= number:
            raise SourceUnavailable("it is down")
        return real()

    assert latest(case_of(Moody(shop, answer))).status in ("diagnosed", "inconclusive")


def test_what_a_source_says_otherwise_the_second_time_is_not_claimed(shop: Store):
    def answer(_: int, times: int, real: Callable[[], Answer]) -> Answer:
        return real() if times == 1 else replace(real(), rows=real().rows.slice(0, 0))

    told = latest(case_of(Moody(shop, answer)))
    assert (told.status, told.hypotheses) == ("inconclusive", ())
    assert told.struck


# Secrets


SECRETS = {
    "token": "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8",
    "key": "AKIAIOSFODNN7EXAMPLE",
    "mail": "ann42@example.com",
    "card": "4111111111111111",
}


@pytest.mark.parametrize(
    ("secret", "rest"),
    [(SECRETS["token"], "ghp_A"), (SECRETS["key"], "AKIAIOSFODNN"), (SECRETS["mail"], "@example.com")],
)
def test_a_secret_in_an_exceptions_message_does_not_leave_in_part(secret: str, rest: str):
    assert rest not in everything_written(case_of(store(failed_with(status_message=f"refused for {secret}"))))


@pytest.mark.parametrize("key", ["app.password", "session.token", "http.request.header.cookie"])
def test_the_value_of_an_attribute_that_is_named_like_a_secret_does_not_leave(key: str):
    assert "hunter2" not in everything_written(case_of(store(in_one_currency(key, "hunter2"))))


def test_an_address_in_the_name_of_a_slow_operation_does_not_leave_in_a_query():
    slow = Shop(per_second=3, slow={"payment": 200})
    entry = {"name": "POST /users/ann@example.com"}
    spans = changed_spans(slow, lambda span: entry if span["name"] == "POST /gateway" else {})
    assert "ann@example" not in everything_written(case_of(store(spans)))


@pytest.mark.parametrize("field", ["id", "version", "environment"])
def test_a_secret_in_a_change_does_not_leave(field: str):
    deployed = broken()
    deployed.deploy("payment", 236, "1.1.0")
    deployed.changes[0][field] = f"release {SECRETS['token']}"
    assert SECRETS["token"] not in everything_written(case_of(deployed.store()))


@hole("high", "names of services are not redacted")
def test_a_secret_in_a_services_name_does_not_leave():
    assert SECRETS["mail"] not in everything_written(case_of(broken(names={"payment": SECRETS["mail"]}).store()))


def test_a_secret_at_the_place_where_a_text_is_cut_does_not_leave_in_part():
    message = f"{'y' * 185} ann.smith@example.com"
    assert "ann.smith" not in everything_written(case_of(store(failed_with(status_message=message))))


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_in_a_log_line_or_in_a_changes_title_does_not_leave(secret: str):
    tables = broken().tables()
    told = [line | ({"body": f"no {secret}"} if line["severity_number"] == 17 else {}) for line in tables["logs"]]
    change = {"id": "c-1", "kind": "deploy", "service_name": "payment", "time": at(236), "title": f"fix {secret}"}
    written = everything_written(case_of(store({**tables, "logs": told, "changes": [change | {"author": secret}]})))
    assert secret not in written


# Drafts


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>",
        "![a](http://evil.example/x.png)",
        "[a](javascript:alert(1))",
        "`</code><script>alert(1)</script>",
        "a|b|<b>x</b>",
        "```\n<script>x</script>\n```",
        "\n\n# H\n\n<details>",
    ],
)
def test_no_html_image_or_link_comes_of_hostile_names_in_drafts(text: str):
    attacked = broken(names={name: f"{text}{name}" for name in CHAIN})
    attacked.deploy("payment", 236, "1.1.0")
    attacked.changes[0] |= {name: text for name in ("version", "environment", "author", "title", "expected_impact")}
    chosen = settings.load(flags={"server.port": 9})
    kept = assembly.finished(chosen, case_of(attacked.store(), f"{text}gateway"), at(NOTICED + 5))
    assert {draft.kind for draft in kept.drafts} >= {"ticket", "incident-report", "post-mortem"}
    pages = "".join(MarkdownIt("commonmark").enable("table").render(draft.text) for draft in kept.drafts)
    assert not re.search(r"<(?:img|a|script|details|b)\b", pages)


# Diagnosing again


def reasons(shop: Shop, times: int = 3, case: CaseFile | None = None) -> list[str | None]:
    """Why the case is diagnosed again, each time that the loop looks, long after the last look that is planned."""
    sources, found = shop.store(), []
    case = case or case_of(sources)
    for tick in range(times):
        now = at(NOTICED + 1000 + 10 * tick)
        window = Window(start=at(NOTICED - CHANGES_SECONDS), end=now)
        changes = [change_of(row) for row in sources.changes(ChangeQuery(window=window)).rows.to_pylist()]
        why = occasion(case, now, changes)
        found.append(why)
        if why is not None:
            again = diagnose_again(case, sources, now=now, occasion=why)
            case = assembly.finished(settings.load(flags={"server.port": 9}), again, now)
    return found


def config_change(number: int) -> dict[str, object]:
    return {"id": f"c-{number:02}", "kind": "config", "service_name": "gateway", "time": at(-600 + number)}


def test_a_case_is_not_diagnosed_again_when_everything_is_known():
    assert reasons(broken())[1:] == [None, None]


def test_a_case_without_a_cause_is_not_diagnosed_again_for_the_same_change_without_end():
    quiet = Shop(per_second=2)
    quiet.deploy("payment", 100, "1.1.0")
    assert reasons(quiet)[-1] is None


def test_more_changes_than_evidence_keeps_do_not_have_a_case_diagnosed_without_end():
    busy = Shop(per_second=2, slow={"payment": 120}, changes=[config_change(number) for number in range(25)])
    assert reasons(busy)[-1] is None


def test_a_change_whose_id_is_redacted_does_not_have_a_case_diagnosed_without_end():
    named = Shop(per_second=2, slow={"payment": 120}, changes=[config_change(1) | {"id": "deploy-ann@example.com"}])
    assert reasons(named)[-1] is None


def test_a_signal_from_the_future_does_not_have_a_case_diagnosed_without_end():
    shop = broken()
    case = case_of(shop.store())
    ahead = Signal(kind="alert", at=at(10_000), service="gateway")
    incident = case.incident.model_copy(update={"signals": (*case.incident.signals, ahead)})
    assert reasons(shop, case=case.model_copy(update={"incident": incident}))[-1] is None


def in_state(case: CaseFile, state: str) -> CaseFile:
    return case.model_copy(update={"incident": case.incident.model_copy(update={"state": state})})


@pytest.mark.parametrize("state", ["mitigated", "resolved", "closed"])
def test_a_case_that_is_over_is_not_due(kept: CaseFile, state: str):
    late = Change(id="c-1", kind="config", service="gateway", began_at=at(100))
    assert occasion(in_state(kept, state), at(10_000), [late]) is None


@pytest.mark.parametrize("state", ["mitigated", "resolved", "closed"])
def test_looking_again_does_not_open_a_case_that_is_over(kept: CaseFile, shop: Store, state: str):
    again = diagnose_again(in_state(kept, state), shop, now=at(400), occasion="request")
    assert again.incident.state == state


def test_a_case_that_was_resolved_while_it_was_diagnosed_again_stays_resolved(kept: CaseFile, shop: Store):
    chosen = settings.load(flags={"server.port": 9})
    assembly.save_case(chosen, kept)
    again = diagnose_again(kept, shop, now=at(400), occasion="after 2 minutes")
    assembly.save_case(chosen, in_state(kept, "resolved"))
    assembly.save_case(chosen, again)
    assert assembly.case(chosen, kept.incident.id).incident.state == "resolved"


def test_a_change_that_makes_no_sense_does_not_stop_the_loop(kept: CaseFile):
    now = kept.incident.signals[0].at + timedelta(minutes=3)
    change = {"id": "x" * 300, "kind": "deploy", "service_name": "payment", "time": now - timedelta(minutes=4)}
    sources = store({"spans": [], "changes": [change]})
    assert occasion(kept, now, changes_known(sources, kept, now)) == "after 2 minutes"


def test_two_diagnoses_at_once_without_records_do_not_overwrite_each_other(shop: Store):
    chosen = settings.load(flags={"server.port": 9})
    Path(chosen.records_place).write_text("no database " * 1000)
    signals = [Signal(kind="anomaly", at=at(NOTICED), service=name) for name in ("gateway", "checkout")]
    cases = [assembly.diagnose(chosen, signal, shop, lambda _: None, is_recording=True) for signal in signals]
    assert len({assembly.save_case(chosen, case) for case in cases}) == 2


def test_a_note_that_somebody_put_into_the_folder_stays(kept: CaseFile):
    chosen = settings.load(flags={"server.port": 9})
    note = assembly.save_case(chosen, kept).with_name("notes.md")
    note.write_text("what we tried")
    assembly.save_case(chosen, kept)
    assert note.exists()


@pytest.mark.parametrize("name", ["..", "../../etc", "a/b", "\0", "/etc/passwd"])
def test_no_name_of_a_case_leads_out_of_its_folder(name: str):
    with pytest.raises(QueryRejected, match="there is no case"):
        assembly.case(settings.load(flags={"server.port": 9}), name)
