"""Tokens: made once and shown once, kept as a digest, over when they are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from watchkeeper.errors import QueryRejected
from watchkeeper.records.decisions import Decisions
from watchkeeper.records.store import Records
from watchkeeper.records.tokens import OWN, USED_EVERY, Tokens

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(records: Records, clock: Clock) -> Tokens:
    return Tokens(records, clock)


def test_a_token_is_known_by_its_text_alone(tokens: Tokens) -> None:
    text = tokens.create("ada", ("read", "ingest"))
    assert len(text) == len("wk_") + 43
    found = tokens.check(text)
    assert found is not None
    assert (found.name, found.scopes) == ("ada", {"read", "ingest"})
    for other in (text[:-1], text.upper(), f"{text} ", "", "wk_", found.digest, "\ud800"):
        assert tokens.check(other) is None


def test_the_text_of_a_token_is_kept_nowhere(tmp_path: Path) -> None:
    with Records.open(tmp_path / "records.sqlite") as records:
        text = Tokens(records).create("ada", ("read",))
    assert all(text.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_no_two_tokens_are_alike(tokens: Tokens) -> None:
    assert len({tokens.create(f"t{number}", ("read",)) for number in range(20)}) == 20


def test_a_token_that_is_revoked_or_over_is_none(tokens: Tokens, clock: Clock) -> None:
    revoked, over = tokens.create("a", ("read",)), tokens.create("b", ("read",), NOON + timedelta(days=1))
    tokens.revoke("a")
    assert tokens.check(revoked) is None
    assert tokens.check(over) is not None
    clock.now += timedelta(days=1)
    assert tokens.check(over) is None
    assert tokens.valid() == []
    assert [token.name for token in tokens.list()] == ["a", "b"]


def test_a_name_is_free_again_when_its_token_is_over(tokens: Tokens) -> None:
    old = tokens.create("ada", ("admin",))
    with pytest.raises(QueryRejected, match="there is a token 'ada' already"):
        tokens.create("ada", ("read",))
    tokens.revoke("ada")
    new = tokens.create("ada", ("read",))
    assert (tokens.check(old), tokens.check(new) is not None) == (None, True)


def test_when_it_was_used_is_kept_to_the_minute(tokens: Tokens, clock: Clock) -> None:
    text = tokens.create("ada", ("read",))
    tokens.check(text)
    clock.now += USED_EVERY - timedelta(seconds=1)
    tokens.check(text)
    assert tokens.list()[0].used_at == NOON
    clock.now += timedelta(seconds=1)
    tokens.check(text)
    assert tokens.list()[0].used_at == clock.now


@pytest.mark.parametrize("name", ["", " x", "-x", "x" * 65, "a\nb", "a\x1b[1m", "<b>", "a;b"])
def test_a_name_that_could_be_something_else_is_refused(tokens: Tokens, name: str) -> None:
    with pytest.raises(QueryRejected, match="a token's name begins with"):
        tokens.create(name, ("read",))


def test_names_of_the_servers_own_are_not_made_by_hand(tokens: Tokens) -> None:
    with pytest.raises(QueryRejected, match="are the server's own"):
        tokens.create(f"{OWN} 2", ("read",))
    tokens.create(OWN, ("admin",), by="watchkeeper serve")
    assert not tokens.any_made_by_hand()
    tokens.create("ada", ("read",))
    assert tokens.any_made_by_hand()
    tokens.revoke("ada")
    assert not tokens.any_made_by_hand()


def test_what_cannot_be_is_refused(tokens: Tokens) -> None:
    with pytest.raises(QueryRejected, match="needs a scope"):
        tokens.create("ada", ())
    with pytest.raises(QueryRejected, match="later than now"):
        tokens.create("ada", ("read",), NOON)
    with pytest.raises(QueryRejected, match="there is no token 'gone'"):
        tokens.revoke("gone")


def test_the_audit_trail_tells_who_made_ended_and_used_them(tokens: Tokens, records: Records) -> None:
    tokens.create("ada", ("read",))
    tokens.note_sign_in("ada")
    tokens.revoke("ada")
    tokens.revoke("ada")
    told = [(deed.by, deed.deed, deed.subject) for deed in Decisions(records).deeds()]
    assert told == [
        ("the command line", "revoked a token", "ada"),
        ("ada", "signed in", "the pages"),
        ("the command line", "made a token", "ada"),
    ]
