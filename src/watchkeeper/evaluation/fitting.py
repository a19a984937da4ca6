"""`make weights`: fit the one ranking's weights anew, from the recordings of this repository alone.

`python -m watchkeeper.evaluation.fitting` rebuilds `evals/features/fusion.csv` from the recordings (some minutes) and
`diagnosis/weights.json` from that; with `--weights-only` the second alone (a second). Both come out byte for byte.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from watchkeeper import library
from watchkeeper.diagnosis.fusion import WEIGHTS_FILE
from watchkeeper.evaluation import fitting_cases as gathered
from watchkeeper.evaluation.fitting_cases import Say, Weighed
from watchkeeper.evaluation.fitting_weights import Floats, Table, fitted, probabilities, read_table, weights_text

FEATURES_FILE = library.HOME / "evals" / "features" / "fusion.csv"
RECORDINGS = (library.HOME / "evals" / "incidents", library.HOME / "evals" / "investigations")
SURE = 0.9


def quiet_folders() -> list[Path]:
    """The recordings in which nothing is wrong, those with the smaller numbers first."""
    return sorted(RECORDINGS[0].glob("nothing-*"), key=lambda folder: (len(folder.name), folder.name))


def drill_folders() -> list[Path]:
    """All recorded drills."""
    return [folder for root in RECORDINGS for folder in sorted(root.iterdir()) if folder.is_dir()]


def all_cases(say: Say) -> Iterator[Weighed]:
    """Everything that weights are fitted on, in a fixed order."""
    yield from gathered.of_drills(drill_folders(), say)
    for seed, folder in enumerate(quiet_folders(), 1):
        yield from gathered.of_injected(folder, gathered.SPANS_A_RECORDING, seed, say)
        yield from gathered.of_visits(folder, gathered.VISITS_A_RECORDING, seed, say)
        yield from gathered.of_periods(folder, gathered.PERIODS_A_RECORDING, seed, say)


def rebuilt(features: Path = FEATURES_FILE) -> str:
    """The text of the weights' file as the table of features gives it."""
    return weights_text(fitted(read_table(features)))


def main(arguments: Sequence[str]) -> int:
    """Rebuild the files, and print how well the weights do on cases that they were not fitted on."""
    parser = argparse.ArgumentParser(prog="python -m watchkeeper.evaluation.fitting", description=__doc__)
    parser.add_argument("--weights-only", action="store_true", help="from the table of features that is there")
    asked = parser.parse_args(arguments)
    if not asked.weights_only:
        gathered.write_features(list(all_cases(_to_stderr)), FEATURES_FILE)
    WEIGHTS_FILE.write_text(rebuilt(), encoding="utf-8")
    table = read_table(FEATURES_FILE)
    for by in ("system", "kind"):
        sys.stdout.write("\n".join(held_out(table, by)) + "\n")
    return 0


def held_out(table: Table, by: str) -> Iterator[str]:
    """Lines of figures: each group of cases with weights that were fitted on all the others."""
    names = np.array(table.groups[by], dtype=object)
    yield f"left out by {by:<22}cases  top1   >.9  right  Brier  base"
    for name in sorted(set(names)):
        chosen = names == name
        weights = fitted(table.of(~chosen)) if not chosen.all() else fitted(table)
        yield f"  {name:<32}{figures(weights, table.of(chosen))}"


def figures(weights: Floats, table: Table) -> str:
    """How many cases, share right, share stated with more than .9, of these right, Brier score and the base rate's."""
    p = probabilities(weights, table)
    size = table.weights.size
    order = np.lexsort((-p, table.case))
    first = order[np.searchsorted(table.case, np.arange(size))]
    hit, sure = table.is_true[first], p[first] > SURE
    brier = float(((p - table.is_true) ** 2).sum() / size)
    even = 1.0 / np.bincount(table.case)[table.case]
    base = float(((even - table.is_true) ** 2).sum() / size)
    right = f"{hit[sure].mean():5.2f}" if sure.any() else "    –"
    return f"{size:5d} {hit.mean():5.2f} {sure.mean():5.2f}  {right}  {brier:5.3f} {base:5.3f}"


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
