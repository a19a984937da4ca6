"""Drafts in other systems' markup: what is text stays text."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.made_parcels import HOSTILE
from drafts.drafted_cases import ASSIGNED, CATALOGUE, NOW, case_of, diagnosed
from watchkeeper.delivery import markdown, markup
from watchkeeper.drafts import escaping
from watchkeeper.drafts.writing import write_drafts

ZERO_WIDTH = "\u200b"
LIVE_IN_JIRA = (
    r"(?<!\\)\{(?!\{|\}|code\}$)",  # a macro
    r"(?<!\\)\[(?!https://ok)",  # a link or a mention
    r"(?<!\\)!",  # an image
    r"https?://(?!ok)",  # an address that becomes a link
    r"(?m)^h1\. big",
)
LIVE_IN_SLACK = (r"<(?!https://ok)", r"@(?!\u200b)\w", r"https?://(?!ok)")


def quoted(text: str) -> str:
    """A draft that quotes the text wherever drafts quote anything but commands."""
    prose, name = escaping.prose(text), escaping.code_span(text)
    table = f"| a | b |\n|---|---:|\n| {name} | {prose} |"
    return f"# {prose}\n\n{prose}\n\n- **Why:** {prose}\n  - {name} ({name})\n\n{table}\n\n<https://ok.example>\n"


def live(patterns: tuple[str, ...], shown: str) -> list[str]:
    return [
        found[0] for pattern in patterns for found in re.finditer(pattern, shown.replace("{{", "").replace("}}", ""))
    ]


def test_every_draft_of_a_case_reads_the_same_as_plain_text() -> None:
    ticket = write_drafts(case_of(diagnosed(), assignment=ASSIGNED), CATALOGUE, NOW)[0]
    shown = markup.plain(ticket.text)
    assert "- Severity: P1 (critical), tracker priority Highest\n" in shown
    assert "  - 120 of 1,000 requests failed [e1]\n" in shown
    assert "gateway | all | 1,000 | 120 (12%) | 900 ms | 300 ms | –\n" in shown
    assert "\n    curl -X POST http://gateway/checkout\n" in shown
    assert not re.search(r"[`*\\]", shown)


def test_a_draft_in_jira_has_its_headings_lists_tables_and_code() -> None:
    ticket = write_drafts(case_of(diagnosed(), assignment=ASSIGNED), CATALOGUE, NOW)[0]
    shown = markup.jira(ticket.text)
    assert shown.startswith("h1. Failing requests in {{gateway}}, since deploy {{2.5.0}} of {{checkout}}\n")
    assert "\n* *Severity:* P1 (critical)" in shown
    assert "\n** 120 of 1,000 requests failed \\[{{e1}}\\]\n" in shown
    assert "\n|{{gateway}}|all|1,000|120 (12%)|900 ms|300 ms|–|\n" in shown
    assert "\n{code}\ncurl -X POST http://gateway/checkout\n{code}\n" in shown
    assert "[https://git.example.com/shop/checkout]" in shown


def test_a_draft_in_slack_has_its_weight_lists_and_names() -> None:
    ticket = write_drafts(case_of(diagnosed(), assignment=ASSIGNED), CATALOGUE, NOW)[0]
    shown = markup.slack(ticket.text)
    assert "\n• *Severity:* P1 (critical)" in shown
    assert "`gateway`" in shown
    assert len(shown) <= markup.SLACK_LIMIT


def test_hostile_text_becomes_no_macro_mention_image_or_link_in_jira() -> None:
    assert live(LIVE_IN_JIRA, markup.jira(quoted(HOSTILE))) == []


def test_hostile_text_becomes_no_mention_or_link_in_slack() -> None:
    assert live(LIVE_IN_SLACK, markup.slack(quoted(HOSTILE))) == []


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("<>@!#|*_~`[](){}\\/:.-&; ahtpscode\n\u200b\u202e"), max_size=60))
def test_no_text_becomes_a_macro_mention_or_link(text: str) -> None:
    shown = quoted(text)
    assert live(LIVE_IN_SLACK, markup.slack(shown)) == []
    # In names of code type, doubled braces are what the draft itself writes.
    assert [each for each in live(LIVE_IN_JIRA, markup.jira(shown)) if each != "{"] == []


def test_markup_that_a_person_typed_is_shown_as_text() -> None:
    shown = markup.slack("Hello <!channel> and [our bank](http://evil.example) <script>\n")
    assert "&lt;!channel&gt;" in shown
    assert "&lt;script&gt;" in shown
    assert "](http://" not in shown


def test_a_block_of_code_cannot_be_left_early() -> None:
    fence = escaping.code_block("{code}\n{noformat}\n```\n<!here>")
    assert markup.jira(fence).count("{code}") == 2
    shown = markup.slack(fence)
    assert shown.count("```") == 2
    assert "<!here>" not in shown


@pytest.mark.parametrize("write", [markup.jira, markup.slack])
def test_what_is_too_long_is_cut_at_a_line_and_closes_what_is_open(write: object) -> None:
    code = "```\n" + ("y" * 100 + "\n") * 70 + "```\n\n"
    text = "# Long\n\n" + code * 7
    shown = write(text)  # type: ignore[operator]
    assert shown.endswith(markup.CUT)
    assert (shown.count("{code}") + shown.count("```")) % 2 == 0
    assert len(shown) <= markup.JIRA_LIMIT


def test_many_backticks_that_open_nothing_are_read_in_no_time() -> None:
    assert markdown.read("a" + "`" * 50_000) == [markdown.Paragraph((markdown.Words("a" + "`" * 50_000),))]
