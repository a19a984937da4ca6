"""Just enough Markdown: front matter, headings, code and list items, line by line; nothing is ever rendered or run."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$")
_ITEM = re.compile(r"^( {0,3})(?:[-*+]|\d{1,3}[.)])[ \t]+(.*)$")
_MARKER = re.compile(r"^---[ \t]*$")


@dataclass(frozen=True)
class Line:
    """One line, and whether it belongs to a fenced block of code."""

    text: str
    is_code: bool = False
    is_fence: bool = False


@dataclass
class Part:
    """A heading with what stands below it, up to the next one."""

    level: int
    heading: str
    lines: list[Line] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The lines as they were written, without blank ones at either end."""
        return "\n".join(line.text for line in self.lines).strip("\n")


@dataclass
class Item:
    """One item of a list: its words on one line, and its lines of code."""

    text: str
    code: list[str] = field(default_factory=list)


def split_front_matter(text: str) -> tuple[str | None, str]:
    """The YAML between a first line `---` and the next one, or None, and the rest; ValueError where it never ends."""
    lines = text.splitlines()
    if not lines or not _MARKER.match(lines[0]):
        return None, text
    for at, line in enumerate(lines[1:], start=1):
        if _MARKER.match(line):
            return "\n".join(lines[1:at]), "\n".join(lines[at + 1 :])
    raise ValueError("the front matter that `---` begins never ends, expected another `---`; it is left out")


def lines_of(text: str) -> Iterator[Line]:
    """The lines of a text; a fence that is never closed runs to the end."""
    fence = ""
    for text_line in text.splitlines():
        mark = _FENCE.match(text_line)
        if not fence and mark:
            fence = mark[1]
            yield Line(text_line, is_code=True, is_fence=True)
        elif fence and mark and mark[1].startswith(fence) and text_line.strip() == mark[1]:
            fence = ""
            yield Line(text_line, is_code=True, is_fence=True)
        else:
            yield Line(text_line, is_code=bool(fence))


def parts_of(text: str) -> list[Part]:
    """The text by heading; what stands before the first heading is a part of level 0 without one."""
    parts = [Part(0, "")]
    for line in lines_of(text):
        heading = None if line.is_code else _HEADING.match(line.text)
        if heading:
            parts.append(Part(len(heading[1]), heading[2].strip()))
        else:
            parts[-1].lines.append(line)
    return [part for part in parts if part.heading or part.text.strip()]


def items_of(lines: Sequence[Line]) -> list[Item]:
    """The items of the lists on the first level; what is indented below one belongs to it."""
    items: list[Item] = []
    is_open = False
    for line in lines:
        begin = None if line.is_code else _ITEM.match(line.text)
        if begin:
            items.append(Item(begin[2].strip()))
            is_open = True
        elif is_open and _belongs(line):
            _append(items[-1], line)
        else:
            is_open = is_open and not line.text.strip()
    return items


def prose_and_code(lines: Sequence[Line]) -> tuple[str, str]:
    """The text of the lines outside of fenced blocks, and inside of them."""
    prose = "\n".join(line.text for line in lines if not line.is_code)
    code = "\n".join(line.text for line in lines if line.is_code and not line.is_fence)
    return prose, code


def _belongs(line: Line) -> bool:
    return bool(line.text.strip()) and (line.text[0] in " \t")


def _append(item: Item, line: Line) -> None:
    if line.is_code and not line.is_fence:
        item.code.append(line.text.strip())
    elif not line.is_fence:
        item.text = f"{item.text} {line.text.strip()}"
