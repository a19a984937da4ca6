"""Drafts in the markup of other systems: what is text in the draft is text there, whatever it looks like."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from watchkeeper.delivery.markdown import Address, Block, Code, Fence, Heading, Item, Line, Paragraph, Strong, Table
from watchkeeper.delivery.markdown import read as read_markdown
from watchkeeper.drafts import escaping
from watchkeeper.drafts.escaping import BREAK

JIRA_LIMIT = 30_000
"""Characters of a description or comment; Jira takes 32,767."""
SLACK_LIMIT = 2_900
"""Characters of one block; Slack takes 3,000."""
CUT = "… (shortened: all of it is in the case)"

_SCHEME = re.compile(r"(?i)(?<=\w):(?=//)|(?<=mailto):")
_ICON = re.compile(r"\((?=[a-z/*!?+-]{1,4}\))|(?<=[:;])(?=[-)(DPp])", re.IGNORECASE)
_SLACK_WEIGHT = re.compile(r"(?<!\w)([*_~`])(?=\S)")
_JIRA_MACRO = re.compile(r"\{(?=\s*(?:code|noformat))", re.IGNORECASE)


def jira(markdown: str) -> str:
    """The draft in Jira's wiki markup: no macro, mention, image, or link other than the draft's own addresses."""
    return _cut(_written(read_markdown(markdown), _JIRA), JIRA_LIMIT)


def slack(markdown: str) -> str:
    """The draft in Slack's mrkdwn: no mention, no link other than the draft's own addresses; cut to one block."""
    return _cut(_written(read_markdown(markdown), _SLACK), SLACK_LIMIT)


def plain(markdown: str) -> str:
    """The draft as plain text."""
    return _written(read_markdown(markdown), _PLAIN)


@dataclass(frozen=True)
class _System:
    """How one system writes each thing."""

    words: Callable[[str], str]
    code: Callable[[str], str]
    address: Callable[[str], str]
    strong: Callable[[str], str]
    heading: Callable[[int, str], str]
    item: Callable[[int, str], str]
    row: Callable[[Iterable[str], bool], str]
    fence: Callable[[Fence], str]

    def line(self, line: Line) -> str:
        """One line, part by part."""
        return "".join(self._part(part) for part in line)

    def _part(self, part: object) -> str:
        match part:
            case Code(text):
                return self.code(text)
            case Address(url):
                return self.address(url)
            case Strong(parts):
                return self.strong(self.line(parts))
        return self.words(part.text)  # type: ignore[attr-defined]


def _written(blocks: Iterable[Block], system: _System) -> str:
    shown, before = "", None
    for block in blocks:
        gap = "" if before is None else "\n" if isinstance(block, Item) and isinstance(before, Item) else "\n\n"
        shown += gap + _block(block, system)
        before = block
    return f"{shown}\n"


def _block(block: Block, system: _System) -> str:
    match block:
        case Heading(level, line):
            return system.heading(level, system.line(line))
        case Item(depth, line):
            return system.item(depth, system.line(line))
        case Table(head, rows):
            lines = [system.row([system.line(cell) for cell in head], True)]
            return "\n".join(lines + [system.row([system.line(cell) for cell in row], False) for row in rows])
        case Paragraph(line):
            return system.line(line)
        case Fence():
            return system.fence(block)


def _spaced(text: str, write: Callable[[str, int], str]) -> str:
    """Escaped as one line, with the space at either end that parts of a line have between them."""
    lead = " " if text[:1].isspace() else ""
    trail = " " if text[-1:].isspace() and text.strip() else ""
    return f"{lead}{write(text, len(text) + 1)}{trail}"


def _cut(text: str, limit: int) -> str:
    """Whole lines, so that no markup is cut in two; a table or block of code that is cut is closed."""
    if len(text) <= limit:
        return text
    kept: list[str] = []
    room = limit - len(CUT) - len("{code}\n```\n")
    for line in text.split("\n"):
        if (room := room - len(line) - 1) < 0:
            break
        kept.append(line)
    shown = "\n".join(kept)
    if sum(line.startswith("{code") for line in kept) % 2:
        shown += "\n{code}"
    if sum(line == "```" for line in kept) % 2:
        shown += "\n```"
    return f"{shown}\n{CUT}"


def _jira_words(text: str) -> str:
    shown = _SCHEME.sub(lambda m: f":{BREAK}", _spaced(text, escaping.jira_wiki))
    return _ICON.sub(lambda m: f"{m[0]}{BREAK}", shown)


def _jira_row(cells: Iterable[str], is_head: bool) -> str:
    bar = "||" if is_head else "|"
    return bar + bar.join(cell if cell.strip() else " " for cell in cells) + bar


def _jira_fence(fence: Fence) -> str:
    text = _JIRA_MACRO.sub(f"{{{BREAK}", escaping.plain_block(fence.text))
    return f"{{code}}\n{text}\n{{code}}"


def _slack_words(text: str) -> str:
    shown = _SCHEME.sub(lambda m: f":{BREAK}", _spaced(text, escaping.slack))
    return _SLACK_WEIGHT.sub(rf"\1{BREAK}", shown)


def _slack_code(text: str) -> str:
    return f"`{escaping.slack(text).replace('`', 'ˋ')}`"


def _slack_fence(fence: Fence) -> str:
    lines = escaping.plain_block(fence.text).replace("```", f"`{BREAK}`{BREAK}`").split("\n")
    shown = [line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in lines]
    return "\n".join(["```", *shown, "```"])


def _plain_heading(level: int, text: str) -> str:
    return f"{text}\n{('=' if level == 1 else '-') * min(len(text), 100)}"


_JIRA = _System(
    words=_jira_words,
    code=lambda text: f"{{{{{_jira_words(text)}}}}}" if text.strip() else "",
    address=lambda url: f"[{url}]",
    strong=lambda text: f"*{text}*",
    heading=lambda level, text: f"h{level}. {text}",
    item=lambda depth, text: f"{'*' * depth} {text}",
    row=_jira_row,
    fence=_jira_fence,
)
_SLACK = _System(
    words=_slack_words,
    code=_slack_code,
    address=lambda url: f"<{url.replace('&', '&amp;')}>",
    strong=lambda text: f"*{text}*",
    heading=lambda _, text: f"*{text}*",
    item=lambda depth, text: f"{'    ' * (depth - 1)}• {text}",
    row=lambda cells, _: " | ".join(cells),
    fence=_slack_fence,
)
_PLAIN = _System(
    words=lambda text: _spaced(text, escaping.plain),
    code=escaping.plain,
    address=lambda url: url,
    strong=lambda text: text,
    heading=_plain_heading,
    item=lambda depth, text: f"{'  ' * (depth - 1)}- {text}",
    row=lambda cells, _: " | ".join(cells),
    fence=lambda fence: "\n".join(f"    {line}" for line in escaping.plain_block(fence.text).split("\n")),
)
