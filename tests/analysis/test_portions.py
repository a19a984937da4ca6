import math
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from watchkeeper import library
from watchkeeper.analysis.portions import Carrier, carriers, wholes_hit
from watchkeeper.domain import Portion, Window
from watchkeeper.lab.truth import Truth
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.telemetry.sources import PortionQuery

INCIDENTS = library.HOME / "evals" / "incidents"
SD = 0.3
"""Of the logarithm of durations, in all made portions."""


def row(
    attribute: str,
    value: str,
    part: str,
    requests: int,
    errors: int = 0,
    ms: float = 50.0,
    service: str = "payment",
) -> dict[str, object]:
    return {
        "service_name": service,
        "attribute": attribute,
        "value": value,
        "part": part,
        "requests": requests,
        "errors": errors,
        "mean_ms": ms * math.exp(SD**2 / 2),
        "p95_ms": 1.6 * ms,
        "mean_log_ms": math.log(ms),
        "sd_log_ms": SD if requests > 1 else None,
    }


def answer(attribute: str, **values: tuple[tuple[int, int, float], tuple[int, int, float]]) -> pa.Table:
    """By value: requests, errors and ms, usually and now; the service's whole is their sum."""
    rows, sides = [], {"usual": [(0, 0, 1.0)], "incident": [(0, 0, 1.0)]}
    for value, both in values.items():
        for part, figures in zip(("usual", "incident"), both, strict=True):
            if figures[0]:
                rows.append(row(attribute, value, part, *figures))
                sides[part].append(figures)
    for part, listed in sides.items():
        total = sum(n for n, _, _ in listed)
        if total:
            whole = row("service.name", "payment", part, total, sum(e for _, e, _ in listed))
            logs = sum(n * math.log(ms) for n, _, ms in listed) / total
            squares = sum(max(n - 1, 0) * SD**2 + n * math.log(ms) ** 2 for n, _, ms in listed)
            whole["mean_ms"] = sum(n * ms for n, _, ms in listed) / total * math.exp(SD**2 / 2)
            whole["mean_log_ms"] = logs
            whole["sd_log_ms"] = math.sqrt((squares - total * logs**2) / (total - 1))
            rows.append(whole)
    return pa.Table.from_pylist(rows)


def named(found: list[Carrier]) -> list[tuple[str, str, str]]:
    return [(c.attribute, c.value, c.contrast.measure) for c in found]


CALM = ((200, 1, 50.0), (100, 1, 50.0))


def test_the_value_whose_requests_fail_is_told() -> None:
    table = answer("app.currency", EUR=CALM, JPY=((60, 0, 50.0), (30, 27, 50.0)), USD=CALM)
    (found,) = carriers(table)
    assert named([found]) == [("app.currency", "JPY", "errors")]
    assert found.contrast.lift > 20
    assert found.contrast.carried > 0.9
    assert found.contrast.p_value < 1e-6
    assert found.as_portion("e7") == Portion(
        service="payment",
        attribute="app.currency",
        value="JPY",
        requests=30,
        errors=27,
        p95_ms=80.0,
        usual_requests=60,
        usual_errors=0,
        usual_p95_ms=80.0,
        evidence="e7",
    )


def test_the_value_whose_requests_got_slow_is_told() -> None:
    table = answer("operation", a=CALM, b=((60, 0, 50.0), (60, 0, 400.0)), c=CALM)
    (found,) = carriers(table)
    assert named([found]) == [("operation", "b", "latency")]
    assert found.contrast.lift == pytest.approx(8.0, rel=0.01)
    assert found.contrast.carried == pytest.approx(1.0)


def test_a_value_that_always_fails_or_is_always_slow_is_not_told() -> None:
    table = answer(
        "operation", a=CALM, failing=((100, 40, 50.0), (50, 20, 50.0)), slow=((90, 0, 900.0), (50, 0, 900.0))
    )
    assert carriers(table) == []
    assert wholes_hit(table) == []


def test_where_all_values_suffer_alike_none_is_told_and_the_whole_is() -> None:
    worse = ((200, 0, 50.0), (100, 30, 50.0))
    table = answer("region", a=worse, b=worse, c=worse)
    assert carriers(table) == []
    assert named(wholes_hit(table)) == [("service.name", "payment", "errors")]
    slower = ((200, 0, 50.0), (100, 0, 150.0))
    table = answer("region", a=slower, b=slower)
    assert carriers(table) == []
    (whole,) = wholes_hit(table)
    assert (whole.is_whole, whole.contrast.measure, whole.contrast.carried) == (True, "latency", 1.0)


def test_a_value_that_has_all_the_traffic_is_never_told() -> None:
    table = answer("service.version", old=((300, 0, 50.0), (0, 0, 50.0)), new=((0, 0, 50.0), (300, 200, 50.0)))
    assert carriers(table) == []
    table = answer("operation", nearly=((900, 0, 50.0), (980, 600, 50.0)), rest=((100, 0, 50.0), (12, 0, 50.0)))
    assert carriers(table) == []


def test_a_version_that_shares_the_traffic_with_the_old_one_can_be_told() -> None:
    table = answer("service.version", old=((300, 0, 50.0), (150, 0, 50.0)), new=((0, 0, 50.0), (150, 90, 50.0)))
    assert named(carriers(table)) == [("service.version", "new", "errors")]
    table = answer("service.version", old=((300, 0, 50.0), (150, 0, 50.0)), new=((0, 0, 50.0), (150, 0, 200.0)))
    assert named(carriers(table)) == [("service.version", "new", "latency")]


def test_a_few_failures_or_requests_are_no_portion() -> None:
    assert carriers(answer("a", x=CALM, y=((60, 0, 50.0), (30, 4, 50.0)))) == []
    assert carriers(answer("a", x=CALM, y=((60, 0, 50.0), (9, 9, 50.0)))) == []
    assert carriers(answer("a", x=CALM, y=((60, 0, 2.0), (60, 0, 6.0)))) == []


def test_chance_among_many_values_is_not_told() -> None:
    values = {f"v{n:02}": ((100, 2, 50.0), (50, 1, 50.0)) for n in range(40)}
    values["v00"] = ((100, 2, 50.0), (50, 6, 50.0))
    assert carriers(answer("tenant", **values)) == []


def test_what_lies_beyond_the_cap_is_not_told() -> None:
    table = answer("tenant", **{"a": CALM, "(other)": ((60, 0, 50.0), (60, 50, 50.0))})
    assert carriers(table) == []


def test_an_attribute_that_only_failures_have_is_a_consequence() -> None:
    failed = [row("app.reason", "timeout", "incident", 40, 40), row("app.reason", "busy", "incident", 20, 20)]
    table = answer("operation", a=((200, 0, 50.0), (100, 30, 50.0)), b=((200, 0, 50.0), (100, 30, 50.0)))
    assert carriers(pa.concat_tables([table, pa.Table.from_pylist(failed)])) == []


def test_the_same_requests_are_told_once_by_the_name_that_says_most() -> None:
    values = {"x": CALM, "y": ((60, 0, 50.0), (60, 50, 50.0))}
    names = ("http.route", "host.name", "service.instance.id", "operation")
    rows = [row for name in names for row in answer(name, **values).to_pylist()]
    once = [row for n, row in enumerate(rows) if row["attribute"] != "service.name" or row not in rows[:n]]
    both = pa.Table.from_pylist(once)
    assert named(carriers(both)) == [("operation", "y", "errors")]


def test_the_order_of_rows_changes_nothing() -> None:
    table = answer("k", a=CALM, b=((60, 0, 50.0), (60, 50, 50.0)), c=((60, 0, 50.0), (60, 0, 300.0)))
    back = table.take(list(range(table.num_rows))[::-1])
    assert carriers(back) == carriers(table)
    assert len(carriers(table)) == 2


def test_an_empty_answer_has_no_portions() -> None:
    empty = answer("k", a=CALM).slice(0, 0)
    assert carriers(empty) == wholes_hit(empty) == []


def test_an_incident_without_any_past_is_no_reason_to_fail() -> None:
    nothing = (0, 0, 50.0)
    table = answer("k", a=(nothing, (100, 0, 50.0)), b=(nothing, (60, 50, 50.0)))
    assert named(carriers(table)) == [("k", "b", "errors")]


def _asked(folder: Path, share: float | None = None) -> pa.Table:
    """A minute from the first symptom on (or from a share of the recording on) and everything before it."""
    truth = Truth.from_yaml(folder / "truth.yaml")
    split = truth.symptom_onset or truth.begins + (truth.ends - truth.begins) * (share or 0.5)
    window = Window(start=truth.begins, end=min(truth.ends, split + timedelta(seconds=60)))
    query = PortionQuery(window=window, split=split, usual_end=split - timedelta(seconds=10))
    return open_recording(folder / "telemetry").portions(query).rows


def test_the_input_that_fails_in_a_recorded_incident_stands_out() -> None:
    found = [c for c in carriers(_asked(INCIDENTS / "error-deploy-payment")) if c.service == "payment"]
    assert named(found) == [("app.currency", "USD", "errors")]
    assert found[0].sides.now.errors == found[0].sides.now.requests


@pytest.mark.parametrize(
    ("incident", "operations"),
    [
        ("bad-deploy-checkout", {"POST /checkout"}),
        ("slow-dependency-payment", {"POST /checkout"}),
        ("crash-cart", {"POST /cart/items", "GET /cart"}),
    ],
)
def test_what_shoppers_met_in_a_recorded_incident_is_told(incident: str, operations: set[str]) -> None:
    found = [c for c in carriers(_asked(INCIDENTS / incident)) if c.service == "gateway"]
    assert {c.value for c in found} >= operations
    assert {c.attribute for c in found} == {"operation"}


@pytest.mark.parametrize("folder", sorted(INCIDENTS.glob("nothing-*")), ids=lambda folder: folder.name)
@pytest.mark.parametrize("share", [0.35, 0.6, 0.8])
def test_no_portion_is_told_where_nothing_is_wrong(folder: Path, share: float) -> None:
    assert carriers(_asked(folder, share)) == []
