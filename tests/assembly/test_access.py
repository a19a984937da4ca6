"""The keys of this machine: files that only their owner reads, made once, sent to nobody else."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from watchkeeper import settings
from watchkeeper.assembly import access
from watchkeeper.errors import ConfigError
from watchkeeper.records.tokens import OWN, Tokens
from watchkeeper.settings import Settings

AT_ONCE = 6


@pytest.fixture
def chosen() -> Settings:
    return settings.load()


@pytest.fixture
def tokens(chosen: Settings) -> Iterator[Tokens]:
    with access.open_tokens(chosen) as tokens:
        yield tokens


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_writes_a_token_that_only_its_owner_reads(chosen: Settings, tokens: Tokens) -> None:
    before = os.umask(0)
    try:
        assert access.ensure_own_token(chosen, tokens)
    finally:
        os.umask(before)
    assert mode(chosen.token_path) == 0o600
    found = tokens.check(chosen.token_path.read_text())
    assert found is not None
    assert (found.name, found.scopes) == (OWN, {"admin"})
    assert {path.name for path in chosen.home.iterdir()} >= {"token", "token.lock"}
    assert not [path for path in chosen.home.iterdir() if path.name.startswith("token.") and path.suffix != ".lock"]


def test_a_later_start_keeps_the_token(chosen: Settings, tokens: Tokens) -> None:
    access.ensure_own_token(chosen, tokens)
    kept = chosen.token_path.read_text()
    assert not access.ensure_own_token(chosen, tokens)
    assert chosen.token_path.read_text() == kept


@pytest.mark.parametrize("what", ["gone", "revoked", "empty", "of another server"])
def test_a_token_that_does_not_hold_is_made_anew_and_the_old_one_is_over(
    chosen: Settings, tokens: Tokens, what: str
) -> None:
    access.ensure_own_token(chosen, tokens)
    old = chosen.token_path.read_text()
    if what == "gone":
        chosen.token_path.unlink()
    elif what == "revoked":
        tokens.revoke(OWN)
    else:
        chosen.token_path.write_text("" if what == "empty" else f"wk_{'x' * 43}")
    assert access.ensure_own_token(chosen, tokens)
    assert tokens.check(old) is None
    assert tokens.check(chosen.token_path.read_text()) is not None


def test_servers_that_start_at_once_agree_on_one_token(chosen: Settings) -> None:
    def start(_: int) -> bool:
        with access.open_tokens(chosen) as own:
            return access.ensure_own_token(chosen, own)

    with access.open_tokens(chosen) as tokens, ThreadPoolExecutor(AT_ONCE) as starting:
        assert sum(starting.map(start, range(AT_ONCE))) == 1
        assert tokens.check(chosen.token_path.read_text()) is not None
        assert [token.name for token in tokens.list()] == [OWN]


def test_a_link_that_somebody_planted_is_replaced_and_not_followed(
    chosen: Settings, tokens: Tokens, tmp_path: Path
) -> None:
    target = tmp_path / "elsewhere"
    chosen.token_path.symlink_to(target)
    access.ensure_own_token(chosen, tokens)
    assert not target.exists()
    assert not chosen.token_path.is_symlink()


def test_the_key_of_sessions_stays_and_is_its_owners_alone(chosen: Settings) -> None:
    key = access.session_key(chosen)
    assert (len(key), access.session_key(chosen)) == (access.KEY_BYTES, key)
    assert mode(chosen.home / access.SESSION_KEY) == 0o600


def test_a_home_that_cannot_be_written_is_said(chosen: Settings) -> None:
    (chosen.home / f"{access.SESSION_KEY}.lock").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        access.session_key(chosen)


def test_the_variable_goes_before_the_file(chosen: Settings) -> None:
    chosen.token_path.write_text("wk_file\n")
    assert access.token_for(chosen, chosen.server_url, {}) == "wk_file"
    assert access.token_for(chosen, chosen.server_url, {"WATCHKEEPER_TOKEN": " wk_given "}) == "wk_given"
    assert access.headers_for(chosen, chosen.server_url) == {"authorization": "Bearer wk_file"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:4400", "http://localhost:1", "127.0.0.1:9", "http://[::1]:5"])
def test_the_file_is_for_servers_of_this_machine(chosen: Settings, url: str) -> None:
    chosen.token_path.write_text("wk_file")
    assert access.token_for(chosen, url, {}) == "wk_file"


@pytest.mark.parametrize("url", ["http://10.0.0.5:4318", "https://watch.example", "http://127.0.0.1.evil.example"])
def test_the_file_is_never_sent_to_another_machine(chosen: Settings, url: str) -> None:
    chosen.token_path.write_text("wk_file")
    assert access.token_for(chosen, url, {}) is None
    assert access.token_for(chosen, url, {"WATCHKEEPER_TOKEN": "wk_given"}) == "wk_given"


def test_machines_that_share_their_records_have_tokens_of_their_own(tmp_path: Path) -> None:
    shared = {"WATCHKEEPER_RECORDS__URL": "postgresql://x@y/z"}
    homes = [settings.load(environment={"WATCHKEEPER_HOME": str(tmp_path / name), **shared}) for name in "ab"]
    names = {access._own_name(OWN, each) for each in homes}
    assert len(names) == 2
    assert all(name.startswith(f"{OWN} (") and len(name) <= 64 for name in names)
