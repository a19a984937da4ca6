from collections.abc import Mapping
from datetime import timedelta

from made_shop import Shop, at
from watchkeeper.domain import Window
from watchkeeper.evidence.anew import began_anew
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.vitals import Vitals, take_vitals
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of

FIRST_SECONDS = 200
Tables = Mapping[str, list[dict[str, object]]]


def later(tables: Tables, seconds: float, instances: str) -> Tables:
    """The same telemetry so much later, from instances whose names end so."""

    def moved(row: dict[str, object]) -> dict[str, object]:
        named = {k: f"{v}{instances}" for k, v in row.items() if k == "service_instance_id"}
        return row | named | {"time": row["time"] + timedelta(seconds=seconds)}  # type: ignore[operator]

    return {name: [moved(row) for row in rows] for name, rows in tables.items()}


def two_runs(pause: float, seconds: int = 300, instances: str = "-again") -> Vitals:
    """A shop that runs, is silent, and runs again; looked at when the second run ends."""
    first = Shop(seconds=FIRST_SECONDS).tables()
    second = later(Shop(seconds=seconds, seed=2).tables(), FIRST_SECONDS + pause, instances)
    names = ("spans", "metrics", "logs")
    store = store_of({name: table_of(name, [*first[name], *second[name]]) for name in names})  # type: ignore[arg-type]
    return take_vitals(store, Window(start=at(0), end=at(FIRST_SECONDS + pause + seconds)), Ledger())


def test_a_system_that_was_started_anew_begins_after_the_pause() -> None:
    began = began_anew(two_runs(pause=60))
    assert began is not None
    assert abs(began - at(FIRST_SECONDS + 60)) <= timedelta(seconds=5)


def test_a_system_that_ran_all_along_has_its_whole_past() -> None:
    assert began_anew(two_runs(pause=0)) is None


def test_a_short_pause_is_none() -> None:
    assert began_anew(two_runs(pause=10)) is None


def test_telemetry_that_was_only_held_up_leaves_the_past_as_it_was() -> None:
    assert began_anew(two_runs(pause=60, instances="")) is None


def test_what_began_just_now_is_still_compared_with_what_was_before() -> None:
    assert began_anew(two_runs(pause=60, seconds=90)) is None


def test_nothing_at_all_did_not_begin() -> None:
    assert began_anew(take_vitals(store_of({}), Window(start=at(0), end=at(300)), Ledger())) is None
