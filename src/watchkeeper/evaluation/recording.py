"""Drills recorded: the lab runs against a server and store of its own, and what arrived is kept as Parquet."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from watchkeeper.domain import Window
from watchkeeper.errors import ConfigError
from watchkeeper.evaluation.problems import TELEMETRY as TELEMETRY
from watchkeeper.evaluation.problems import TRUTH as TRUTH
from watchkeeper.lab import drills
from watchkeeper.lab.truth import KINDS, DrillKind, Truth
from watchkeeper.server.access_gates import gate_for, new_token
from watchkeeper.server.running import running_server
from watchkeeper.telemetry.live import LiveStore
from watchkeeper.telemetry.recording import write_recording


def record(drill: drills.Drill, folder: Path, say: Callable[[str], None]) -> Truth:
    """Run one drill and keep its telemetry in `folder/telemetry`, its truth apart in `folder/truth.yaml`.

    Takes as many minutes as the drill has, and some seconds. Raises whatever stops the lab.
    """
    with tempfile.TemporaryDirectory(prefix="watchkeeper-drill-") as place, LiveStore(Path(place) / "t.duckdb") as live:
        token = new_token()
        with running_server(live, gate=gate_for(token)) as url:
            truth = drills.run(drill, url, {"authorization": f"Bearer {token}"}, say)
        kept = write_recording(live.reader, Window(start=truth.begins, end=truth.ends), folder / TELEMETRY)
    truth.to_yaml(folder / TRUTH)
    say(f"Recorded {', '.join(f'{rows} {table}' for table, rows in kept.items())} in {folder}.")
    return truth


def planned(count: int, first_seed: int, minutes: float, size: float = 1.0) -> list[drills.Drill]:
    """That many drills over all kinds in turn, each with a seed of its own."""
    return [drills.plan(KINDS[i % len(KINDS)], None, size, first_seed + i, minutes) for i in range(count)]


def record_series(
    planned_drills: Sequence[drills.Drill], folder: Path, side_by_side: int, say: Callable[[str], None]
) -> Iterator[Path]:
    """Record several drills, some side by side; each folder when it is done. A failed one is said and left out."""
    with ProcessPoolExecutor(side_by_side, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        runs = {pool.submit(_record_one, drill, folder / name_of(drill)): drill for drill in planned_drills}
        for done in as_completed(runs):
            failure = done.exception()
            if failure is not None:
                say(f"{name_of(runs[done])} failed: {failure}")
            else:
                yield folder / name_of(runs[done])


def recorded_in(folders: Iterable[Path]) -> list[Path]:
    """The recorded drills that these folders are, or hold; raises ConfigError for a folder without any."""
    found: list[Path] = []
    for folder in folders:
        inside = [folder] if (folder / TRUTH).is_file() else sorted(path.parent for path in folder.glob(f"*/{TRUTH}"))
        if not inside:
            raise ConfigError(
                f"{folder} holds no recorded drill: expected {TRUTH} beside {TELEMETRY}/, here or one below"
            )
        found += inside
    return found


def name_of(drill: drills.Drill) -> str:
    """`bad-deploy-checkout-17`."""
    return "-".join(str(part) for part in (drill.kind, drill.service, drill.seed) if part is not None)


def _record_one(drill: drills.Drill, folder: Path) -> DrillKind:
    return record(drill, folder, lambda _: None).kind
