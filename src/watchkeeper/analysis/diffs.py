"""Diffs read: what code was taken away and what was put there, without what only moved, is said in comments, or shown.

A diff is text from outside: it is bounded before it is read, never run, and nothing in it is followed. It is read line
by line without a grammar of any language, so that every language is read in the same way.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

LONGEST_DIFF = 60_000
LONGEST_LINE = 400
MOST_LINES = 1_500
"""A diff beyond these is read only so far: what it begins with is most of what it says."""
COMPARED = 120
"""Lines of each side that are compared one by one with those of the other."""
_FILE = re.compile(r"^(?:\+\+\+ (?:b/)?(?P<new>\S+)|@@ (?P<named>[\w./+-]+\.\w+)(?: @@|:|$| ))")
_HUNK = re.compile(r"^@@")
_COMMENT = re.compile(r"^\s*(?://|#(?!\[)|--(?!\w)|/\*|\*(?:\s|/|$)|<!--|\"\"\"|''')")
_TRAILING = re.compile(r"\s(?://|#)\s.*$")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`|[A-Za-z_]\w*|\d+(?:\.\d+)?\w*|[^\s\w]")
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONG_UNITS = {"millisecond": 1e-3, "second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_SIZES = {"k": 1e3, "mb": 1e6, "mi": 1e6, "m": 1e6, "g": 1e9, "gb": 1e9, "gi": 1e9, "kb": 1e3, "ki": 1e3}
_NUMBER = re.compile(r"^[\"'`]?(-?\d[\d_]*(?:\.\d+)?)([A-Za-z]{0,2})[\"'`]?$")
_VERSION = re.compile(r"\bv?(\d+)\.(\d+)(?:\.(\d+))?[\w.-]*")


def words_of(text: str) -> list[str]:
    """The words of identifiers and prose in small letters: `DefaultTTL: cache_key` is default, ttl, cache, key."""
    found = (part.lower() for word in WORD.findall(text.replace("_", " ")) for part in _PARTS.findall(word))
    return [stemmed(word) for word in found if len(word) > 1 and not word.isdigit()]


def stemmed(word: str) -> str:
    """The word without its ending: `retries` is retry, `batching` and `batched` are batch."""
    word = _singular(word)
    for ending, shortest in (("ing", 6), ("ed", 6)):
        if len(word) >= shortest and word.endswith(ending):
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def stems(text: str) -> frozenset[str]:
    """The words of a text without their endings, for sets of words that are written down in code."""
    return frozenset(stemmed(word) for word in text.split())


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] not in "su" else word


def spelled(stems: Iterable[str], text: str) -> list[str]:
    """The words as they first stand in a text, in small letters; a stem that is not there stays as it is."""
    found: dict[str, str] = {}
    for word in WORD.findall(text.replace("_", " ")):
        for part in _PARTS.findall(word):
            found.setdefault(stemmed(part.lower()), part.lower())
    return [found.get(each, each) for each in stems]


@dataclass(frozen=True)
class Literal:
    """One value that stands in the place of another, in a line that otherwise stayed the same."""

    key: str
    """The rest of the line: what the value is of."""
    old: str
    new: str
    ratio: float | None = None
    """New by old where both are numbers, durations or sizes."""


@dataclass(frozen=True)
class Diff:
    """One commit's lines by what became of them; of code only, without blank lines and comments."""

    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    loops: tuple[str, ...] = ()
    """Lines put into a loop's body."""
    files: tuple[str, ...] = ()
    literals: tuple[Literal, ...] = field(default=())

    @cached_property
    def gone(self) -> Counter[str]:
        """Words that the commit took away, with how many more times they stood there before."""
        return _words(self.removed) - _words(self.added)

    @cached_property
    def come(self) -> Counter[str]:
        """Words that it brought in."""
        return _words(self.added) - _words(self.removed)

    @cached_property
    def kept(self) -> float:
        """Share of what was taken away that stands again in what was put there: code that moved or was reshaped."""
        old, new = _tokens(self.removed), _tokens(self.added)
        total = sum(old.values())
        return sum((old & new).values()) / total if total else 0.0

    @cached_property
    def grown(self) -> tuple[str, ...]:
        """Lines that hold all the words of a line that they replace, and more: they do something besides."""
        told = [(line, set(words_of(line))) for line in self.added[:COMPARED]]
        old = [words for line in self.removed[:COMPARED] if len(words := set(words_of(line))) > 1]
        return tuple(line for line, words in told if any(each < words for each in old))

    @property
    def is_empty(self) -> bool:
        """Whether no line of code changed."""
        return not self.removed and not self.added


def read_diff(text: str | None) -> Diff:
    """The diff in unified form, with or without its headers; one that is too long is read as far as allowed."""
    removed: list[str] = []
    added: list[str] = []
    context: list[str] = []
    files: list[str] = []
    marked: list[tuple[str, str]] = []
    for line in (text or "")[:LONGEST_DIFF].splitlines()[:MOST_LINES]:
        found = _FILE.match(line)
        if found is not None:
            files.append(found["new"] or found["named"])
        if line.startswith(("+++", "---", "diff ", "index ")) or _HUNK.match(line):
            marked.append(("@", ""))
            continue
        sign, code = (line[:1], line[1:]) if line[:1] in "+-" else (" ", line)
        code = _TRAILING.sub("", code[:LONGEST_LINE])
        if not code.strip() or _COMMENT.match(code):
            continue
        marked.append((sign, code))
        {"+": added, "-": removed, " ": context}[sign].append(code.strip())
    removed, added = _without_same(removed, added)
    return Diff(
        removed=tuple(removed),
        added=tuple(added),
        context=tuple(context),
        loops=tuple(_in_loops(marked, set(added))),
        files=tuple(dict.fromkeys(files)),
        literals=tuple(_literals(removed, added)),
    )


def _without_same(removed: list[str], added: list[str]) -> tuple[list[str], list[str]]:
    """Both sides without the lines that stand in both, spaces apart."""

    def left(lines: Iterable[str], others: Iterable[str]) -> list[str]:
        there = Counter("".join(line.split()) for line in others)
        kept = []
        for line in lines:
            bare = "".join(line.split())
            if there[bare] > 0:
                there[bare] -= 1
            else:
                kept.append(line)
        return kept

    return left(removed, added), left(added, removed)


_LOOP = re.compile(
    r"\b(?:for|foreach|while|each|map|forEach|flatMap|collect|times|range)\b\s*[({|&\w]|\.(?:map|each)\b"
)


def _in_loops(marked: Iterable[tuple[str, str]], added: set[str]) -> Iterator[str]:
    """Added lines that stand deeper than the loop before them, or in the loop's own line."""
    depth: int | None = None
    for sign, code in marked:
        if sign == "-":
            continue
        if sign == "@":
            depth = None
            continue
        indent = len(code.expandtabs(4)) - len(code.expandtabs(4).lstrip())
        if depth is not None and indent <= depth:
            depth = None
        if depth is not None and sign == "+" and code.strip() in added:
            yield code.strip()
        if _LOOP.search(code):
            if sign == "+" and code.strip() in added and not code.strip().startswith(("for", "while")):
                yield code.strip()
            depth = indent if depth is None else depth


def _words(lines: Iterable[str]) -> Counter[str]:
    return Counter(word for line in lines for word in words_of(line))


def _tokens(lines: Iterable[str]) -> Counter[str]:
    return Counter(token for line in lines for token in _TOKEN.findall(line) if token not in _PUNCTUATION)


_PUNCTUATION = frozenset("(){}[];,.:")


SWITCHES = frozenset({"true", "false", "yes", "no", "enabled", "disabled", "null", "none"})


def _is_value(token: str) -> bool:
    word = token.lower()
    return token[:1] in "\"'`" or token[:1].isdigit() or _singular(word) in _LONG_UNITS or word in SWITCHES


def _literals(removed: Iterable[str], added: Iterable[str]) -> Iterator[Literal]:
    """Values that were replaced, of lines that are the same but for values."""
    open_lines = [(line, _TOKEN.findall(line)) for line in list(added)[:COMPARED]]
    for line in list(removed)[:COMPARED]:
        tokens = _TOKEN.findall(line)
        for place, (other, others) in enumerate(open_lines):
            setting = _setting(line, other)
            pairs = None if setting is not None else _differing(tokens, others)
            if setting is not None:
                yield setting
                del open_lines[place]
                break
            if pairs is not None:
                yield from _paired(line, tokens, other, others, pairs)
                del open_lines[place]
                break


_SETTING = re.compile(r"^([A-Za-z_][\w.-]*)\s*[:=]\s*([^\s\"'`({\[][^\s({\[]*?),?$")


def _setting(line: str, other: str) -> Literal | None:
    """A bare value of a setting that is another now, as in YAML, properties and environments."""
    was, now = _SETTING.match(line), _SETTING.match(other)
    if was is None or now is None or was[1] != now[1]:
        return None
    old, new = _magnitude(was[2]), _magnitude(now[2])
    return Literal(was[1], was[2], now[2], new / old if old and new is not None else None)


def _differing(one: list[str], other: list[str]) -> list[tuple[str, str]] | None:
    """The pairs in which two lines differ, where these are values only; None where more differs or nothing does."""
    if len(one) != len(other):
        return None
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    # A declared name may go along with its tag: `Meta … json:"meta"`.
    is_same = sum(a == b or (_is_value(a) and _is_value(b)) for a, b in zip(one, other, strict=True)) >= len(one) - 1
    values = [(a, b) for a, b in pairs if _is_value(a) and _is_value(b)]
    return values if is_same and values else None


def _paired(
    line: str, tokens: list[str], other: str, others: list[str], pairs: list[tuple[str, str]]
) -> Iterator[Literal]:
    key = " ".join(token for token in tokens if not _is_value(token) and token not in _PUNCTUATION)
    if "json" in line or len(pairs) == 1 or all(_magnitude(a) is None for a, _ in pairs):
        for old, new in pairs:
            was, now = (_magnitude(old), _magnitude(new))
            factor = now / was if was and now is not None else (0.0 if was and now == 0 else None)
            if was is None and now is None and (_unit(old), _unit(new)) != (None, None):
                before, after = _unit(old), _unit(new)
                factor = after / before if before and after else None
            yield Literal(key, old.strip("\"'`"), new.strip("\"'`"), factor)
        return
    for index, (old, new) in enumerate(zip(tokens, others, strict=True)):
        if old == new or not _is_value(old):
            continue
        own = " ".join(t for t in tokens[max(0, index - 3) : index] if WORD.match(t) and not _is_value(t))
        was, now = _magnitude(old), _magnitude(new)
        yield Literal(own or key, old.strip("\"'`"), new.strip("\"'`"), now / was if was and now is not None else None)


def _unit(token: str) -> float | None:
    return _LONG_UNITS.get(_singular(token.lower()))


def _magnitude(token: str) -> float | None:
    """A number with its unit in seconds or bytes; None for what is no number."""
    found = _NUMBER.match(token)
    if found is None:
        return None
    unit = found[2].lower()
    factor = _UNITS.get(unit, _SIZES.get(unit, 1.0))
    return float(found[1].replace("_", "")) * factor


def swaps(diff: Diff) -> Iterator[tuple[str, str, str]]:
    """One name in the place of another, in a line that otherwise stayed the same: old, new and the new line.

    A name that the diff itself declares was only given to what was there before, which is no swap.
    """
    declared = {name for line in diff.added for pair in _DECLARED.findall(line) for name in pair}
    others = [(line, _TOKEN.findall(line)) for line in diff.added[:COMPARED]]
    for line in diff.removed[:COMPARED]:
        tokens = _TOKEN.findall(line)
        for other, new in others:
            if len(tokens) < 4 or abs(len(tokens) - len(new)) > 3:
                continue
            fewer, more = Counter(tokens) - Counter(new), Counter(new) - Counter(tokens)
            names = [[t for t in side if t not in _PUNCTUATION and t not in "{}$"] for side in (fewer, more)]
            if [len(side) for side in names] != [1, 1] or all(_is_value(side[0]) for side in names):
                continue
            if names[1][0] not in declared and len(fewer) + len(more) <= MOST_OTHER:
                yield names[0][0], names[1][0], other


MOST_OTHER = 6
"""Kinds of marks (brackets, commas) in which two lines may differ besides."""
_DECLARED = re.compile(
    r"\b([A-Za-z_]\w*)\s*(?::=|=(?!=)|:\s*\w+\s*=)|\b(?:def|func|function|fun|class)\s+([A-Za-z_]\w*)"
)


def version_step(old: str, new: str) -> str:
    """How far one version lies from another: `major`, `minor`, `patch`, or nothing where they are no versions."""
    one, other = _VERSION.search(old), _VERSION.search(new)
    if one is None or other is None or one[0] == other[0]:
        return ""
    if one[1] != other[1]:
        return "major"
    # Below 1.0 a minor version may break what it likes.
    return ("minor" if one[1] != "0" else "major") if one[2] != other[2] else "patch"
