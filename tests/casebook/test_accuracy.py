import pytest
from hypothesis import given
from hypothesis import strategies as st

from kept_cases import NOON, at, case, diagnosis, inconclusive, verdict
from watchkeeper.casebook.accuracy import accuracy
from watchkeeper.casebook.calibration import calibration
from watchkeeper.casebook.figures import Delay, Share, wilson
from watchkeeper.domain import Verdict
from watchkeeper.records.store import Records
from watchkeeper.records.summaries import Conclusion, History

WEEK = 7 * 24 * 60


def answer(minutes: float = 1.0, probability: float = 0.8, since: float | None = -2.0) -> Conclusion:
    onset = None if since is None else at(since)
    return Conclusion(at=at(minutes), status="diagnosed", component="cart", probability=probability, since=onset)


def silence(minutes: float = 1.0) -> Conclusion:
    return Conclusion(at=at(minutes), status="inconclusive")


def history(*conclusions: Conclusion, verdicts: tuple[Verdict, ...] = (), noticed: float = 0.0) -> History:
    return History(incident_id="INC-2026-0001", noticed_at=at(noticed), conclusions=conclusions, verdicts=verdicts)


def test_without_a_verdict_there_is_no_accuracy() -> None:
    figures = accuracy([history(answer())]).overall
    assert (figures.diagnosis_accuracy.value, figures.diagnosis_accuracy.standing) == (None, "no data")
    assert figures.counts.unjudged == 1


def test_without_cases_nothing_is_counted() -> None:
    figures = accuracy([])
    assert (figures.answered.value, figures.weeks, figures.calibration.brier) == (None, (), None)
    assert figures.overall.time_to_detect.standing == "no data"


def test_partly_is_no_confirmation() -> None:
    judged = [history(answer(), verdicts=(verdict(each),)) for each in ("confirmed", "partly", "wrong", "confirmed")]
    figures = accuracy(judged).overall
    assert (figures.diagnosis_accuracy.part, figures.diagnosis_accuracy.whole) == (2, 4)
    assert (figures.counts.confirmed, figures.counts.partly, figures.counts.wrong) == (2, 1, 1)


def test_the_latest_verdict_on_a_case_is_the_one_that_counts() -> None:
    changed_mind = history(answer(), verdicts=(verdict("confirmed"), verdict("wrong")))
    assert accuracy([changed_mind]).overall.counts.wrong == 1


def test_wrong_abstained_failed_and_not_judged_are_counted_apart() -> None:
    histories = [
        history(answer(), verdicts=(verdict("wrong"),)),
        history(silence(), verdicts=(verdict("wrong"),)),
        history(silence()),
        history(),
        history(answer()),
    ]
    figures = accuracy(histories)
    counts = figures.overall.counts
    assert (counts.wrong, counts.abstained, counts.failed, counts.unjudged) == (1, 2, 1, 1)
    assert figures.overall.diagnosis_accuracy.whole == 1
    assert (figures.answered.part, figures.answered.whole) == (2, 5)


def test_a_verdict_on_an_abstention_says_nothing_about_the_answer_after_it() -> None:
    figures = accuracy([history(silence(), answer(5), verdicts=(verdict("wrong", number=0),))])
    assert (figures.overall.counts.unjudged, figures.answered.part) == (1, 1)


def test_a_ticket_keeps_its_judgement_when_a_later_verdict_says_nothing_of_it() -> None:
    judged = history(answer(), verdicts=(verdict(ticket="false-alarm"), verdict("wrong")))
    filing = accuracy([judged, history(answer(), verdicts=(verdict(ticket="valid"),))]).overall.filing_accuracy
    assert (filing.part, filing.whole, filing.target) == (1, 2, 0.85)


def test_time_to_detect_runs_from_the_onset_that_an_engineer_told() -> None:
    told = history(answer(since=-2), verdicts=(verdict(onset=at(-6)),))
    assert accuracy([told]).overall.time_to_detect.mean_minutes == 6.0
    assert accuracy([history(answer(since=-2))]).overall.time_to_detect.mean_minutes == 2.0


def test_a_false_alarm_has_no_time_to_detect() -> None:
    assert accuracy([history(answer(), verdicts=(verdict(ticket="false-alarm"),))]).overall.time_to_detect.count == 0


def test_an_onset_that_seems_later_than_the_signal_is_no_negative_time() -> None:
    assert accuracy([history(answer(since=0.5))]).overall.time_to_detect.mean_minutes == 0.0


def test_time_to_diagnose_ends_with_the_first_diagnosis_that_concludes() -> None:
    figures = accuracy([history(silence(1), answer(4), answer(9)), history(silence())]).overall
    assert (figures.time_to_diagnose.count, figures.time_to_diagnose.mean_minutes) == (1, 4.0)


def test_weeks_are_counted_by_when_the_incident_was_noticed() -> None:
    histories = [
        history(answer(), verdicts=(verdict(),)),
        history(answer(WEEK + 1), noticed=WEEK, verdicts=(verdict("wrong"),)),
    ]
    weeks = accuracy(histories).weeks
    assert [(week.week, week.figures.diagnosis_accuracy.part) for week in weeks] == [("2026-W19", 1), ("2026-W20", 0)]


def test_a_target_is_met_or_missed_only_when_the_whole_interval_says_so() -> None:
    assert Share.of(8, 8, 0.7).standing == Share.of(0, 1, 0.7).standing == "undecided"
    assert Share.of(95, 100, 0.7).standing == "met"
    assert Share.of(40, 100, 0.7).standing == "missed"
    assert Share.of(0, 0, 0.7).standing == "no data"


def test_a_mean_of_few_times_decides_nothing() -> None:
    assert Delay.of([1.0] * 4, 5).standing == "undecided"
    assert Delay.of([1.0] * 5, 5).standing == "met"
    assert Delay.of([9.0] * 5, 5).standing == "missed"


def test_wilson_agrees_with_published_values() -> None:
    # Newcombe 1998, table I, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_the_share_and_stays_between_0_and_1(counts: tuple[int, int]) -> None:
    part, whole = counts
    low, high = wilson(part, whole)
    assert 0.0 <= low <= part / whole + 1e-12
    assert part / whole - 1e-12 <= high <= 1.0


def test_probabilities_are_held_against_what_was_confirmed() -> None:
    figures = calibration([(0.9, True), (0.9, True), (0.8, False), (0.3, False), (1.0, True)])
    top, low = figures.bins[-1], figures.bins[1]
    assert (top.confirmed.part, top.confirmed.whole, top.mean_probability) == (3, 4, pytest.approx(0.9))
    assert (low.confirmed.part, low.confirmed.whole) == (0, 1)
    assert figures.brier == pytest.approx((0.01 + 0.01 + 0.64 + 0.09 + 0.0) / 5)
    assert figures.brier_of_the_mean == pytest.approx(0.24)


def test_only_judged_causes_are_held_against_their_probability() -> None:
    histories = [
        history(answer(probability=0.6), verdicts=(verdict("partly"),)),
        history(answer(probability=0.9)),
        history(silence(), verdicts=(verdict(),)),
    ]
    figures = accuracy(histories).calibration
    assert (figures.count, figures.brier) == (1, pytest.approx(0.36))


def test_the_figures_are_those_of_the_records(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Records.open(tmp_path_factory.mktemp("kept") / "records.sqlite") as records:
        records.save(case(1, inconclusive(1), diagnosis(5, probability=0.9)))
        records.save(case(2, noticed=at(WEEK)))
        records.add_verdict("INC-2026-0001", verdict(number=1, ticket="valid"))
        figures = accuracy(records.histories())
    assert figures.overall.counts.confirmed == figures.overall.filing_accuracy.part == 1
    assert figures.weeks[0].figures.time_to_diagnose.mean_minutes == 5.0
    assert figures.calibration.bins[-1].mean_probability == 0.9
    assert figures.weeks[0].week == f"{NOON:%G-W%V}"
