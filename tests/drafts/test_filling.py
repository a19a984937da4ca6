import pytest

from drafts.drafted_cases import CATALOGUE, NOON, NOW, case_of
from watchkeeper.drafts import arithmetic, filling
from watchkeeper.drafts.facts import Fact, Facts
from watchkeeper.drafts.filling import Filled, Use, bare_digits, fill
from watchkeeper.drafts.formats import write

CASE = case_of()
ERRORS = ("case", "diagnoses", 0, "scope", "affected", 0, "errors")
REQUESTS = (*ERRORS[:-1], "requests")


def facts() -> Facts:
    return Facts(CASE, CATALOGUE, NOW)


def share(found: Facts) -> Fact:
    errors, requests = found.at("count", *ERRORS), found.at("count", *REQUESTS)
    fact = found.sum("percent", "share", "100 * errors / requests", errors=errors, requests=requests)
    assert fact is not None
    return fact


def test_a_fact_is_made_by_naming_where_it_lies() -> None:
    found = facts()
    fact = found.at("count", *ERRORS)
    assert fact is not None
    assert (fact.value, fact.origin) == (120, "case.diagnoses[0].scope.affected[0].errors")
    assert found["case.diagnoses[0].scope.affected[0].errors"] is fact


def test_what_is_not_there_is_no_fact() -> None:
    assert facts().at("name", "catalogue", "services", "nobody", "team") is None
    assert facts().at("sentence", "case", "diagnoses", 0, "inconclusive_because") is None


def test_a_sum_knows_its_operands_and_is_written_out() -> None:
    fact = share(facts())
    assert fact.value == 12.0
    assert fact.shown.markdown == "100 × 120 ÷ 1,000 = 12%"


def test_a_sum_without_one_of_its_operands_is_no_fact() -> None:
    assert facts().sum("percent", "share", "100 * errors / requests", errors=None, requests=None) is None


def test_a_sum_that_divides_by_zero_is_no_fact() -> None:
    found = facts()
    errors = found.at("count", *ERRORS)
    assert found.sum("number", "nothing", "errors / (errors - errors)", errors=errors) is None


def test_a_fact_is_read_again_from_its_origin_alone() -> None:
    found = facts()
    assert found.again(share(found)) == 12.0
    elsewhere = Facts(case_of().model_copy(update={"diagnoses": ()}), CATALOGUE, NOW)
    with pytest.raises(IndexError):
        elsewhere.again(share(found))


def test_a_digit_that_no_fact_filled_is_found() -> None:
    count = facts().at("count", *ERRORS)
    assert count is not None
    filled = Filled("p95 of 120 requests, 7 more", (Use(7, 10, count),))
    assert bare_digits(filled) == ["7"]


def test_a_template_prints_facts_only() -> None:
    with pytest.raises(ValueError, match="only facts can be printed, not 'checkout'"):
        fill("severity", {"head": Head("checkout")})


class Head:
    """A story's opening whose severity is no fact."""

    def __init__(self, severity: object) -> None:
        self.severity = severity
        self.severity_word = severity


def test_each_use_of_a_fact_is_recorded_where_it_stands() -> None:
    word = facts().at("word", "case", "assignment", "severity")
    filled = fill("severity", {"head": Head(word)})
    assert [(filled.text[use.start : use.end], use.fact) for use in filled.uses] == [("P1", word), ("P1", word)]


def test_marks_in_untrusted_text_cannot_pose_as_a_fact() -> None:
    forged = f"{filling._BEGIN}0{filling._MIDDLE}42{filling._END}"
    case = case_of(CASE.diagnoses[0].model_copy(update={"headline": forged}))
    fact = Facts(case, CATALOGUE, NOW).at("sentence", "case", "diagnoses", 0, "headline")
    assert fact is not None
    assert fact.markdown == "042"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("a + b * a", "1 + 2 × 1"),
        ("(a + b) * a", "(1 + 2) × 1"),
        ("a - (b - a)", "1 − (2 − 1)"),
        ("a / (b * a)", "1 ÷ (2 × 1)"),
        ("a / b / a", "1 ÷ 2 ÷ 1"),
    ],
)
def test_a_sum_is_shown_with_the_brackets_it_needs(expression: str, text: str) -> None:
    assert arithmetic.show(expression, {"a": "1", "b": "2"}) == text


def test_times_differ_by_seconds_and_move_by_seconds() -> None:
    values = {"now": NOW, "noon": NOON}
    assert arithmetic.compute("now - noon", values) == 660.0
    assert arithmetic.compute("noon + 660", values) == NOW


@pytest.mark.parametrize("expression", ["__import__('os')", "a ** 2", "a if a else a", "'x'", "noon + noon"])
def test_a_sum_is_no_programme(expression: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        arithmetic.compute(expression, {"a": 1.0, "noon": NOON})


def test_sums_of_times_take_whole_seconds_as_they_are_shown() -> None:
    later = NOON.replace(minute=1, microsecond=900_000)
    found = Facts(case_of(), CATALOGUE, later)
    begin = found.at("moment", "case", "diagnoses", 0, "scope", "since")
    fact = found.sum("duration", "lasted", "now - begin", now=found.at("moment", "now"), begin=begin)
    assert fact is not None
    assert fact.shown.markdown == "12:01:00 UTC − 12:00:00 UTC = 60 s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (88.1, "88 s"), (150, "2.5 min"), (5000, "83 min"), (9000, "2.5 h")]
)
def test_durations_have_tenths_only_where_there_are_few_of_the_unit(seconds: float, text: str) -> None:
    assert write(seconds, "duration").plain == text
