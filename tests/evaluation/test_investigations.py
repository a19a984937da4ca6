from datetime import UTC, datetime
from pathlib import Path

import pytest

from watchkeeper import library, settings
from watchkeeper.errors import ConfigError
from watchkeeper.evaluation import running, suites
from watchkeeper.evaluation.investigations import REPLIES, investigators, turns_of
from watchkeeper.evaluation.scorecard import Graph, Scorecard

FOLDER = library.HOME / "evals" / "investigations"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
RECORDED = sorted(FOLDER.glob(f"*/*/{REPLIES}"))


def said(_: str) -> None:
    return None


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    return settings.load(environment={"WATCHKEEPER_HOME": str(tmp_path_factory.mktemp("home"))})


def replayed(home: settings.Settings, graph: Graph | None) -> Scorecard:
    engine = "rules" if graph is None else "model"
    with investigators(home, engine, graph, FOLDER if graph else None, said) as (investigator_of, used):
        return running.run(
            suites.open_suite("investigations"),
            at=NOW,
            inspect=running.not_found_again,
            investigator_of=investigator_of,
            graph=used,
        )


@pytest.fixture(scope="module")
def rules(home: settings.Settings) -> Scorecard:
    return replayed(home, None)


@pytest.fixture(scope="module", params=["single", "specialists"])
def model(request: pytest.FixtureRequest, home: settings.Settings) -> Scorecard:
    return replayed(home, request.param)


def test_every_recorded_investigation_comes_to_its_end_when_replayed(model: Scorecard) -> None:
    assert model.failed == 0
    assert model.totals is not None
    recorded = [path for path in RECORDED if path.parent.name == model.graph]
    assert len(recorded) == model.cases - model.totals.trouble
    assert len(recorded) >= 3


def test_all_that_a_recorded_mind_claimed_and_is_told_is_found_again(model: Scorecard) -> None:
    assert {result.case: result.unsupported for result in model.results if result.unsupported} == {}


def test_no_wrong_cause_is_stated_that_the_rules_did_not_state(model: Scorecard, rules: Scorecard) -> None:
    def wrong(card: Scorecard) -> set[str]:
        return {r.case for r in card.results if r.status == "answered" and not r.is_hit}

    assert wrong(model) <= wrong(rules)


def test_what_a_model_took_and_claimed_is_counted(model: Scorecard) -> None:
    assert model.totals is not None
    assert model.totals.calls >= len(RECORDED)
    assert model.totals.claims_made > model.totals.claims_struck


def test_the_rules_need_no_replies(home: settings.Settings) -> None:
    with (
        pytest.raises(ConfigError, match="--graph and --replies are for --engine model"),
        investigators(home, "rules", None, FOLDER, said),
    ):
        pass


def test_replies_that_are_not_there_are_named(home: settings.Settings, tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="expected a folder with a folder for each case"),
        investigators(home, "model", None, tmp_path / "gone", said),
    ):
        pass


def test_a_reply_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / REPLIES
    file.write_text('{"content": "fine"}\n\n{"tool_calls": []}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="line 3: expected `content` or `tool_calls`"):
        turns_of(file)


def test_replies_are_turns_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / REPLIES
    file.write_text(
        '{"content": null, "tool_calls": [{"name": "users", "arguments": {"service": "a"}}]}\n{"content": "b"}\n'
    )
    assert turns_of(file) == [[("users", {"service": "a"})], "b"]
