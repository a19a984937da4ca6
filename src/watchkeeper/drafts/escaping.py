"""Untrusted text made harmless for the system that will show it: one function a system, and no words are lost."""

import re
import unicodedata
from email.header import Header

LONGEST = 2000
"""Characters of one value, beyond which it is cut with an ellipsis."""
HEADER = 200
BREAK = "\u200b"
"""A zero-width space: between `@` and a name, or inside `://`, it keeps text from becoming a mention or a link."""

_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#|~!$^]")
_MARK = re.compile(r"\[(e\d{1,9})\](?![\[(:])|(?<!`)`((?!www\.)[A-Za-z0-9_][A-Za-z0-9_./ -]{0,79})`(?!`)")
"""What our own texts mark: evidence, `[e12]`, and short plain names in backticks."""
_BLOCK_START = re.compile(r"^(?:([-+=:])|(\d{1,9})([.)]))")
_JIRA = re.compile(r"[{}\[\]!*_\-+^~|]")
_JIRA_START = re.compile(r"^(h[1-6]|bq)(?=\.)|^(?=#)|(?<=\?)(?=\?)", re.IGNORECASE)
_FORMULA = "=+-@\t\r＝＋－＠"
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:/[A-Za-z0-9._~/?&=%+,;:-]*)?")


def plain(text: str, limit: int = LONGEST) -> str:
    """One line without control, escape, direction and private characters, at most `limit` long."""
    line = " ".join("".join(_visible(c) for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def plain_block(text: str, limit: int = 4 * LONGEST) -> str:
    """The same, with its lines and tabs kept."""
    lines = text[: 4 * limit].replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c if c in "\n\t" else _visible(c) for c in lines)
    return kept if len(kept) <= limit else f"{kept[: limit - 1]}…"


def markdown(text: str, limit: int = LONGEST) -> str:
    """One line of Markdown that shows the text: no image, link, HTML, mention, table cell or block comes of it."""
    return _inline(plain(text, limit), is_start=True)


def prose(text: str, limit: int = LONGEST) -> str:
    """The same, with what our own sentences mark shown as it was meant: `[e12]`, and plain names in backticks.

    Neither can be made into a link: what would turn `[e12]` into one is escaped with it.
    """
    line, shown, at = plain(text, limit), "", 0
    for mark in _MARK.finditer(line):
        shown += _inline(line[at : mark.start()], is_start=at == 0)
        shown += f"[`{mark[1]}`]" if mark[1] else f"`{mark[2]}`"
        at = mark.end()
    return shown + _inline(line[at:], is_start=at == 0)


def code_span(text: str, limit: int = LONGEST) -> str:
    """The text as a name in Markdown; the fence is longer than any run of backticks in it."""
    line = plain(text, limit)
    if not line or "|" in line:
        # A bar ends a table's cell even inside code.
        return markdown(text, limit)
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def code_block(text: str, language: str = "", limit: int = 4 * LONGEST) -> str:
    """The text as a fenced block of Markdown that it cannot close."""
    body = plain_block(text, limit).strip("\n")
    fence = "`" * max(3, _longest_run(body) + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def address(text: str) -> str:
    """A link, where the text is a plain web address and nothing else; otherwise the text as code."""
    return f"<{text}>" if _ADDRESS.fullmatch(text) else code_span(text)


def slack(text: str, limit: int = LONGEST) -> str:
    """Text of a Slack message: no mention, no link with another label, no special sequence comes of it."""
    line = plain(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _unmentioned(line)


def jira_wiki(text: str, limit: int = LONGEST) -> str:
    """One line of Jira wiki markup that shows the text: no macro, heading, list, image, link or user mention."""
    # A doubled backslash would be a line break there: it is written as an entity.
    line = plain(text, limit).replace("&", "&amp;").replace("\\", "&#92;")
    return _JIRA_START.sub(rf"\g<0>{BREAK}", _JIRA.sub(r"\\\g<0>", line))


def mail_header(text: str, limit: int = HEADER) -> str:
    """The value of a mail header on one line, bounded; encoded (RFC 2047) where it is not plain ASCII."""
    line = plain(text, limit)
    if line.isascii() and "=?" not in line:
        return line
    return Header(line, "utf-8").encode(linesep="").strip()


def csv_cell(text: str, limit: int = LONGEST) -> str:
    """One cell that a spreadsheet takes for text, never for a formula; quoting is the CSV writer's."""
    line = plain(text, limit)
    return f"'{line}" if line[:1] and (line[0] in _FORMULA or text[:1] in _FORMULA) else line


def mermaid_label(text: str, limit: int = 120) -> str:
    """A label of a Mermaid diagram: what could end it or begin a directive is written as an entity."""
    line = plain(text, limit)
    return "".join(c if c.isalnum() or c in " _-./,…" or ord(c) > 127 else f"#{ord(c)};" for c in line)


def _inline(line: str, is_start: bool) -> str:
    """A stretch of one line without markup; only at the line's start could it begin a block."""
    line = _unlinked(_MARKDOWN.sub(r"\\\g<0>", line))
    return (_BLOCK_START.sub(r"\2\\\1\3", line) if is_start else line).replace("&", "&amp;")


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character)[0] == "C" else character


def _unmentioned(text: str) -> str:
    return re.sub(r"@(?=\S)", f"@{BREAK}", text)


def _unlinked(text: str) -> str:
    """Without what renderers turn into links by themselves: addresses, `www.`, mail addresses, mentions."""
    text = re.sub(r":(?=//)", f":{BREAK}", _unmentioned(text))
    return re.sub(r"(?i)www(?=\.)", rf"\g<0>{BREAK}", text)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
