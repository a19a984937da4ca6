"""`watchkeeper eval run` of a suite that ranks nothing: its figures, for each system and for all of them."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from watchkeeper.cli.screen import one_line

if TYPE_CHECKING:
    from watchkeeper.evaluation.measures import Measured, Metric

NAME = 28


def measure_suite(suite: str, data: Path | None, file: Path, at: datetime) -> str:
    """Measure the suite, write its JSON, and say what came out.

    Raises ConfigError without a folder or where the file cannot be written, DatasetRejected for another layout.
    """
    from watchkeeper.errors import ConfigError
    from watchkeeper.evaluation import measures, provenance, suites

    described = suites.metrics_of(suite)
    if described is None or data is None:
        raise ConfigError(f"--data: the suite {suite} needs the folder of the unpacked data set")
    measured = measures.measure(suite, described.dataset, data, at=at, commit=provenance.commit())
    measured.write(file)
    return measured_text(measured, file)


def measured_text(measured: "Measured", saved_at: Path) -> str:
    """The figures as a table of at most 80 columns, each with its 95 % interval."""
    name = " ".join(dict.fromkeys((measured.suite, measured.data)))
    lines = [f"{one_line(name, 60)}: {measured.cases} systems", ""]
    for metric in measured.metrics:
        lines.append(f"{one_line(metric, NAME - 2):<{NAME}}{'value':>8}   {'95 %':<16}{'of':>6}")
        lines += [_row(system, found[metric]) for system, found in measured.by_system.items() if metric in found]
        lines += [_row("mean of the systems", measured.metrics[metric]), ""]
    return "\n".join([*lines, f"{'Run':<6}{saved_at}"])


def _row(name: str, found: "Metric") -> str:
    interval = f"[{found.low:.3f}, {found.high:.3f}]"
    return f"{one_line(name, NAME - 2):<{NAME}}{found.value:>8.3f}   {interval:<16}{found.n:>6}"
