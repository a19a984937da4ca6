"""Down to the commit, asked of a store: the made-up incidents of `evals/commits`, and what a claim rests on."""

from datetime import timedelta
from functools import cache

import pytest

from made_commits import CASES, MadeCase, made_cases
from watchkeeper.diagnosis.commit_evidence import READINGS, ask_commits
from watchkeeper.diagnosis.commits import CommitAnswer, answer_of, down_to_the_commit, with_commits
from watchkeeper.diagnosis.conclude import cannot_tell, nothing_wrong
from watchkeeper.domain import Cost, Diagnosis, Figure
from watchkeeper.evidence.claims import recheck_claim
from watchkeeper.evidence.details import changes_of
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.telemetry.recording import store_of

SHARE_RIGHT, SHARE_AMONG_THREE = 0.85, 0.9
"""Of all made-up incidents: right (a commit or none), and the guilty commit within the first three."""
BY_NAME = {case.name: case for case in made_cases(CASES)}
LEAK, POISON, OPEN = "node-memory-leak", "none-one-bad-file", "a-partition-key-that-is-always-the-same"


@cache
def answered(name: str) -> tuple[CommitAnswer, Ledger]:
    case = BY_NAME[name]
    ledger = Ledger(readings=READINGS)
    with store_of(case.tables) as sources:
        asked = ask_commits(sources, ledger, case.signal, case.signal.at + timedelta(minutes=3))
        assert asked is not None
        table = ledger.answer(asked.history)
        assert table is not None
        recheck = Recheck(ledger.evidence, sources, READINGS)
        found = answer_of(asked, recheck, changes_of(table))
        for claim in (claim for h in found.hypotheses for claim in (*h.claims, *h.against)):
            assert recheck_claim(claim, recheck) is None
    return found, ledger


def said(case: MadeCase) -> str | None:
    """The commit that is blamed, `none`, or None where it is left open."""
    found, _ = answered(case.name)
    if not found.is_stated:
        return None
    top = found.hypotheses[0]
    return top.change.commits[0] if top.change is not None else "none"


def open_diagnosis() -> Diagnosis:
    at = BY_NAME[LEAK].signal.at
    return cannot_tell(at, "there are no spans", (), Cost(seconds=0.0))


def test_no_innocent_commit_of_any_made_up_incident_is_blamed() -> None:
    wrong = {name: said(case) for name, case in BY_NAME.items() if said(case) not in (None, case.truth or "none")}
    assert wrong == {}


def test_most_made_up_incidents_are_answered_right() -> None:
    right = [said(case) == (case.truth or "none") for case in BY_NAME.values()]
    assert sum(right) >= SHARE_RIGHT * len(right)


def test_the_guilty_commit_is_among_the_first_three() -> None:
    guilty = [case for case in BY_NAME.values() if case.truth is not None]
    ranked = [[h.change.commits[0] for h in answered(c.name)[0].hypotheses if h.change][:3] for c in guilty]
    hits = [case.truth in commits for case, commits in zip(guilty, ranked, strict=True)]
    assert sum(hits) >= SHARE_AMONG_THREE * len(hits)


def test_a_stated_commit_is_the_verdict_on_releases_with_the_change_that_brought_it_out() -> None:
    found, _ = answered(LEAK)
    assert found.release.status == "caused"
    assert found.release.change is not None
    assert (found.release.change.service, found.release.change.commits) == ("notifier", (BY_NAME[LEAK].truth,))


def test_a_cause_that_no_commit_has_clears_the_releases() -> None:
    found, _ = answered(POISON)
    assert found.is_stated
    assert found.release.status == "not-release-related"
    assert "no release needs to be undone" in (found.fix or "")


def test_no_line_of_a_diff_but_what_shows_it_goes_into_the_case_file() -> None:
    _, ledger = answered(LEAK)
    kept = "".join(entry.model_dump_json() for entry in ledger.evidence)
    assert "delivered.set(message.id, message)" in kept
    assert "await transport.send" not in kept


def test_an_open_diagnosis_is_concluded_by_a_commit_that_stands_out() -> None:
    found = with_commits(open_diagnosis(), answered(LEAK)[0])
    assert (found.status, found.release.status, found.inconclusive_because) == ("diagnosed", "caused", None)
    assert found.hypotheses[0].kind == "bad-change"


def test_how_sure_the_diagnosis_before_was_goes_with_its_headline() -> None:
    before = Figure(text="51%", evidence=None, selector="probability")
    found = with_commits(open_diagnosis().model_copy(update={"figures": (before,)}), answered(LEAK)[0])
    told = [figure.text for figure in found.figures if figure.selector == "probability"]
    assert told == [f"{found.hypotheses[0].probability:.0%}"]


def test_the_reason_of_the_verdict_brings_its_sources() -> None:
    found, _ = answered(LEAK)
    (first, *_) = found.hypotheses[0].claims
    assert found.release.reason == first.text
    assert set(first.figures) <= set(found.figures)


def test_an_open_diagnosis_lists_commits_where_none_stands_out() -> None:
    found = with_commits(open_diagnosis(), answered(OPEN)[0])
    assert found.status == "inconclusive"
    assert any(h.change is not None for h in found.hypotheses)


def test_where_nothing_is_wrong_a_history_without_a_culprit_changes_nothing() -> None:
    calm = nothing_wrong(BY_NAME[OPEN].signal.at, ["billing-consumer"], (), Cost(seconds=0.0))
    assert with_commits(calm, answered(OPEN)[0]) == calm


@pytest.mark.parametrize("name", [LEAK, POISON])
def test_every_number_of_the_headline_has_a_source(name: str) -> None:
    found, _ = answered(name)
    assert found.figures


def test_the_history_is_put_into_a_diagnosis_in_one_step() -> None:
    case, ledger = BY_NAME[LEAK], Ledger(readings=READINGS)
    with store_of(case.tables) as sources:
        found = down_to_the_commit(open_diagnosis(), case.signal, sources, ledger, case.signal.at, READINGS)
    assert (found.status, found.release.status) == ("diagnosed", "caused")


def test_without_commits_on_record_nothing_is_asked() -> None:
    case, ledger = BY_NAME[LEAK], Ledger(readings=READINGS)
    tables = {**case.tables, "changes": case.tables["changes"].slice(0, 0)}
    with store_of(tables) as sources:
        assert ask_commits(sources, ledger, case.signal, case.signal.at) is None
    assert ledger.evidence == ()
