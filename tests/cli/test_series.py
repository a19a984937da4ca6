from dataclasses import replace

import pytest

from watchkeeper.cli.series import summary

pytest.importorskip("opentelemetry.sdk", reason="needs the lab extra")

from watchkeeper.evaluation.drills import Row

RIGHT = Row(
    run="crash-cart-1",
    commit="abc",
    kind="crash",
    service="cart",
    size=1,
    seed=1,
    minutes=6,
    innocent_changes=0,
    detected_after=12,
    false_alarms=0,
    status="diagnosed",
    answer="cart",
    answer_kind="crash",
    probability=0.9,
    release="not-release-related",
    hit=True,
    innocent_blamed=False,
    release_right=True,
    in_time=True,
    diagnosis_seconds=1.25,
)
WRONG = replace(RIGHT, service="catalog", hit=False, innocent_blamed=True, in_time=False, false_alarms=2)
QUIET = replace(RIGHT, kind="nothing", service="", status="no-alarm", diagnosis_seconds=None)


def test_runs_that_failed_and_answers_that_were_wrong_are_counted_apart() -> None:
    assert summary([RIGHT, WRONG, QUIET], 4).splitlines() == [
        "drills                  3 of 4 ran, 2 kinds, 2 services",
        "right service first     1 of 2 (50%)",
        "innocent change blamed  1 of 3 (33%)",
        "noticed in time         1 of 2 (50%)",
        "quiet runs left alone   1 of 1 (100%)",
        "false alarms before     2",
        "slowest diagnosis       1.2 s",
    ]


def test_a_series_in_which_nothing_ran_has_no_shares() -> None:
    assert "right service first     0 of 0" in summary([], 4).splitlines()
