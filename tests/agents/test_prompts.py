import pytest

from watchkeeper.agents import cards, prompts
from watchkeeper.errors import ConfigError
from watchkeeper.evidence.prose import PLACEHOLDER
from watchkeeper.evidence.selectors import parse

SUPPLIED = {
    **{card.prompt: {"turns"} for card in cards.load().values()},
    "supervisor.md": {"turns", "specialists"},
    "briefing.md": {"briefing", "question", "notes"},
    "failed.md": {"failed"},
    "notes.md": set(),
    "report.md": set(),
    "reporter.md": set(),
    "understand-question.md": {"now", "zone", "known", "before", "pending", "question"},
    "tell-answer.md": {"question", "answer", "cause", "evidence"},
}
"""What the code gives to each prompt that it names."""
PARTS = {"ground.md", "notes-wanted.md"}
"""What other prompts include."""
FILES = sorted(path.name for path in prompts.FOLDER.glob("*.md"))


@pytest.mark.parametrize("name", sorted(SUPPLIED))
def test_every_variable_of_a_prompt_is_supplied(name: str):
    assert prompts.variables_of(name) <= SUPPLIED[name]


@pytest.mark.parametrize("name", FILES)
def test_no_prompt_shouts(name: str):
    text = (prompts.FOLDER / name).read_text(encoding="utf-8")
    shouted = {word for word in text.split() if len(word) > 4 and word.isalpha() and word.isupper()}
    assert shouted <= {"SELECT"}


def test_whoever_reads_evidence_is_told_that_it_is_quoted():
    for name in (*(card.prompt for card in cards.load().values()), "reporter.md"):
        text = prompts.render(name, **{each: "" for each in prompts.variables_of(name)})
        assert "</data>" in text, name


def test_a_variable_that_nobody_supplies_is_an_error():
    with pytest.raises(ConfigError, match=r"investigator\.md: 'turns' is undefined"):
        prompts.render("investigator.md")


def test_a_prompt_that_is_not_there_is_said():
    with pytest.raises(ConfigError, match="there is no such prompt"):
        prompts.render("poet.md")


def test_the_examples_of_the_report_can_be_read_by_the_code_that_checks_them():
    text = prompts.render("report.md").replace('\\"', '"')
    figures = [match[1].split(":", 1)[1].rsplit("|", 1)[0].strip() for match in PLACEHOLDER.finditer(text)]
    assert [str(parse(figure)) for figure in figures] == figures
    assert figures
