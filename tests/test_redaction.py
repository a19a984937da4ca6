import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.redaction import redact

SECRETS = {
    "Authorization: Bearer abc.DEF-123": ("abc.DEF-123", "Authorization: [redacted:authorization]"),
    '{"authorization":"Basic dXNlcjpwYXNz","x":1}': (
        "dXNlcjpwYXNz",
        '{"authorization":"[redacted:authorization]","x":1}',
    ),
    "sent Bearer A1b2C3d4E5f6 on": ("A1b2C3d4E5f6", "sent Bearer [redacted:authorization] on"),
    "key AKIAIOSFODNN7EXAMPLE used": ("AKIAIOSFODNN7EXAMPLE", "key [redacted:token] used"),
    "ghp_0123456789abcdefghijABCDEFGHIJ012345 leaked": ("ghp_", "[redacted:token] leaked"),
    "xoxb-1234567890-abcdef": ("xoxb-1234567890", "[redacted:token]"),
    "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl.": ("eyJhbGci", "jwt [redacted:jwt]."),
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\n-----END RSA PRIVATE KEY-----": ("MIIE", "[redacted:private-key]"),
    "cut -----BEGIN PRIVATE KEY-----\nMIIEvQIB": ("MIIE", "cut [redacted:private-key]"),
    "db_password=hunter2 host=db": ("hunter2", "db_password=[redacted:secret] host=db"),
    '{"password": "hunter 2", "user": "ann"}': ("hunter", '{"password": [redacted:secret], "user": "ann"}'),
    "run --token s3cr3t now": ("s3cr3t", "run --token [redacted:secret] now"),
    "Set-Cookie: sid=1; Path=/": ("sid=1", "Set-Cookie: [redacted:cookie]"),
    "postgresql://shop:p@ss@db:5432/x": ("p@ss", "postgresql://shop:[redacted:password]@db:5432/x"),
    "mail ann.lee+x@mail.example.com, please": ("ann.lee", "mail [redacted:email], please"),
    "card 4111 1111 1111 1111 12/27": ("4111 1111", "card [redacted:card] 12/27"),
    "card 378282246310005.": ("378282246310005", "card [redacted:card]."),
}

HARMLESS = [
    "GET /products/{id} took 412 ms",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736",
    "at 1767225600000000000 ns",
    "order 4111111111111112 is no card: its check digit is wrong",
    "basic settings were loaded, Bearer token missing",
    "http://payment:8080/charge?x=a",
    "installed left-pad@1.3.0",
    "tokens: 512",
    "connection to 10.0.0.7:5432 refused",
]

FRAGMENTS = [
    *SECRETS,
    "password=",
    "://a:",
    "@",
    ".com",
    "eyJ",
    "-----BEGIN PRIVATE KEY-----",
    "-----",
    "AKIA",
    "[redacted:email]",
    "[redacted:",
    "4111",
    "cookie:",
    "Bearer ",
    "a",
    "\n",
    '"',
    "\\",
    "1.2.3.4",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_leaves_as_a_mark_and_its_surroundings_stay(text: str) -> None:
    secret, expected = SECRETS[text]
    assert secret in text
    assert redact(text) == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_what_an_engineer_needs_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_ip_addresses_leave_only_if_asked() -> None:
    text = "from 10.0.0.7 and fe80::1, version 1.2.3.4.5, at 12:30:45"
    assert redact(text) == text
    assert redact(text, ip_addresses=True) == ("from [redacted:ip] and [redacted:ip], version 1.2.3.4.5, at 12:30:45")


def test_patterns_of_ones_own_are_applied_outside_marks() -> None:
    assert redact("badge E-1234 of a@b.com", extra_patterns=[r"E-\d+", "redacted"]) == (
        "badge [redacted:custom] of [redacted:email]"
    )


@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=8)), max_size=30).map("".join))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text, ip_addresses=True)
    assert redact(once, ip_addresses=True) == once


@given(st.text(max_size=200).map(lambda s: s.replace("@", "").replace("[", "")), st.text(max_size=20))
def test_an_email_never_leaves(before: str, after: str) -> None:
    assert "ann@example.com" not in redact(f"{before} ann@example.com {after}")


@given(st.sampled_from(FRAGMENTS), st.sampled_from(FRAGMENTS), st.integers(1, 40_000))
def test_long_hostile_text_stays_bounded(first: str, second: str, length: int) -> None:
    text = (first + second) * (length // len(first + second) + 1)
    # A mark stands for at least four characters (`a=b` shapes) and is at most 24 long.
    assert len(redact(text)) <= 8 * len(text) + 32
