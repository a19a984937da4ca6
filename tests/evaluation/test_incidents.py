"""The recorded incidents of the repository, through the same code as the standing watch and `diagnose --from`."""

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from watchkeeper import library
from watchkeeper.domain import Diagnosis, Signal
from watchkeeper.evaluation.recording import TELEMETRY, TRUTH
from watchkeeper.lab.truth import KINDS, Truth
from watchkeeper.pipeline import diagnose
from watchkeeper.tables import ATTRIBUTES
from watchkeeper.telemetry.recording import open_recording, store_of
from watchkeeper.telemetry.store import Store
from watchkeeper.watch.detection import detect

INCIDENTS = sorted(path.parent for path in (library.HOME / "evals" / "incidents").glob(f"*/{TRUTH}"))
BROKEN = [folder for folder in INCIDENTS if not folder.name.startswith("nothing")]
QUIET = [folder for folder in INCIDENTS if folder.name.startswith("nothing")]

each_broken = pytest.mark.parametrize("folder", BROKEN, ids=lambda folder: folder.name)
each_quiet = pytest.mark.parametrize("folder", QUIET, ids=lambda folder: folder.name)


def after_a_minute(folder: Path) -> tuple[Truth, Diagnosis]:
    truth, sources = Truth.from_yaml(folder / TRUTH), open_recording(folder / TELEMETRY)
    assert truth.symptom_onset is not None
    at = min(truth.symptom_onset + timedelta(seconds=60), truth.ends)
    signals = detect(sources, at)
    assert signals, "nothing was noticed a minute after the first symptom"
    latest = diagnose(signals[0], sources, now=at).latest
    assert latest is not None
    return truth, latest


def test_there_is_one_of_each_kind_and_three_quiet_ones():
    kinds = [Truth.from_yaml(folder / TRUTH).kind for folder in INCIDENTS]
    assert set(kinds) == set(KINDS)
    assert len(QUIET) == 3


@each_broken
def test_the_right_service_is_named_a_minute_after_the_first_symptom(folder: Path):
    truth, found = after_a_minute(folder)
    assert found.status == "diagnosed"
    assert found.hypotheses[0].component == truth.service


@each_broken
def test_the_guilty_change_is_blamed_and_an_innocent_one_never(folder: Path):
    truth, found = after_a_minute(folder)
    assert (found.release.change.id if found.release.change else None) == truth.change_id


OTHER_NAMES = {
    "gateway": "zeta",
    "catalog": "m1",
    "cart": "a-service",
    "checkout": "web",
    "payment": "0",
    "recommendations": "gateway",
    "bank": "catalog-9",
}


def renamed(folder: Path) -> Store:
    def other(column: pa.ChunkedArray) -> pa.Array:
        return pa.array([OTHER_NAMES.get(name, name) for name in column.to_pylist()], pa.string())

    def addressed(pairs: list[tuple[str, str]] | None) -> list[tuple[str, str]] | None:
        return pairs and [
            (k, OTHER_NAMES.get(v, v) if k in ("server.address", "service.name") else v) for k, v in pairs
        ]

    tables = {}
    for path in sorted((folder / TELEMETRY).glob("*.parquet")):
        table = pq.read_table(path)
        table = table.set_column(table.column_names.index("service_name"), "service_name", other(table["service_name"]))
        for column in {"attributes", "resource"} & set(table.column_names):
            pairs = pa.array([addressed(row) for row in table[column].to_pylist()], ATTRIBUTES)
            table = table.set_column(table.column_names.index(column), column, pairs)
        tables[path.stem] = table
    return store_of(tables)  # type: ignore[arg-type]


def ranking(sources: Store, at: datetime) -> list[tuple[str, str, float]]:
    latest = diagnose(Signal(kind="anomaly", at=at), sources, now=at).latest
    assert latest is not None
    return sorted((h.component, h.kind, h.probability) for h in latest.hypotheses)


@each_broken
def test_names_of_services_do_not_decide(folder: Path):
    truth = Truth.from_yaml(folder / TRUTH)
    assert truth.symptom_onset is not None
    at = truth.symptom_onset + timedelta(seconds=60)
    plain = ranking(open_recording(folder / TELEMETRY), at)
    assert sorted((OTHER_NAMES.get(c, c), k, p) for c, k, p in plain) == ranking(renamed(folder), at)


@each_quiet
def test_nothing_is_noticed_where_nothing_is_wrong(folder: Path):
    truth, sources = Truth.from_yaml(folder / TRUTH), open_recording(folder / TELEMETRY)
    looks = (truth.begins + (truth.ends - truth.begins) * share for share in (0.5, 0.7, 0.85, 1.0))
    assert [detect(sources, at) for at in looks] == [()] * 4


@pytest.mark.parametrize("folder", INCIDENTS, ids=lambda folder: folder.name)
def test_the_telemetry_does_not_tell_the_truth(folder: Path):
    truth = Truth.from_yaml(folder / TRUTH)
    kept = b"".join(path.read_bytes() for path in sorted((folder / TELEMETRY).glob("*.parquet")))
    assert truth.kind == "nothing" or truth.kind.encode() not in kept
