"""The page that a person looks at."""

from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib")

from made_runs import SETTING, run_of
from watchkeeper.evaluation import plots, report


class Page(HTMLParser):
    """Every tag's name and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_needs_nothing_else() -> None:
    text = report.as_html([run_of("rrwhf")])
    page = Page(text)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object"}
    links = [v for _, attributes in page.tags for k, v in attributes.items() if k in ("src", "href", "xlink:href")]
    assert all(link is not None and link.startswith("#") for link in links)


def test_text_from_a_data_set_is_escaped() -> None:
    text = report.as_html(
        [run_of("rw", kind="<script>alert(1)</script>$x$", setting=replace(SETTING, data="<b>x</b>"))]
    )
    assert "<script>" not in text
    assert "<b>x" not in text


def test_every_picture_is_there_with_its_caption() -> None:
    text = report.as_html([run_of("rrwh")])
    for words in ("Top-1 beside", "Reliability", "Risk and coverage", "by kind of fault"):
        assert words in text
    assert text.count("<svg") == 4


def test_two_runs_share_no_id() -> None:
    ids = [
        attributes["id"]
        for _, attributes in Page(report.as_html([run_of("rw"), run_of("wr")])).tags
        if "id" in attributes
    ]
    assert len(ids) == len(set(ids))


def test_pictures_take_the_colours_of_the_page() -> None:
    drawn = plots.against_baselines(run_of("rw"), "x")
    assert "currentColor" in drawn
    assert plots.INK not in drawn
    ElementTree.fromstring(drawn)


def test_the_same_run_makes_the_same_page() -> None:
    assert report.as_html([run_of("rwh")]) == report.as_html([run_of("rwh")])


def test_a_run_in_which_nothing_was_answered_can_be_shown() -> None:
    assert "0 answered" in report.as_html([run_of("ff")])
