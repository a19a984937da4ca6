import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from drafts.drafted_cases import DEPLOY, RECORDED, case_of, diagnosed, evidence, hypothesis, recorded
from watchkeeper.domain import CaseFile, Claim, Figure, Reading, Rows, Struck
from watchkeeper.drafts.citations import spelled
from watchkeeper.drafts.evidence_page import COLUMNS, evidence_page

each_recorded = pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
READER = MarkdownIt("commonmark", {"html": True}).enable("table")


def sections(page: str) -> dict[str, str]:
    """What stands under each heading."""
    found = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def tokens(page: str) -> list[Token]:
    return [inner for block in READER.parse(page) for inner in (block, *(block.children or []))]


@each_recorded
def test_each_question_of_a_recorded_case_has_its_query_and_what_cites_it(folder: Path) -> None:
    case = recorded(folder)
    found = sections(evidence_page(case))
    for item in case.evidence:
        assert item.query.strip() in found[item.id] or item.reading is not None, item.id
        assert f"{item.rows.total:,} row" in found[item.id] or item.status != "found"
    assert case.latest is not None
    for hypothesis_ in case.latest.hypotheses:
        for claim in (*hypothesis_.claims, *hypothesis_.against):
            assert claim.selector.replace("|", "\\|") in found[claim.evidence]
            assert f"`{claim.operator} {spelled(claim.value)}`" in found[claim.evidence]


@each_recorded
def test_each_number_of_a_recorded_first_sentence_leads_to_its_section(folder: Path) -> None:
    case = recorded(folder)
    page = evidence_page(case)
    assert case.latest is not None
    for figure in case.latest.figures:
        told = [line for line in page.splitlines() if line.startswith(f"| `{figure.text}` |")]
        assert any(f"[{figure.evidence}](#{figure.evidence})" in line for line in told) or figure.evidence is None
    assert {item.id for item in case.evidence} <= set(sections(page))


@each_recorded
def test_links_of_a_recorded_page_lead_to_its_sections_and_all_rows_are_rows_of_tables(folder: Path) -> None:
    page = evidence_page(recorded(folder))
    found = tokens(page)
    links = {str(token.attrs["href"]) for token in found if token.type == "link_open"}
    assert {link.removeprefix("#") for link in links} <= set(sections(page))
    assert not {"image", "html_inline", "html_block"} & {token.type for token in found}
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    # Each table has a line between its head and its body.
    assert len(rows) == len([token for token in found if token.type in ("tr_open", "tbody_open")])


def test_computed_evidence_names_the_analysis_its_inputs_and_what_it_was_given() -> None:
    computed = evidence(3, "analysis", "shares of e1, e2").model_copy(
        update={"reading": Reading(name="shares", of=("e1", "e2"), parameters='{"least": 0.2}')}
    )
    found = sections(evidence_page(case_of(evidence=(evidence(1), evidence(2), computed))))
    assert 'Computed: `shares` of [e1](#e1), [e2](#e2), given:\n\n```json\n{"least": 0.2}\n```' in found["e3"]
    assert "**Also read by:** [e3](#e3)" in found["e1"]


def test_what_failed_says_how_and_what_is_empty_says_so() -> None:
    failed = evidence(2).model_copy(update={"status": "failed", "rows": Rows(columns=()), "failure": "timed out"})
    empty = evidence(3).model_copy(update={"status": "empty", "rows": Rows(columns=())})
    found = sections(evidence_page(case_of(evidence=(evidence(1), failed, empty))))
    assert "**Answer:** failed: timed out" in found["e2"]
    assert "**Answer:** nothing there" in found["e3"]


def test_a_struck_claim_is_among_what_cites_it() -> None:
    struck = Struck(claim=Claim(text="CPU is full", evidence="e2", selector="max(cpu)"), because="it is 0.2")
    found = sections(evidence_page(case_of(diagnosed(struck=(struck,)))))
    assert "| CPU is full | struck: it is 0.2 | `max(cpu)` | `> 0` |" in found["e2"]


def test_a_figure_in_several_places_is_told_once() -> None:
    figure = Figure(text="12%", evidence="e1", selector="first(share)")
    claim = Claim(text="12% failed", evidence="e1", figures=(figure,))
    cause = hypothesis().model_copy(update={"claims": (claim,)})
    found = sections(evidence_page(case_of(diagnosed(hypotheses=(cause,), figures=(figure,)))))
    assert found["e1"].count("| 12% | in a claim; headline, fix, reasons or notes | `first(share)` |") == 1


def test_diagnoses_are_told_apart_where_there_are_several() -> None:
    found = sections(evidence_page(case_of(diagnosed(), diagnosed())))
    assert "| diagnosis 0: who is affected; diagnosis 1: who is affected |" in found["e1"]


HOSTILE = "x`![a](http://evil)`<img src=x>|\n```\n# @channel [e1](http://evil) **b** `c|d`"


def hostile_case() -> CaseFile:
    width = COLUMNS + 5
    rows = Rows(columns=(HOSTILE,) * width, values=((HOSTILE * 9,) * width, (None,) * width), total=2)
    claim = Claim(text=HOSTILE, evidence="e1", selector=HOSTILE, value=HOSTILE)
    figure = Figure(text=HOSTILE, evidence="e1", selector=HOSTILE)
    item = evidence(1, HOSTILE, HOSTILE, rows).model_copy(
        update={
            "question": HOSTILE,
            "link": HOSTILE,
            "reading": Reading(name=HOSTILE, of=("e2",), parameters=HOSTILE),
        }
    )
    failed = evidence(2).model_copy(update={"status": "failed", "rows": Rows(columns=()), "failure": HOSTILE})
    cause = hypothesis(HOSTILE, change=DEPLOY).model_copy(update={"claims": (claim,)})
    struck = Struck(claim=claim, because=HOSTILE)
    told = diagnosed(headline=HOSTILE, hypotheses=(cause,), figures=(figure,), struck=(struck,))
    return case_of(told, evidence=(item, failed))


def test_nothing_breaks_out_of_its_cell_or_fence() -> None:
    page = evidence_page(hostile_case())
    found = tokens(page)
    assert not {"image", "html_inline", "html_block"} & {token.type for token in found}
    assert {str(t.attrs["href"]) for t in found if t.type == "link_open"} <= {"#e1", "#e2"}
    assert [t.content for t in found if t.type == "inline" and t.level == 1 and t.content.startswith("# ")] == []
    assert len([t for t in found if t.type == "heading_open"]) == 5
    assert not [token.content for token in found if token.type == "text" and "@channel" in token.content]
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in page.splitlines() if line.startswith("| ")]
    assert set(widths) <= {4, 5, 6, COLUMNS + 1}


def test_a_wide_excerpt_is_cut_and_says_so() -> None:
    found = sections(evidence_page(hostile_case()))["e1"]
    assert f"All rows, {COLUMNS} of {COLUMNS + 5} columns:" in found
    assert max(len(line) for line in found.splitlines() if line.startswith("| ")) < 150 * (COLUMNS + 1)


def test_a_case_that_asked_nothing_has_a_page_too() -> None:
    blank = case_of().model_copy(update={"diagnoses": (), "evidence": (), "verdicts": ()})
    assert "Nothing was asked." in evidence_page(blank)


def test_a_stored_case_has_the_page_of_the_fresh_one() -> None:
    case = recorded(RECORDED[0])
    assert evidence_page(CaseFile.model_validate_json(case.model_dump_json())) == evidence_page(case)
