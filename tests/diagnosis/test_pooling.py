import pytest

from watchkeeper.diagnosis.conclude import SURE
from watchkeeper.diagnosis.pooling import pooled


def test_a_cause_that_both_hold_is_more_probable_than_the_surer_of_them_alone_would_leave_it() -> None:
    assert pooled({"cart": 0.5}, {"cart": 0.9}, is_stated=True)["cart"] == pytest.approx(0.64, abs=0.01)


def test_a_cause_that_the_rules_hold_for_very_likely_stays_stated_whatever_a_model_thinks() -> None:
    ranked = pooled({"cart": 0.8}, {"payment": 1.0}, is_stated=True)
    assert next(iter(ranked)) == "cart"
    assert ranked["cart"] >= SURE


def test_a_cause_that_only_a_model_holds_is_not_sure_enough_where_the_rules_state_another() -> None:
    assert pooled({"cart": 0.5}, {"payment": 1.0}, is_stated=True)["payment"] < SURE


def test_where_the_rules_could_not_decide_a_model_can() -> None:
    ranked = pooled({"cart": 0.4, "payment": 0.35}, {"payment": 0.9}, is_stated=False)
    assert next(iter(ranked)) == "payment"
    assert ranked["payment"] >= SURE


def test_a_model_that_is_sure_of_everything_is_scaled_down() -> None:
    assert sum(pooled({}, dict.fromkeys("abcd", 1.0), is_stated=False).values()) < 1


def test_a_model_that_proposes_nothing_changes_nothing() -> None:
    assert pooled({"cart": 0.4, "payment": 0.2}, {}, is_stated=False) == {"cart": 0.4, "payment": 0.2}
