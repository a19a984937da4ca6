"""A log line as aligned columns: what varies is masked, what is printed as `key=value` becomes two columns.

The work is done a token at a time and remembered for each token, as nearly all tokens of a log come again. Lines are
untrusted: they are cut first, and every pattern is linear in the length of a token (possessive quantifiers, and starts
that are anchored by what stands before).
"""

import re

VARIABLE = "\0"
"""How a masked value is written inside columns; `text_of` shows it as `<*>`."""
GLUE = "\1"
"""Begins a column that stood in the same token as the one before it."""
LONGEST = 2_000
"""Characters of a line that are read."""
MOST_COLUMNS = 200
"""What comes after them is no part of the template: a dump, not a statement."""
MOST_TOKENS = 50_000
"""Tokens that are remembered; then the memory is begun anew."""
MESSAGE_KEYS = frozenset({"msg", "message", "event", "error", "err"})
"""Keys whose values are what the statement says, in logs that are printed as keys and values."""

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_CALENDAR = frozenset(f"{_MONTHS}|Mon|Tue|Wed|Thu|Fri|Sat|Sun".split("|"))
_UNIT_WORDS = (
    "B KB MB GB TB KiB MiB GiB TiB kB kb mb gb bytes byte bits bit ns us µs ms s sec secs second seconds msec msecs "
    "millis millisecond milliseconds microseconds min mins minute minutes hour hours hr hrs day days Hz kHz MHz GHz "
    "percent % kB/s KB/s MB/s"
)
_UNITS = frozenset(_UNIT_WORDS.split())
_UNIT = (
    r"(?:[KMGTP]i?[Bb]?(?:/s|ps)?|k[Bb]?(?:/s|ps)?|[Bb](?:ytes?|ps)?|(?:n|u|µ|m)?s|secs?|seconds?|msecs?|mins?"
    r"|minutes?|hours?|hrs?|days?|[mhdx]|[kMG]?Hz|%)"
)
_CLOCK = r"\d{1,2}:\d\d(?::\d\d)?(?:[.,:]\d{1,9})?(?:[AP]M)?(?:Z|[+-]\d\d:?\d\d)?"
_DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}|\d{1,2}\.\d{1,2}\.\d{4}"
    rf"|\d{{1,2}}[-/](?:{_MONTHS})[-/]\d{{2,4}})"
)
_TOP_LEVEL = (
    "com|net|org|edu|gov|mil|int|io|dev|app|cloud|info|biz|local|localdomain|internal|intranet|lan|corp|arpa|cn|de|uk"
    "|fr|jp|ru|br|in|it|es|nl|pl|kr|tw|hk|au|ca|us|eu|ch|se|no|fi|dk|cz|tr|mx|ar|id|vn|th|sg|ua|ro|hu|gr|pt|be|at|il"
    "|za|my|cl|co|tv|me|cc"
)
_MASKS = tuple(
    (needs, re.compile(pattern))
    for needs, pattern in (
        ("://", r"(?<![A-Za-z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{1,11}+://[^\s,;\"'<>)\]}]*+"),  # URL, with its query
        ("-", r"(?<![\w-])[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![\w-])"),
        (":", r"(?<![\w:-])[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5,7}(?![\w:-])"),  # MAC address
        ("-", r"(?<![\w:-])[0-9a-fA-F]{2}(?:-[0-9a-fA-F]{2}){5,7}(?![\w:-])"),
        ("", rf"(?<![\w.-]){_DATE}(?:[T:_-]?{_CLOCK})?(?![\w-]|\.\w)"),
        ("@", r"(?<![\w.+-])[\w-][\w.+-]*+@(?:[\w-]++\.)+[A-Za-z][\w-]*+"),  # mail address
        (".", rf"(?<![\w.-])(?:[A-Za-z0-9_-]++\.)+(?:{_TOP_LEVEL})(?::\d{{1,5}})?(?![\w.-]|\()"),  # host name
        (".", r"(?<![\w.-])(?:[\w.-]*+/)?\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d{1,5})?(?!\w|\.\d)"),  # IPv4, host/address
        (":", rf"(?<![\w.:]){_CLOCK}(?![\w:]|\.\d)"),
        (
            ":",  # IPv6
            r"(?<![\w:])(?=[0-9a-fA-F]*:[0-9a-fA-F:]*:)(?=[:a-fA-F]*\d|::)[0-9a-fA-F:]{3,39}(?:\.\d{1,3}){0,3}"
            r"(?:%\w++)?(?![\w:])",
        ),
        # A port belongs to a name with a dot or a hyphen: `word:digits` is a key with its value.
        (":", r"(?<![\w.-])(?:[A-Za-z]\w*+[.-][\w.-]*+|localhost):\d{1,5}(?![\w.])"),
        (":", r"(?<!\w)[A-Za-z]:[\\/][^\s,;\"'<>|*?]++"),  # Windows path
        ("\\", r"(?<![\w\\])\\{1,2}[^\s,;\"'<>|*?]++"),
        (
            "/",  # path, or what comes after one
            r"(?<![\w/*.@-])(?:[\w.@-]++(?=/[^/\s,;:\"'()\[\]{}<>|=]++/)|~)?(?:/[^/\s,;:\"'()\[\]{}<>|=]++)+/?",
        ),
        ("", r"(?<!\w)[-+]?0[xX][0-9a-fA-F]++(?:L|\b)"),
        ("_", r"(?<=[A-Za-z])_[_-]*+\d\w*+(?:[.-]++\w++)*+"),  # attempt_1_2_m_3: the word stays, the number goes
        ("-", r"(?<=[A-Za-z])-[_-]*+\d\w*+(?:[.-]++\w++)*+"),
        ("@", r"(?<=[A-Za-z])@[0-9a-f]{3,16}(?!\w)"),  # Object@1a2b3c
        ("#", r"(?<=[A-Za-z])#[0-9a-f]{3,16}(?!\w)"),
        ("", r"(?<![A-Za-z0-9])(?=[A-Za-z]*\d)[0-9a-fA-F]{8,}+(?![A-Za-z0-9])"),
        ("", r"(?<![A-Za-z0-9])(?=[A-Za-z]*\d)[A-Za-z0-9]{16,}+(?![A-Za-z0-9])"),  # a key or token, whole
        ("", rf"(?<![A-Za-z0-9.])[-+]?\d++(?:[.,]\d++)*+(?:[eE][-+]?\d++)?{_UNIT}?(?![A-Za-z0-9])"),
        ("", r"\d++(?:[A-Za-z]{1,3}\d++)*+(?:\.\d++)*+"),
    )
)
"""What a token must hold for a mask to be tried, and the mask; those that need nothing need a digit."""
_FREQUENT = re.compile(
    r"([(\[{<\"']*+)(?:([A-Za-z]++)(?=[_-])[_-]++\d\w*+|[-+]?\d++(?:\.\d++)?(?![.\w])"
    r"|/?\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|(?=[a-fA-F]*\d)[0-9a-fA-F]{8,}+)([)\]}>\"',.;:%]*+)"
)
"""Numbers, addresses and numbered names that are the whole token: most of what is ever new, so tried first."""
_RUN = re.compile(r"\0(?:[-_./:,x+~^]{0,2}\0)+")
_AFTER = re.compile(r"(?<=[=:,#;|])(?=[^=:,#;|])|(?<==)(?=$)")
_QUOTED = re.compile(r"(?<==)\"[^\"]*+\"")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*+[A-Za-z]|[\0-\x08\x0e-\x1f]")
_EDGES = "()[]{}<>\"',.;:|"
_SPACE = "\2"

Piece = tuple[str, str]
"""A column, and the same without the punctuation around it."""


def bare(column: str) -> str:
    """A column without the punctuation around it."""
    return column.lstrip(GLUE).strip(_EDGES)


def text_of(columns: tuple[str, ...]) -> str:
    """Columns as a person reads them, variables as `<*>`."""
    return " ".join(columns).replace(f" {GLUE}", "").replace(VARIABLE, "<*>").replace(_SPACE, " ")


class Columns:
    """Makes columns of lines, and remembers the tokens that it has seen: at most `MOST_TOKENS` of them."""

    def __init__(self) -> None:
        self._known: dict[str, str | list[Piece]] = {}

    def of(self, line: str) -> tuple[str, ...]:
        """The columns of a line's first `LONGEST` characters up to a line break.

        A unit after a number, a month before one, and repetitions of a value (a list of any length) are one column.
        """
        out: list[str] = []
        last = ""
        for token in self._tokens(line):
            known = self._known.get(token)
            if known is None:
                known = self._learnt(token)
            if isinstance(known, str):
                if last != VARIABLE or known not in _UNITS:
                    out.append(known)
                    last = known
                continue
            for column, core in known:
                if last == VARIABLE and core in _UNITS:
                    continue
                if VARIABLE in core and core == last:
                    continue
                out.append(column)
                last = core
        return tuple(out[:MOST_COLUMNS])

    def _tokens(self, line: str) -> list[str]:
        text = line[:LONGEST].split("\n", 1)[0]
        if not text.isprintable():
            text = _ESCAPES.sub("", text)
        if '="' in text:
            text = _QUOTED.sub(_joined, text)
        return text.split()

    def _learnt(self, token: str) -> str | list[Piece]:
        if len(self._known) >= MOST_TOKENS:
            self._known.clear()
        known = token if token.isalpha() and token not in _CALENDAR else _pieces(token)
        self._known[token] = known
        return known


def _joined(match: re.Match[str]) -> str:
    """A quoted value as one token, unless it is what the statement says."""
    before = match.string[max(0, match.start() - 16) : match.start() - 1]
    key = re.split(r"[^A-Za-z]", before)[-1].lower()
    return match[0] if key in MESSAGE_KEYS else match[0].replace(" ", _SPACE)


def _pieces(token: str) -> list[Piece]:
    frequent = _FREQUENT.fullmatch(token)
    if frequent:
        core = f"{frequent[2] or ''}{VARIABLE}"
        return [(f"{frequent[1]}{core}{frequent[3]}", core)]
    if token.strip(_EDGES) in _CALENDAR:
        return [(VARIABLE, VARIABLE)]
    text = _masked(token)
    if text.count(VARIABLE) > 1:
        text = _RUN.sub(VARIABLE, text)
    parts = _AFTER.split(text)
    columns = [parts[0], *(f"{GLUE}{part}" for part in parts[1:])]
    return [(column, bare(column)) for column in columns]


def _masked(token: str) -> str:
    # What is masked stays so: a later pattern sees a control character there, which is part of none.
    has_digit = any(character.isdigit() for character in token)
    for needs, mask in _MASKS:
        if (needs or has_digit) and needs in token:
            token = mask.sub(VARIABLE, token)
    return token
