from pathlib import Path

import pytest

from watchkeeper import library
from watchkeeper.agents import cards, prompts
from watchkeeper.errors import ConfigError
from watchkeeper.evidence.tools import TOOL_NAMES

CARDS = cards.load()
each_card = pytest.mark.parametrize("card", CARDS.values(), ids=CARDS.keys())
GOOD = "name: a\npurpose: p\nprompt: p.md\ntools: []\noutput: notes\nrole: specialist\nlimits: {turns: 3}\n"


@each_card
def test_the_prompt_and_the_tools_of_a_card_exist(card: cards.Card):
    assert (prompts.FOLDER / card.prompt).is_file()
    assert set(card.tools) <= set(TOOL_NAMES)
    assert len(set(card.tools)) == len(card.tools)


def test_each_tool_belongs_to_the_investigator_and_to_a_specialist():
    assert set(CARDS["investigator"].tools) == set(TOOL_NAMES)
    assert {tool for card in cards.specialists(CARDS) for tool in card.tools} == set(TOOL_NAMES)


def test_each_output_has_the_role_that_it_needs():
    by_role = {card.name: (card.role, card.output) for card in CARDS.values()}
    assert by_role.pop("investigator") == ("investigator", "findings")
    assert by_role.pop("supervisor") == ("supervisor", "choice")
    assert set(by_role.values()) == {("specialist", "notes")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "model: gpt\n", "model: is not a setting that exists"),
        (GOOD.replace("name: a", "name: b"), "name: expected 'a'"),
        (GOOD.replace("role: specialist", "role: boss"), "role"),
        (GOOD.replace("{turns: 3}", "{turns: 0}"), r"limits\.turns"),
        (GOOD.replace("prompt: p.md", "prompt: ../p.md"), "prompt"),
    ],
)
def test_a_card_is_read_strictly(tmp_path: Path, text: str, said: str):
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        cards.load(tmp_path)


def test_a_folder_without_cards_is_said(tmp_path: Path):
    with pytest.raises(ConfigError, match="found none"):
        cards.load(tmp_path)


def test_no_card_names_a_vendors_model():
    text = "".join(path.read_text(encoding="utf-8") for path in (library.HOME / "agents").glob("*.yaml"))
    assert "gpt" not in text
    assert "model:" not in text
