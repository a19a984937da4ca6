import csv
import io
import re
from email import message_from_string
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from watchkeeper.drafts import escaping

PIECES = tuple("`*_[]()<>!#|~{}\\&@\n\r-+=")
WORDS = (
    *(
        "http://evil.example/a",
        "www.evil.example",
        "@channel",
        "<!here>",
        "[~ann]",
        "{code}",
        "h1. x",
        "![x](http://e)",
    ),
    *("<script>", "://", "=1+1", "1. ", "```", "%%{init}%%", '"', "a", "7", " ", "é", "\u202e", "\x1b[31m", "\ue000"),
)
texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES + WORDS), max_size=12).map("".join))
marked = st.lists(st.sampled_from((*PIECES, *WORDS, "[e1]", "`x`", "e1", "x")), max_size=12).map("".join)

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def tokens(text: str) -> list[Token]:
    """All tokens of a Markdown document, those inside paragraphs too."""
    return [inner for block in MARKDOWN.parse(text) for inner in (block, *(block.children or []))]


def kinds(text: str) -> set[str]:
    return {token.type for token in tokens(text)}


def shown(text: str) -> str:
    """What a reader of the Markdown sees."""
    return "".join(token.content for token in tokens(text) if token.type in ("text", "code_inline", "text_special"))


@given(texts)
def test_markdown_of_anything_is_one_plain_paragraph(text: str) -> None:
    assert kinds(escaping.markdown(text)) <= {"paragraph_open", "inline", "text", "text_special", "paragraph_close"}


@given(texts)
def test_markdown_shows_what_the_text_said(text: str) -> None:
    seen = shown(escaping.markdown(text)).replace(escaping.BREAK, "")
    assert seen == escaping.plain(text).replace(escaping.BREAK, "")


@given(marked)
def test_prose_of_anything_is_one_paragraph_of_text_and_marks(text: str) -> None:
    assert kinds(escaping.prose(text)) <= {
        *("paragraph_open", "inline", "text", "text_special", "code_inline", "paragraph_close"),
    }
    assert not re.search(r"://|@\w|(?i:www\.)", escaping.prose(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("failed [e12]; of `everything`.", "failed [`e12`]; of `everything`."),
        ("[e1](x)", r"\[e1\](x)"),
        ("[e1][x]", r"\[e1\]\[x\]"),
        ("[e1]: x", r"\[e1\]: x"),
        ("``x` `", r"\`\`x\` \`"),
        ("`a|b`", r"\`a\|b\`"),
        ("1. `x`", r"1\. `x`"),
    ],
)
def test_prose_shows_only_marks_of_our_own_shape(text: str, shown: str) -> None:
    assert escaping.prose(text) == shown


@given(marked)
def test_a_cell_of_a_table_stays_one_cell(text: str) -> None:
    for cell in (escaping.markdown(text), escaping.prose(text), escaping.code_span(text)):
        rows = [t for t in MARKDOWN.parse(f"| a | b |\n|---|---|\n| {cell} | x |\n") if t.type == "td_open"]
        assert len(rows) == 2


@given(texts)
def test_markdown_leaves_no_address_or_mention_for_a_renderer_to_find(text: str) -> None:
    line = escaping.markdown(text)
    assert not re.search(r"://|@\w|(?i:www\.)", line)


@given(texts)
def test_a_code_span_cannot_be_left(text: str) -> None:
    assert kinds(f"before {escaping.code_span(text)} after") <= {
        *("paragraph_open", "inline", "text", "text_special", "code_inline", "paragraph_close"),
    }


@given(texts)
def test_a_code_block_cannot_be_closed_from_within(text: str) -> None:
    blocks = MARKDOWN.parse(f"{escaping.code_block(text, 'sql')}\n")
    assert [token.type for token in blocks] == ["fence"]


def test_only_a_plain_web_address_becomes_a_link() -> None:
    assert escaping.address("https://git.example.com/shop/checkout") == "<https://git.example.com/shop/checkout>"
    assert escaping.address("javascript:alert(1)") == "`javascript:alert(1)`"
    assert escaping.address("https://a.example/><img src=x>") == "`https://a.example/><img src=x>`"


@given(texts)
def test_slack_gets_no_mention_and_no_labelled_link(text: str) -> None:
    line = escaping.slack(text)
    assert not set("<>") & set(line)
    assert not re.search(r"@\w", line)
    assert not re.search(r"&(?!amp;|lt;|gt;)", line)


@given(texts)
def test_jira_gets_no_markup(text: str) -> None:
    line = re.sub(r"\\[{}\[\]!*_\-+^~|]|&#92;|&amp;", "", escaping.jira_wiki(text))
    assert not set("{}[]!*_-+^~|\\&") & set(line)
    assert not re.match(r"(?i)h[1-6]\.|bq\.|#", escaping.jira_wiki(text))


@pytest.mark.parametrize("text", ["{code}x{code}", "[~ann]", "h1. big", "!http://e/x.png!", "||a||", "{{x}}", "bq. x"])
def test_jira_shows_the_text_of_its_own_markup(text: str) -> None:
    line = escaping.jira_wiki(text)
    assert line != text
    assert re.sub(r"\\(.)", r"\1", line).replace(escaping.BREAK, "") == text


@given(texts)
def test_a_mail_header_is_one_bounded_line_that_reads_back(text: str) -> None:
    value = escaping.mail_header(text)
    assert value.isascii()
    assert not re.search(r"[\x00-\x1f\x7f]", value)
    read = message_from_string(f"Subject: {value}\nX-Next: kept\n\nbody")
    assert read["X-Next"] == "kept"
    assert str(make_header(decode_header(value))) == escaping.plain(text, escaping.HEADER)


@given(texts)
def test_a_spreadsheet_takes_no_cell_for_a_formula(text: str) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([escaping.csv_cell(text), "next"])
    (row,) = csv.reader(io.StringIO(buffer.getvalue()))
    assert len(row) == 2
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))


@given(texts)
def test_a_mermaid_label_holds_no_syntax(text: str) -> None:
    line = re.sub(r"#\d+;", "", escaping.mermaid_label(text))
    assert not set('"`#;:%{}[]()<>|&\\\n') & set(line)


@given(texts)
def test_what_is_plain_stays_plain(text: str) -> None:
    line = escaping.plain(text)
    assert escaping.plain(line) == line
    assert len(line) <= escaping.LONGEST
    assert not re.search(r"[\x00-\x1f\x7f\ue000-\uf8ff\u202a-\u202e\u2066-\u2069]", line)
