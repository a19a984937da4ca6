"""The Markdown that drafts are written in, read into blocks; what it does not know is text."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 60_000
"""Characters of a text that are read."""
DEEPEST = 3
"""How deep an item of a list is shown."""


@dataclass(frozen=True)
class Words:
    """Text, as it reads."""

    text: str


@dataclass(frozen=True)
class Code:
    """A name in code type."""

    text: str


@dataclass(frozen=True)
class Address:
    """A web address that leads there."""

    url: str


@dataclass(frozen=True)
class Strong:
    """What is said with weight."""

    parts: "Line"


Line = tuple[Words | Code | Address | Strong, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the highest."""

    level: int
    line: Line


@dataclass(frozen=True)
class Item:
    """One item of a list, from depth 1 on."""

    depth: int
    line: Line


@dataclass(frozen=True)
class Table:
    """A table; each row has as many cells as it was written with."""

    head: tuple[Line, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True)
class Fence:
    """Lines that are shown as they are."""

    language: str
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Lines that belong together."""

    line: Line


Block = Heading | Item | Table | Fence | Paragraph

_FENCE = re.compile(r"(`{3,})([a-z]{0,16})\s*")
_HEADING = re.compile(r"(#{1,6}) +(.*)")
_ITEM = re.compile(r"( *)[-*] +(.*)")
_RULE = re.compile(r"\|(?: *:?-+:? *\|)+ *")
_CELL_PART = re.compile(r"\\.|(`++)(?:.*?[^`])?\1(?!`)|`+|[^\\`|]+|\\|\|", re.DOTALL)
_INLINE = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<fence>`++)(?P<code>.+?)(?<!`)(?P=fence)(?!`)"
    # A run of backticks that opens nothing is passed over at once.
    r"|(?P<ticks>`++)"
    r"|<(?P<url>https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:/[A-Za-z0-9._~/?&=%+,;:-]*)?)>"
    r"|\*\*(?P<strong>(?:[^*\\\n]|\\.)++)\*\*",
    re.DOTALL,
)


def read(text: str) -> list[Block]:
    """The blocks of a draft, in their order; of a very long one the beginning."""
    return list(_blocks(text[:LONGEST].replace("\r\n", "\n").split("\n")))


def read_line(text: str) -> Line:
    """One line: names in code type, addresses in angle brackets, `**weight**`, and words."""
    found: list[Words | Code | Address | Strong] = []
    words, at = "", 0
    for match in _INLINE.finditer(text):
        words += html.unescape(text[at : match.start()])
        at = match.end()
        if match["escaped"] or match["ticks"]:
            words += match["escaped"] or match["ticks"]
            continue
        found += [Words(words), _marked(match)]
        words = ""
    words += html.unescape(text[at:])
    return tuple(part for part in (*found, Words(words)) if part != Words(""))


def _marked(match: re.Match[str]) -> Code | Address | Strong:
    if match["url"]:
        return Address(match["url"])
    if match["strong"]:
        return Strong(read_line(match["strong"]))
    code = match["code"]
    padded = code.startswith(" ") and code.endswith(" ") and code.strip() != ""
    return Code(code[1:-1] if padded else code)


def _blocks(lines: list[str]) -> Iterator[Block]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if fence := _FENCE.fullmatch(line):
            end = _closing(lines, at + 1, fence[1])
            yield Fence(fence[2], "\n".join(lines[at + 1 : end]))
            at = end + 1
        elif line.startswith("|") and at + 1 < len(lines) and _RULE.fullmatch(lines[at + 1]):
            end = at + 2
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            yield Table(_cells(line), tuple(_cells(row) for row in lines[at + 2 : end]))
            at = end
        else:
            if line.strip():
                yield _single(line)
            at += 1


def _single(line: str) -> Block:
    if heading := _HEADING.fullmatch(line):
        return Heading(len(heading[1]), read_line(heading[2]))
    if item := _ITEM.fullmatch(line):
        return Item(min(DEEPEST, 1 + len(item[1]) // 2), read_line(item[2]))
    return Paragraph(read_line(line.strip()))


def _closing(lines: list[str], start: int, fence: str) -> int:
    """The line that closes a fence; the end of the text where none does."""
    return next((n for n in range(start, len(lines)) if lines[n].strip() == fence), len(lines))


def _cells(row: str) -> tuple[Line, ...]:
    cells = [""]
    for part in _CELL_PART.finditer(row.strip().removeprefix("|").removesuffix("|")):
        if part[0] == "|":
            cells.append("")
        else:
            cells[-1] += part[0]
    return tuple(read_line(cell.strip()) for cell in cells)
