"""What an endpoint can do, found out with at most five calls."""

import os
from pathlib import Path

import pytest

from made_endpoint import MODEL, Answer, made_endpoint, refusing, replying, settings_for
from watchkeeper.agents.probe import MOST_CALLS, Abilities, probe

CALLS_THE_TOOL = replying(calls=[("stock_of", '{"article": "A7"}')])
SUM = replying('{"pieces": 7, "is_more_than_five": true}')


@pytest.fixture(autouse=True)
def no_variables_of_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OPENAI")]:
        monkeypatch.delenv(name)


def probed(home: Path, *answers: Answer) -> tuple[Abilities, int]:
    with made_endpoint(*answers) as endpoint:
        abilities = probe(settings_for(home, endpoint.base_url), clock=lambda: 0.0, sleep=lambda _: None)
    return abilities, len(endpoint.received)


def marks(abilities: Abilities) -> list[str]:
    return [finding.mark for finding in abilities.findings]


def test_a_good_endpoint_can_everything(home: Path) -> None:
    abilities, calls = probed(home, CALLS_THE_TOOL, SUM)
    assert marks(abilities) == ["ok"] * 5
    assert (abilities.model, abilities.calls_tools, abilities.structured) == (MODEL, True, "schema")
    assert (abilities.streams, abilities.reports_usage, calls) == (True, True, 2)


def test_a_model_that_calls_no_tools_is_found_out(home: Path) -> None:
    abilities, _ = probed(home, replying("I cannot know."), SUM)
    assert not abilities.calls_tools
    assert "did not call a tool" in next(f.what for f in abilities.findings if f.mark == "broken")


def test_what_structures_answers_is_kept_for_runs(home: Path) -> None:
    no = refusing(400, "unsupported")
    abilities, _ = probed(
        home, CALLS_THE_TOOL, no, no, replying(calls=[("Sum", '{"pieces": 7, "is_more_than_five": true}')])
    )
    assert abilities.structured == "tool"
    assert "tool-forced" in (home / "model-abilities.json").read_text()


def test_a_useless_endpoint_is_found_out_with_few_calls(home: Path) -> None:
    abilities, calls = probed(home, *[replying("Hello!")] * 9)
    assert abilities.structured is None
    assert "broken" in marks(abilities)
    assert calls <= MOST_CALLS


def test_an_endpoint_that_counts_nothing_is_told(home: Path) -> None:
    abilities, _ = probed(home, replying(calls=[("stock_of", "{}")], with_usage=False), SUM)
    assert not abilities.reports_usage


def test_an_endpoint_that_is_not_there_is_one_finding(home: Path) -> None:
    with made_endpoint() as gone:
        pass
    abilities = probe(settings_for(home, gone.base_url), sleep=lambda _: None)
    assert marks(abilities) == ["broken"]
    assert "cannot be reached" in abilities.findings[0].what


def test_no_endpoint_is_missing_and_not_broken(home: Path) -> None:
    abilities = probe(settings_for(home, ""))
    assert marks(abilities) == ["missing"]
    assert "the rules work alone" in abilities.findings[0].todo


def test_an_address_that_is_none_is_broken(home: Path) -> None:
    assert marks(probe(settings_for(home, "localhost"))) == ["broken"]


def test_a_refused_key_is_told_with_what_to_check(home: Path) -> None:
    abilities, calls = probed(home, refusing(401))
    assert marks(abilities) == ["broken"]
    assert "$OPENAI_API_KEY" in abilities.findings[0].todo
    assert calls == 1
