"""`cases`, `case show`, `verdict` and `accuracy` as they are typed."""

import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kept_cases import at, case, diagnosis, inconclusive, verdict
from watchkeeper.cli import main
from watchkeeper.domain import CaseFile
from watchkeeper.records.store import Records

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    """Runs `watchkeeper` with some words; answers exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["watchkeeper", *words])
        with pytest.raises(SystemExit) as end:
            main()
        shown = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, shown.out, shown.err

    return run


@pytest.fixture
def kept(home: Path) -> Path:
    """Two cases in the home's records."""
    file = home / "records.sqlite"
    with Records.open(file) as records:
        records.save(case(1, inconclusive(1), diagnosis(5, "catalog")))
        records.save(case(2, diagnosis(61), noticed=at(60), service="payment", state="open"))
    return file


def verdicts_in(file: Path) -> list[tuple[str, int, str]]:
    with Records.open(file) as records:
        return [(each.incident_id, each.verdict.diagnosis, each.verdict.judged) for each in records.verdicts()]


def test_cases_are_a_table_that_fits_the_terminal(kept: Path, typed: Type) -> None:
    with Records.open(kept) as records:
        records.add_verdict("INC-2026-0001", verdict("confirmed", number=1))
    code, out, _ = typed("cases")
    lines = out.splitlines()
    assert code == 0
    assert lines[1:] == [
        "INC-2026-0002  2026-05-04 13:00  P2  payment           open           -",
        "  cart is slow",
        "INC-2026-0001  2026-05-04 12:00  P2  cart              diagnosed      confirmed",
        "  catalog is slow",
    ]
    assert max(len(line) for line in lines) <= 80


def test_cases_are_chosen_by_state_and_service(kept: Path, typed: Type) -> None:
    assert "INC-2026-0001" not in typed("cases", "--state", "open")[1]
    assert "INC-2026-0002" not in typed("cases", "--service", "cart")[1]
    assert typed("cases", "--limit", "1")[1].splitlines()[-1] == "… and more: ask for them with --limit 2"
    assert typed("cases", "--service", "nobody") == (0, "There is no such case.\n", "")


def test_a_state_that_does_not_exist_is_told_with_those_that_do(typed: Type) -> None:
    code, _, err = typed("cases", "--state", "burning")
    assert (code, "expected one of open, investigating, diagnosed" in " ".join(err.split())) == (2, True)


def test_without_records_there_are_no_cases(typed: Type) -> None:
    assert typed("cases") == (0, "There are no cases yet.\n", "")


def test_a_case_is_shown_with_what_was_said_before_and_how_it_was_judged(kept: Path, typed: Type) -> None:
    typed("verdict", "INC-2026-0001", "wrong", "--cause", "pool", "--by", "ada", "--note", "see the dashboard")
    code, out, _ = typed("case", "show", "INC-2026-0001")
    assert code == 0
    assert out.startswith("catalog is slow")
    assert "  0  2026-05-04 12:01:00 UTC, signal: it is not clear what is wrong" in out
    assert "  - diagnosis 1 wrong by ada at " in out
    assert "true cause: pool" in " ".join(out.split())
    assert "note: see the dashboard" in " ".join(out.split())
    assert max(len(line) for line in out.splitlines() if str(kept) not in line) <= 80


def test_a_case_as_json_is_the_whole_case_file(kept: Path, typed: Type) -> None:
    out = typed("case", "show", "INC-2026-0001", "--json")[1]
    assert len(CaseFile.model_validate_json(out).diagnoses) == 2


def test_a_verdict_judges_the_latest_diagnosis_in_the_name_of_who_is_logged_in(
    kept: Path, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    assert getpass.getuser() == "grace"
    code, out, _ = typed("verdict", "INC-2026-0001", "confirmed")
    assert (code, out) == (0, "INC-2026-0001, diagnosis 1: confirmed by grace. It said: catalog is slow\n")
    typed("verdict", "INC-2026-0001", "partly", "--diagnosis", "0")
    assert verdicts_in(kept) == [("INC-2026-0001", 1, "confirmed"), ("INC-2026-0001", 0, "partly")]


def test_a_verdict_keeps_the_true_onset_and_the_ticket(kept: Path, typed: Type) -> None:
    words = ("--onset", "2026-05-04T13:57:00+02:00", "--ticket", "valid", "--by", "ada")
    assert typed("verdict", "INC-2026-0001", "confirmed", *words)[0] == 0
    with Records.open(kept) as records:
        (given,) = records.case("INC-2026-0001").verdicts
    assert (given.true_onset, given.ticket) == (at(-3), "valid")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("INC-2026-0001", "wrong"), "names the true cause, or `unknown`"),
        (("INC-2026-0001", "wrong", "--cause", " \x1b "), "names the true cause, or `unknown`"),
        (("INC-2026-0001", "maybe"), "'maybe' is not one of"),
        (("INC-2026-0001", "partly", "--ticket", "lost"), "'lost' is not one of"),
        (("INC-2026-0001", "partly", "--onset", "yesterday"), "Invalid value for --onset: expected a time such as"),
        (("INC-2026-0001", "partly", "--onset", "2026-05-04T12:00"), "has no time zone"),
        (("INC-2026-0001", "partly", "--onset", "2099-05-04T12:00Z"), "nothing began in the future"),
        (("INC-2026-0001", "partly", "--diagnosis", "2"), "has 2 diagnoses, counted from 0"),
        (("INC-2026-0011", "partly"), "there is no case INC-2026-0011 (did you mean `INC-2026-0001`?)"),
    ],
)
def test_a_verdict_that_makes_no_sense_is_refused_in_one_sentence(
    words: tuple[str, ...], sentence: str, kept: Path, typed: Type
) -> None:
    code, out, err = typed("verdict", *words)
    assert (code, out) == (2, "")
    assert sentence in " ".join(err.split())
    assert verdicts_in(kept) == []


def test_what_is_typed_is_kept_without_what_could_harm_a_terminal(kept: Path, typed: Type) -> None:
    typed("verdict", "INC-2026-0001", "wrong", "--cause", "a\x1b[31m b\udcff", "--by", "a\nda", "--note", "\udcff")
    with Records.open(kept) as records:
        (given,) = records.verdicts()
    assert (given.verdict.true_cause, given.verdict.by, given.note) == ("a[31m b", "a da", None)


@pytest.mark.parametrize("words", [("cases",), ("accuracy",), ("case", "show", "INC-2026-0001")])
def test_records_that_cannot_be_read_are_one_sentence(words: tuple[str, ...], home: Path, typed: Type) -> None:
    (home / "records.sqlite").write_text("something else entirely\n" * 1000)
    code, out, err = typed(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"watchkeeper: {home / 'records.sqlite'} is not watchkeeper's records")


def test_accuracy_says_what_it_counted_and_how_sure_that_is(kept: Path, typed: Type) -> None:
    typed("verdict", "INC-2026-0001", "confirmed", "--ticket", "valid")
    code, out, _ = typed("accuracy")
    assert code == 0
    assert out.splitlines()[:10] == [
        "2 cases, answered 2 of 2, 100% [34% to 100%]",
        "  judged       1 confirmed, 0 partly, 0 wrong",
        "  not judged   1",
        "  no answer    0 abstained (inconclusive), 0 failed (no diagnosis)",
        "",
        "                      so far                            wanted",
        "Diagnosis accuracy    1 of 1, 100% [21% to 100%]        > 70%     undecided",
        "Auto-filing accuracy  1 of 1, 100% [21% to 100%]        > 85%     undecided",
        "Time to detect        mean 32.0 min, 1 of 2 in time     < 5 min   undecided",
        "Time to diagnose      mean 3.0 min, 2 of 2 in time      < 15 min  undecided",
    ]
    assert "80% to 100%   80%         1 of 1, 100% [21% to 100%]" in out
    assert max(len(line) for line in out.splitlines()) <= 80


def test_accuracy_without_verdicts_has_no_number(kept: Path, typed: Type) -> None:
    out = typed("accuracy")[1]
    assert "Diagnosis accuracy    no verdict yet                    > 70%     no data" in out
    assert "no cause has been judged yet" in out


def test_accuracy_without_cases_says_so(typed: Type) -> None:
    assert typed("accuracy") == (0, "There are no cases yet, so there is nothing to count.\n", "")


def test_accuracy_as_json_has_every_figure(kept: Path, typed: Type) -> None:
    figures = json.loads(typed("accuracy", "--json")[1])
    assert set(figures) == {"overall", "answered", "weeks", "calibration"}
    assert figures["overall"]["counts"]["unjudged"] == 2
    assert figures["overall"]["diagnosis_accuracy"]["standing"] == "no data"
