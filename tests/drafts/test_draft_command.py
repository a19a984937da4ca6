import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drafts.drafted_cases import CATALOGUE, NOW, case_of, diagnosed, scope
from watchkeeper.cli.draft import draft
from watchkeeper.domain import CaseFile
from watchkeeper.drafts.writing import write_drafts
from watchkeeper.errors import ConfigError, WatchkeeperError


def asked(*words: str) -> str:
    """What the command prints; an error that says what to do is raised."""
    import typer

    app = typer.Typer()
    app.command()(draft)
    result = CliRunner().invoke(app, list(words))
    if isinstance(result.exception, WatchkeeperError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WATCHKEEPER_HOME", str(tmp_path))
    return tmp_path


def kept(home: Path, case: CaseFile) -> None:
    written = case.model_copy(update={"drafts": write_drafts(case, CATALOGUE, NOW)})
    folder = home / "cases" / case.incident.id
    folder.mkdir(parents=True)
    (folder / "case.json").write_text(written.model_dump_json())


def test_all_drafts_of_a_case_are_printed_under_their_names(home: Path) -> None:
    kept(home, case_of())
    heads = [line for line in asked("INC-2026-0007").splitlines() if line.startswith("== ")]
    assert [head.rstrip("= ") for head in heads] == [
        "== ticket, internal, proposed",
        "== incident-report, internal, proposed",
        "== post-mortem, internal, proposed",
        "== internal-update, internal, proposed",
        "== status-page, public, proposed",
    ]


def test_one_draft_is_printed_as_it_would_be_sent(home: Path) -> None:
    kept(home, case_of())
    assert asked("INC-2026-0007", "--kind", "status-page").startswith("# Errors: place an order\n")


def test_drafts_as_json_have_text_and_fields(home: Path) -> None:
    kept(home, case_of())
    (ticket,) = json.loads(asked("INC-2026-0007", "--kind", "ticket", "--json"))
    assert (ticket["kind"], ticket["facts"]["severity"], ticket["state"]) == ("ticket", "P1", "proposed")


def test_a_draft_that_was_not_written_is_missed_in_one_sentence(home: Path) -> None:
    kept(home, case_of(diagnosed(scope=scope(errors=0, p95_ms=300.0))))
    with pytest.raises(ConfigError, match=r"no status-page \(nothing that reaches users was measured\), only: ticket,"):
        asked("INC-2026-0007", "--kind", "status-page")


def test_a_case_without_drafts_says_when_they_are_written(home: Path) -> None:
    (home / "case.json").write_text(case_of().model_dump_json())
    with pytest.raises(ConfigError, match="has no drafts: they are written when a case is diagnosed"):
        asked(str(home / "case.json"))


def test_an_unknown_case_is_named(home: Path) -> None:
    with pytest.raises(WatchkeeperError, match="INC-2026-0009"):
        asked("INC-2026-0009")
