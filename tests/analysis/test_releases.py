"""Which release did it: cases whose answer is known by hand."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from made_releases import (
    REQUESTS,
    blamed,
    case_of,
    change_at,
    failures,
    from_step,
    grid_of,
    judged,
    latency,
    tried,
)
from watchkeeper.analysis.release_onsets import onsets_in
from watchkeeper.analysis.release_series import Panel, Row
from watchkeeper.analysis.release_verdicts import verdicts
from watchkeeper.analysis.rollout import Arm

STEPS, ONSET = 720, 600
FAR = [change_at(step) for step in (60, 180, 300, 420)]
"""Earlier releases of the same service, long before the onset."""


def test_a_release_right_before_the_onset_is_blamed() -> None:
    case = case_of([latency(STEPS, [(ONSET, 3.0)])], [*FAR, change_at(ONSET - 1, name="bad")], [(0, ONSET, 0.5)])
    verdict = judged(case)
    assert (verdict.status, blamed(verdict)) == ("caused", ["bad"])
    assert verdict.guilty[0].probability > 0.9
    assert verdict.effect is not None
    assert verdict.effect.is_ratio
    assert verdict.effect.low < 3.0 < verdict.effect.high
    assert verdict.effect.size == pytest.approx(3.0, rel=0.15)


def test_an_effect_on_failures_is_told_in_points_of_the_share() -> None:
    row = failures(STEPS, from_step(STEPS, ONSET, 0.01, 0.21))
    verdict = judged(case_of([row], [*FAR, change_at(ONSET - 1, name="bad")], [(0, ONSET, 0.5)]))
    assert blamed(verdict) == ["bad"]
    assert verdict.effect is not None
    assert not verdict.effect.is_ratio
    assert verdict.effect.low < 0.2 < verdict.effect.high


def test_a_fall_is_worse_where_down_is() -> None:
    counts = np.random.default_rng(2).poisson(from_step(STEPS, ONSET, 100.0, 30.0)).astype(np.float64)
    row = Row("requests of cart", "cart", "count", counts, np.ones(STEPS), worse="down")
    verdict = judged(case_of([row], [*FAR, change_at(ONSET - 1, name="bad")], [(0, ONSET, 0.5)]))
    assert blamed(verdict) == ["bad"]
    assert verdict.effect is not None
    assert verdict.effect.size == pytest.approx(0.3, abs=0.05)


def test_a_release_after_the_onset_is_not_blamed() -> None:
    case = case_of([latency(STEPS, [(ONSET, 3.0)])], [*FAR, change_at(ONSET + 8, name="late")], [(0, ONSET, 0.5)])
    verdict = judged(case)
    assert verdict.status == "not-release-related"
    assert verdict.none > 0.9


def test_without_any_release_none_did_it() -> None:
    verdict = judged(case_of([latency(STEPS, [(ONSET, 3.0)])], [], [(0, ONSET, 0.5)]))
    assert (verdict.status, verdict.none) == ("not-release-related", 1.0)


def test_a_late_onset_is_allowed_for_and_paid_for() -> None:
    lags = {minutes: ONSET - 12 * minutes for minutes in (1, 10, 40)}
    found = {
        minutes: judged(case_of([latency(STEPS, [(ONSET, 3.0)])], [change_at(step, name="only")], [(0, ONSET, 0.5)]))
        for minutes, step in lags.items()
    }
    by_lag = [1 - found[minutes].none for minutes in (1, 10, 40)]
    assert by_lag[0] > by_lag[1] > by_lag[2] > 0.01
    assert found[40].status == "not-release-related"


def test_a_moment_that_the_release_waited_for_makes_a_late_onset_likelier() -> None:
    rows, changes = [latency(STEPS, [(ONSET, 3.0)])], [change_at(ONSET - 120, name="expires")]
    expiry = np.array([[grid_of(STEPS).time_of(ONSET).timestamp()]])
    waited = judged(case_of(rows, changes, [(0, ONSET, 0.5)], awaited=expiry))
    assert blamed(waited) == ["expires"]
    assert waited.none < 0.5 * judged(case_of(rows, changes, [(0, ONSET, 0.5)])).none


def test_two_releases_at_one_time_leave_it_open() -> None:
    pair = [change_at(ONSET - 1, name="one"), change_at(ONSET - 1, name="two")]
    verdict = judged(case_of([latency(STEPS, [(ONSET, 3.0)])], [*FAR, *pair], [(0, ONSET, 0.5)]))
    assert verdict.status == "undetermined"
    assert "apart" in verdict.needs
    assert {each.change.id for each in verdict.suspects} == {"one", "two"}


def test_a_release_of_something_unconnected_is_not_blamed() -> None:
    calls = [("gateway", "cart"), ("gateway", "search")]
    other = change_at(ONSET - 1, service="search", name="other")
    verdict = judged(case_of([latency(STEPS, [(ONSET, 3.0)])], [*FAR, other], [(0, ONSET, 0.5)], calls))
    assert blamed(verdict) == []


def test_a_release_of_what_is_called_is_blamed_before_one_of_the_caller() -> None:
    calls = [("gateway", "cart"), ("cart", "stock")]
    pair = [change_at(ONSET - 1, "stock", "below"), change_at(ONSET - 1, "gateway", "above")]
    found = tried(case_of([latency(STEPS, [(ONSET, 3.0)])], pair, [(0, ONSET, 0.5)], calls))
    assert found.probability[0, 0] > 2 * found.probability[1, 0]


def test_several_releases_are_guilty_of_several_onsets_of_one_series() -> None:
    first, second = 300, ONSET
    changes = [change_at(first - 1, name="one"), change_at(450, name="between"), change_at(second - 1, name="two")]
    case = case_of([latency(STEPS, [(first, 2.0), (second, 2.0)])], changes, [])
    case = replace(case, onsets=onsets_in(case.panel, [0]))
    assert sorted(name for verdict in verdicts(tried(case)) for name in blamed(verdict)) == ["one", "two"]


def test_a_release_with_another_effect_is_said_to_have_one() -> None:
    rows = [latency(STEPS, [(ONSET, 3.0)], "cart"), latency(STEPS, [(ONSET - 240, 1.6)], "gateway", seed=1)]
    other = change_at(ONSET - 241, "cart", "other")
    verdict = judged(case_of(rows, [other], [(0, ONSET, 0.5)]))
    assert verdict.status == "other-effect"
    assert [change.id for change in verdict.others] == ["other"]


def test_a_release_at_the_right_time_is_not_blamed_for_what_noise_explains() -> None:
    case = case_of([latency(STEPS)], [*FAR, change_at(ONSET - 1, name="new")], [(0, ONSET, 0.5)])
    verdict = judged(case)
    assert verdict.status == "undetermined"
    assert verdict.suspects[0].probability > 0.9
    assert "wait" in verdict.needs


def test_a_short_past_is_named_as_what_is_missing() -> None:
    row = failures(20, from_step(20, 12, 0.02, 0.08), requests=20.0)
    verdict = judged(case_of([row], [change_at(11, name="new")], [(0, 12.0, 0.5)]))
    assert not verdict.suspects[0].is_by_placebos
    assert "history" in verdict.needs


def rolled(at: int, kind: str = "rollback", version: str | None = None) -> list:  # type: ignore[type-arg]
    return [
        change_at(60, name="good", version="1"),
        change_at(ONSET - 40, name="bad", version="2"),
        change_at(at, name="back", kind=kind, version=version),  # type: ignore[arg-type]
    ]


def test_a_rollback_that_cured_speaks_for_the_release_and_one_that_did_not_against_it() -> None:
    back = ONSET + 60
    cured = case_of([latency(STEPS, [(ONSET, 3.0), (back, 1 / 3)])], rolled(back - 1), [(0, ONSET, 0.5)])
    stays = case_of([latency(STEPS, [(ONSET, 3.0)])], rolled(back - 1), [(0, ONSET, 0.5)])
    never = case_of([latency(STEPS, [(ONSET, 3.0)])], rolled(back - 1)[:2], [(0, ONSET, 0.5)])
    found = {name: tried(case).weighing.total[1, 0] for name, case in (("c", cured), ("s", stays), ("n", never))}
    assert found["c"] > found["n"] + 1
    assert found["s"] < found["n"] - 1
    assert "bad" not in blamed(judged(stays))


def test_a_rollback_after_the_symptom_was_over_says_nothing() -> None:
    over, back = ONSET + 30, ONSET + 80
    case = case_of([latency(STEPS, [(ONSET, 3.0), (over, 1 / 3)])], rolled(back), [(0, ONSET, 0.5)])
    assert tried(case).weighing.undone[1, 0] == 0
    assert np.isnan(tried(case).taken_back.cured[1, 0])


def test_a_fix_forward_that_cured_speaks_for_the_release_but_less_than_a_rollback() -> None:
    back = ONSET + 60
    rows = [latency(STEPS, [(ONSET, 3.0), (back, 1 / 3)])]
    fixed, rolled_back = (
        tried(case_of(rows, rolled(back - 1, kind), [(0, ONSET, 0.5)])).weighing.undone[1, 0]
        for kind in ("deploy", "rollback")
    )
    assert 0 < fixed < rolled_back


def side(step: int, share: float, old: float, new: float, name: str = "cart") -> tuple[Row, Row, Row]:
    """A service's failures as a whole, of the new version and of the old one, which run side by side from a step on."""
    chance = np.random.default_rng(3)
    total, portion = 200.0, from_step(STEPS, step, 0.0, share)
    sizes = np.round(total * portion), total - np.round(total * portion)
    shares = from_step(STEPS, ONSET, 0.01, new), from_step(STEPS, ONSET, 0.01, old)
    failed = [chance.binomial(n.astype(np.int64), p) for n, p in zip(sizes, shares, strict=True)]
    with np.errstate(invalid="ignore"):
        parts = [Row("error ratio", name, "share", k / n, n) for k, n in zip(failed, sizes, strict=True)]
    return Row("error ratio", name, "share", (failed[0] + failed[1]) / total, np.full(STEPS, total)), *parts


def test_failures_of_the_canary_alone_convict_it() -> None:
    whole, new, old = side(ONSET - 60, 0.3, old=0.01, new=0.3)
    changes = [change_at(ONSET - 60, name="canary")]
    beside = case_of([whole], changes, [(0, ONSET, 0.5)], arms=[Arm(0, 0, new, old)])
    apart = case_of([whole], changes, [(0, ONSET, 0.5)])
    assert judged(apart).status != "caused"
    assert blamed(judged(beside)) == ["canary"]
    assert tried(beside).sides.difference[0, 0] == pytest.approx(0.29, abs=0.05)


def test_failures_of_old_and_new_alike_clear_the_release() -> None:
    whole, new, old = side(ONSET - 1, 0.3, old=0.3, new=0.3)
    changes = [*FAR, change_at(ONSET - 1, name="canary")]
    beside = tried(case_of([whole], changes, [(0, ONSET, 0.5)], arms=[Arm(4, 0, new, old)]))
    alone = tried(case_of([whole], changes, [(0, ONSET, 0.5)]))
    assert beside.probability[4, 0] < alone.probability[4, 0] - 0.2
    assert beside.weighing.beside[4, 0] < -1.5


def test_two_that_came_together_are_both_guilty_where_each_has_its_own_side() -> None:
    whole, new, old = side(ONSET - 1, 0.3, old=0.01, new=0.3)
    pair = [change_at(ONSET - 1, name="one"), change_at(ONSET - 1, name="two")]
    arms = [Arm(4, 0, new, old), Arm(5, 0, new, old)]
    assert sorted(blamed(judged(case_of([whole], [*FAR, *pair], [(0, ONSET, 0.5)], arms=arms)))) == ["one", "two"]


def gradual(follows: bool) -> tuple[Row, Row, Row, np.ndarray]:  # type: ignore[type-arg]
    share = np.clip((np.arange(STEPS) - 300) / 300, 0.0, 1.0)
    sizes = np.round(200 * share), 200 - np.round(200 * share)
    bad = 0.01 + 0.2 * (share if follows else from_step(STEPS, ONSET, 0.0, 1.0))
    chance = np.random.default_rng(4)
    whole = chance.binomial(200, bad) / 200
    parts = [Row("error ratio", "cart", "share", whole, n) for n in sizes]
    return Row("error ratio", "cart", "share", whole, np.full(STEPS, 200.0)), *parts, share


def test_a_symptom_that_grows_with_the_roll_out_convicts_it_and_a_step_clears_it() -> None:
    for follows, sign in ((True, 1), (False, -1)):
        whole, new, old, _ = gradual(follows)
        change = change_at(300, name="slow roll-out", seconds=1500.0)
        found = tried(case_of([whole], [change], [(0, 450.0 if follows else ONSET, 10.0)], arms=[Arm(0, 0, new, old)]))
        assert sign * found.weighing.dose[0, 0] > 1
    assert found.sides.dose_slope[0, 0] > 0


def test_a_shared_library_is_likelier_where_all_that_use_it_moved() -> None:
    names = ("cart", "stock", "search", "mail", "bank")
    users = frozenset(names[:3])

    def weight(moved: frozenset[str]) -> float:
        rows = [latency(STEPS, [(ONSET, 3.0)] if n in moved else [], n, seed=i) for i, n in enumerate(names)]
        library = change_at(ONSET - 1, "cart", "library")
        case = case_of(rows, [library], [(0, ONSET, 0.5)], touches={"library": users})
        return float(tried(case).weighing.breadth[0, 0])

    assert weight(users) > 0.5
    assert weight(users) > weight(frozenset({"cart", "mail", "bank"}))


def test_a_shared_setting_reaches_all_that_it_touches() -> None:
    setting = change_at(ONSET - 1, "config", "setting", kind="config")
    calls = [("gateway", "cart"), ("config", "bank")]
    rows = [latency(STEPS, [(ONSET, 3.0)])]
    apart = judged(case_of(rows, [*FAR, setting], [(0, ONSET, 0.5)], calls))
    touched = case_of(rows, [*FAR, setting], [(0, ONSET, 0.5)], calls, touches={"setting": frozenset({"cart"})})
    assert blamed(apart) == []
    assert blamed(judged(touched)) == ["setting"]


def test_a_flag_is_a_change_like_any_other() -> None:
    flag = change_at(ONSET - 0.2, "cart", "flag", seconds=0.0, kind="flag")
    assert blamed(judged(case_of([latency(STEPS, [(ONSET, 3.0)])], [*FAR, flag], [(0, ONSET, 0.5)]))) == ["flag"]


def test_a_move_that_comes_every_hour_is_no_effect() -> None:
    steps, hour = 720 * 6, 720
    place = np.arange(steps) % hour
    values = np.exp(4 + 0.05 * np.random.default_rng(1).standard_normal(steps) + 1.0 * ((place >= 100) & (place < 400)))
    row = Row("mean latency of cart", "cart", "level", values, np.full(steps, REQUESTS))
    at = 5 * hour + 100
    usual = tried(case_of([row], [change_at(at - 1, name="at the hour")], [(0, float(at), 0.5)]))
    assert usual.moves.period_seconds[0] == 3600
    assert verdicts(usual)[0].status != "caused"
    fresh = row.values * from_step(steps, 5 * hour + 500, 1.0, 3.0)
    moved = case_of(
        [replace(row, values=fresh)],
        [change_at(5 * hour + 499, name="apart")],
        [(0, 5 * hour + 500.0, 0.5)],
    )
    assert blamed(judged(moved)) == ["apart"]


def answers(case, order) -> list:  # type: ignore[no-untyped-def,type-arg]
    found = [verdicts(tried(case))[place] for place in order]
    return [(v.symptom, v.status, sorted(blamed(v)), round(v.none, 6), v.blamed_by_chance) for v in found]


def several() -> tuple[list, list, list]:  # type: ignore[type-arg]
    rows = [
        latency(STEPS, [(ONSET, 3.0)], "cart"),
        failures(STEPS, from_step(STEPS, 500, 0.01, 0.2), "gateway"),
        latency(STEPS, [(ONSET + 2, 2.0)], "gateway", seed=8),
    ]
    changes = [
        *FAR,
        change_at(ONSET - 1, name="bad"),
        change_at(499, "gateway", "worse"),
        change_at(510, "bank", "far"),
    ]
    return rows, changes, [(0, ONSET, 0.5), (1, 500.0, 0.5), (2, ONSET + 2.0, 1.0)]


def test_the_order_of_rows_and_releases_does_not_matter() -> None:
    rows, changes, onsets = several()
    first = answers(case_of(rows, changes, onsets), [0, 1, 2])
    turned = case_of(rows[::-1], changes[::-1], [(2 - row, *rest) for row, *rest in onsets][::-1])
    assert answers(turned, [2, 1, 0]) == first


def test_the_unit_of_durations_does_not_matter() -> None:
    rows, changes, onsets = several()
    in_seconds = [replace(row, values=row.values / 1e3) if row.kind == "level" else row for row in rows]
    assert answers(case_of(in_seconds, changes, onsets), [0, 1, 2]) == answers(
        case_of(rows, changes, onsets), [0, 1, 2]
    )


def test_the_time_zone_does_not_matter() -> None:
    rows, changes, onsets = several()
    zone = ZoneInfo("Asia/Kolkata")
    moved = [c.model_copy(update={"began_at": c.began_at.astimezone(zone)}) for c in changes]
    assert answers(case_of(rows, moved, onsets, zone=zone), [0, 1, 2]) == answers(
        case_of(rows, changes, onsets), [0, 1, 2]
    )


def test_names_do_not_matter() -> None:
    rows, changes, onsets = several()
    new = {"cart": "zebra", "gateway": "ant", "bank": "mole"}
    renamed = [replace(row, service=new[row.service]) for row in rows]
    other = [c.model_copy(update={"service": new[c.service]}) for c in changes]
    found = tried(case_of(renamed, other, onsets, [("ant", "zebra")]))
    assert np.allclose(found.probability, tried(case_of(rows, changes, onsets)).probability)


@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_noise_is_rarely_blamed_on_a_release(alike: float) -> None:
    chance, steps, blames, looked_at = np.random.default_rng(11), 360, 0, 0
    for batch in range(20):
        noise = 0.1 * chance.standard_normal((10, steps))
        for step in range(1, steps):
            noise[:, step] += alike * noise[:, step - 1]
        rows = [
            Row(f"latency {n}", "cart", "level", np.exp(4 + each), np.full(steps, REQUESTS))
            for n, each in enumerate(noise)
        ]
        panel = Panel.of(grid_of(steps), rows)
        found = [(n, onsets_in(panel, [n], least=0.0)) for n in range(len(rows))]
        worst = [(n, int(np.argmin(o.uncertainty)), o) for n, o in found if o.step.size]
        changes = [change_at(float(step), name=f"c{i}") for i, step in enumerate(chance.uniform(0, steps - 10, 5))]
        case = case_of(rows, changes, [(n, float(o.step[k]), float(o.uncertainty[k])) for n, k, o in worst])
        blames += sum(verdict.status == "caused" for verdict in verdicts(tried(case, seed=batch)))
        looked_at += len(rows)
    assert looked_at == 200
    assert blames <= 0.05 * looked_at


def test_nothing_to_judge_gives_no_verdict() -> None:
    assert verdicts(tried(case_of([latency(STEPS)], FAR, []))) == ()
