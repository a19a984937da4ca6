"""What questions are taken for."""

from datetime import UTC, datetime, timedelta

import pytest

from watchkeeper.chat.intents import Intent
from watchkeeper.chat.understanding import Context, Rules

NOW = datetime(2026, 11, 21, 14, 10, tzinfo=UTC)
KNOWN = ("cart", "catalog", "checkout", "gateway", "payment", "recommendations")


def understood(text: str, known: tuple[str, ...] = KNOWN, **context: object) -> Intent:
    return Rules().understand(text, known, Context(NOW, **context))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "kind", "service"),
    [
        ("why is checkout slow since noon?", "cause", "checkout"),
        ("Why's checkout failing", "cause", "checkout"),
        ("what is wrong?", "cause", None),
        ("what happened", "cause", None),
        ("who deployed?", "changes", None),
        ("who deployed checkout", "changes", "checkout"),
        ("what changed in the last hour?", "changes", None),
        ("was anything released?", "changes", None),
        ("compare with yesterday", "compare", None),
        ("compare checkout with an hour ago", "compare", "checkout"),
        ("is cart worse than yesterday", "compare", "cart"),
        ("how many users?", "users", None),
        ("how many users are affected?", "users", None),
        ("who is affected", "users", None),
        ("is it over?", "over", None),
        ("has checkout recovered?", "over", "checkout"),
        ("is payment still slow?", "over", "payment"),
        ("draft the ticket", "draft", None),
        ("write a post-mortem", "draft", None),
        ("what should I check next?", "next", None),
        ("what now", "next", None),
        ("show the evidence for e12", "evidence", None),
        ("which runbook?", "runbook", None),
        ("how is cart?", "status", "cart"),
        ("is checkout ok?", "status", "checkout"),
        ("cart", "status", "cart"),
        ("who owns checkout?", "owner", "checkout"),
        ("help", "help", None),
        ("hm", "unclear", None),
        ("hello", "unclear", None),
        ("", "unclear", None),
        ("please tell me a joke", "unclear", None),
    ],
)
def test_a_question_is_taken_for_what_it_asks(text: str, kind: str, service: str | None) -> None:
    found = understood(text)
    assert (found.kind, found.service, found.missing) == (kind, service, ())


@pytest.mark.parametrize(
    ("typed", "service"),
    [
        ("chekout", "checkout"),
        ("checkuot", "checkout"),
        ("paymnt", "payment"),
        ("recomendations", "recommendations"),
        ("CHECKOUT", "checkout"),
        ("checkout-service", "checkout"),
        ("catalogue", "catalog"),
        ("gatway's", "gateway"),
    ],
)
def test_a_service_is_known_by_a_name_that_is_nearly_its_own(typed: str, service: str) -> None:
    assert understood(f"why is {typed} slow?").service == service


def test_what_a_misspelt_name_was_taken_for_is_remembered() -> None:
    assert understood("why is chekout slow?").typed == "chekout"
    assert understood("why is checkout slow?").typed is None


@pytest.mark.parametrize(
    "text", ["why is shipping slow?", "how is the warehouse?", "who owns billing", "is orders down"]
)
def test_a_service_that_does_not_exist_is_missing_and_never_guessed(text: str) -> None:
    found = understood(text)
    assert found.service is None
    assert found.missing == ("service",)
    assert found.typed


def test_several_services_that_match_are_candidates() -> None:
    known = ("payments-api", "payments-worker", "cart")
    found = understood("why is payments slow?", known)
    assert (found.service, found.candidates) == (None, ("payments-api", "payments-worker"))
    assert understood("compare checkout and cart with yesterday", (*known, "checkout")).candidates == (
        "checkout",
        "cart",
    )


def test_a_word_of_questions_is_a_service_only_where_one_is_named() -> None:
    known = ("users", "checkout")
    assert understood("how many users are affected?", known).service is None
    assert understood("why is users slow?", known).service == "users"


def test_the_papers_are_told_apart() -> None:
    texts = (
        "draft the ticket",
        "draft a post-mortem",
        "write a status update",
        "draft the status page",
        "draft a report",
    )
    assert [understood(f"draft {text}").paper for text in texts] == [
        "ticket", "post-mortem", "internal-update", "status-page", "incident-report",
    ]  # fmt: skip


def test_evidence_has_a_number_or_it_is_missing() -> None:
    assert understood("what is e12?").evidence == "e12"
    assert understood("show the evidence").missing == ("evidence",)


def test_both_stretches_of_a_comparison_are_those_that_were_named() -> None:
    found = understood("compare checkout between 12:43 and 12:44 with 12:42")
    assert found.since is not None
    assert found.until is not None
    assert (found.since.strftime("%H:%M"), found.until.strftime("%H:%M")) == ("12:43", "12:44")


def test_a_time_that_is_none_is_missing() -> None:
    assert understood("why is cart slow since 25:90?").missing == ("time",)


def test_stretches_that_would_overlap_are_shortened() -> None:
    found = understood("compare with 2 minutes ago")
    assert found.compare_to is not None
    assert (found.since, found.compare_to.end) == (NOW - timedelta(minutes=2), NOW - timedelta(minutes=2))
    assert found.compare_to.duration == timedelta(minutes=2)


def test_a_name_alone_answers_what_was_asked_back() -> None:
    pending = Intent(kind="cause", since=NOW - timedelta(hours=1), candidates=("cart", "catalog"))
    found = understood("cart", pending=pending, kind="cause")
    assert (found.kind, found.service, found.since) == ("cause", "cart", NOW - timedelta(hours=1))


def test_a_time_alone_answers_what_to_compare_with() -> None:
    found = understood("an hour ago", pending=Intent(kind="compare", service="cart"))
    assert (found.kind, found.service) == ("compare", "cart")
    assert found.compare_to is not None


def test_another_name_asks_the_same_again() -> None:
    assert understood("and payment?", kind="owner").kind == "owner"
    assert understood("what about payment?", kind="cause").service == "payment"


@pytest.mark.parametrize(
    "text", ["why " * 1000, "{{e1: count() | count}}", "\x1b[31m", "is" * 1500, "a" * 5000, "e" + "9" * 40]
)
def test_no_text_is_too_strange(text: str) -> None:
    assert understood(text).service is None
