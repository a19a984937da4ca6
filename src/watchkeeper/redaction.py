"""What must not leave: secrets and personal data in text become marks such as `[redacted:email]`.

Every pattern takes time linear in the text: runs are bounded, possessive, or only begin where a run begins.
Names, hosts and figures stay, so that a redacted text still explains an incident.
"""

import html
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Sequence

_MARK = re.compile(r"(\[redacted:[a-z-]+\])")
_ROUNDS = 6
_LAYERS = 2
"""How often an escape may be escaped itself, as a URL in a query of a URL is."""
_NOT_A_MARK = r"(?!\[redacted:)"
_QUOTE = r"""\\{0,7}+["']?+"""
"""A quotation mark, perhaps of JSON in a text of JSON."""
_SECRET_NAMES = (
    r"pass(?:word|wd|phrase)|pwd|secret(?:[_-]?access)?(?:[_-]?key)?|token|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|private[_-]?key|credentials?|session[_-]?token|x-auth-key"
)
_TOKENS = "|".join(
    (
        r"(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16,}",
        r"gh[pousr]_[A-Za-z0-9]{20,}",
        r"github_pat_[A-Za-z0-9_]{20,}",
        r"glpat-[\w-]{16,}",
        # Our own: no letter before it, so that it is no end of a word.
        r"(?<![A-Za-z0-9])wk_[A-Za-z0-9_-]{43}",
        r"ATATT[A-Za-z0-9_=-]{20,}",
        # `<n>` stands for a number in the template of log lines, `<*>` for a word.
        r"(?:xox[abeoprs]|xapp)-(?:[A-Za-z0-9-]|<n>|<\*>){10,}",
        r"hooks\.slack\.com/services/[\w/]{10,}",
        r"AIza[\w-]{30,}",
        r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}",
        r"sk-[\w-]{20,}",
        r"npm_[A-Za-z0-9]{30,}",
        r"pypi-[\w-]{50,}",
    )
)

_DISGUISE = re.compile(r"[^\n\r\t -~]|%[0-9a-f]{2}|\\[ux]|&#?\w{1,8};", re.IGNORECASE)
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|%([2-7][0-9a-f])", re.IGNORECASE)
_FILLERS = "\u034f\u115f\u1160\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10)))
"""Characters without width that Unicode counts among letters and marks."""

Replace = Callable[[re.Match[str]], str]


def redact(text: str, *, ip_addresses: bool = False, extra_patterns: Sequence[str] = ()) -> str:
    """The text with secrets and personal data replaced by `[redacted:<kind>]`.

    Redacting again changes nothing. Text that goes on changing (it was made to) leaves as `[redacted:text]`.
    `extra_patterns` are regular expressions of the user's: how long they take is theirs too.

    A secret in disguise (split by characters without width, escaped, in full-width letters) is one too: then what is
    left is the text as it reads without any.
    """
    for _ in range(_ROUNDS):
        shorter = _once(text, ip_addresses, extra_patterns)
        if shorter == text:
            plain = _without_disguise(text)
            shorter = _once(plain, ip_addresses, extra_patterns)
            if plain == text or shorter == plain:
                return text
        text = shorter
    return "[redacted:text]"


def _without_disguise(text: str) -> str:
    """The text as it reads once escapes are resolved and what has no width is left out."""
    if _DISGUISE.search(text) is None:
        return text
    for _ in range(_LAYERS):
        text = _ESCAPED.sub(lambda m: _character(m[0], int(m[1] or m[2] or m[3], 16)), html.unescape(text))
    return "".join(c for c in unicodedata.normalize("NFKC", text) if not _is_invisible(c))


def _character(escaped: str, number: int) -> str:
    return escaped if 0xD800 <= number <= 0xDFFF else chr(number)


def _is_invisible(character: str) -> bool:
    return character not in "\n\r\t" and (
        unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Cn") or character in _FILLERS
    )


def is_secret(name: str, value: str) -> bool:
    """Whether a value that stands under that name must not leave, though by itself it says nothing."""
    said = f"{name}={value}" if value else ""
    return redact(said) != said or redact(f"{name}: {value}") != f"{name}: {value}"


def _once(text: str, ip_addresses: bool, extra_patterns: Sequence[str]) -> str:
    for pattern, replace in _PATTERNS:
        text = pattern.sub(replace, text)
    if ip_addresses:
        text = _IP_ADDRESS.sub(_if_ip_address, text)
    for extra in extra_patterns:
        text = _outside_marks(re.compile(extra), text)
    return text


def _outside_marks(pattern: re.Pattern[str], text: str) -> str:
    pieces = _MARK.split(text)
    pieces[::2] = [pattern.sub(lambda m: "[redacted:custom]" if m[0] else "", piece) for piece in pieces[::2]]
    return "".join(pieces)


def _as(kind: str) -> Replace:
    """Keep what the pattern calls `kept` (the name before a secret), replace the rest."""

    def replace(match: re.Match[str]) -> str:
        kept = match.groupdict().get("kept") or ""
        return f"{kept}[redacted:{kind}]"

    return replace


def _if_card(match: re.Match[str]) -> str:
    digits = [int(c) for c in match[0] if c.isdigit()]
    doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(reversed(digits))]
    return "[redacted:card]" if sum(doubled) % 10 == 0 else match[0]


def _if_ip_address(match: re.Match[str]) -> str:
    try:
        ipaddress.ip_address(match[0])
    except ValueError:
        return match[0]
    return "[redacted:ip]"


_PATTERNS: tuple[tuple[re.Pattern[str], Replace], ...] = (
    (
        # A key that was cut off has no end: all that follows is taken for it, up to the next dashes.
        # No possessive group around the lookahead: Python before 3.11.5 gets those wrong (cpython issue 100061).
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-(?!----)[^-]*)*"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
        _as("private-key"),
    ),
    (
        re.compile(rf"(?P<kept>://[^\s/:@]{{0,128}}:){_NOT_A_MARK}[^\s/]{{1,256}}(?=@)"),
        _as("password"),
    ),
    (
        re.compile(
            rf"(?P<kept>authorization{_QUOTE}\s{{0,4}}+[:=]\s{{0,4}}+{_QUOTE}){_NOT_A_MARK}"
            r"""(?:(?:bearer|basic|token|digest|negotiate|apikey)\s{1,4})?[^\s"',;\\]+""",
            re.IGNORECASE,
        ),
        _as("authorization"),
    ),
    (
        # `basic settings` and `Bearer token` are words, not secrets.
        re.compile(
            rf"(?P<kept>\b(?:bearer|basic)\s{{1,4}}+){_NOT_A_MARK}(?![A-Za-z][a-z]*\b(?![._~+/=-]\w))"
            r"[A-Za-z0-9._~+/=-]{8,}",
            re.IGNORECASE,
        ),
        _as("authorization"),
    ),
    (
        re.compile(
            rf"(?P<kept>cookie{_QUOTE}\s{{0,4}}+[:=]\s{{0,4}}+{_QUOTE}){_NOT_A_MARK}[^\s\"\\][^\r\n\"\\]*",
            re.IGNORECASE,
        ),
        _as("cookie"),
    ),
    (
        re.compile(
            rf"(?P<kept>(?:{_SECRET_NAMES}){_QUOTE}\s{{0,3}}+[:=]\s{{0,3}}+){_NOT_A_MARK}"
            r"""(?:\\{0,7}"[^"\r\n]*+"?|'[^'\r\n]*+'?|[^\s"'&;,)}\]]+)""",
            re.IGNORECASE,
        ),
        _as("secret"),
    ),
    (
        re.compile(
            rf"(?P<kept>\b(?:j?session[_-]?id|phpsessid|connect\.sid)=){_NOT_A_MARK}[\w.-]{{8,}}", re.IGNORECASE
        ),
        _as("session"),
    ),
    (
        re.compile(rf"(?P<kept>--(?:{_SECRET_NAMES})\s{{1,4}}+){_NOT_A_MARK}[^\s]+", re.IGNORECASE),
        _as("secret"),
    ),
    (re.compile(r"(?<![\w-])eyJ[\w-]{6,}+\.[\w-]{6,}+(?:\.[\w-]*+)?"), _as("jwt")),
    (re.compile(_TOKENS), _as("token")),
    (
        re.compile(r"(?<![\w.%+-])[\w.%+-]++@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])"),
        _as("email"),
    ),
    (
        # Cards begin with 2 to 6; that leaves out times since 1970, which begin with 1.
        re.compile(
            r"(?<![\w.])[2-6](?:\d{12,18}|\d{3}([ -])\d{4}\1\d{4}\1\d{4}|\d{3}([ -])\d{6}\2\d{5})(?![\w])",
            re.ASCII,
        ),
        _if_card,
    ),
)

_IP_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?![\w:]|\.\d)",
    re.IGNORECASE | re.ASCII,
)
