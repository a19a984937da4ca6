"""The options that give a suite's cases less to go by."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watchkeeper.evaluation.lost_calls import Lost
    from watchkeeper.evaluation.problems import Without

Left = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="SOURCE", help="Leave out logs, traces, metrics or topology; may be repeated."),
]
AlertDelay = Annotated[float, typer.Option(metavar="S", min=0, help="How many seconds later the trouble is noticed.")]
Until = Annotated[float | None, typer.Option(metavar="S", min=1, help="Read only what is known S seconds later.")]
MissingEdges = Annotated[
    float | None, typer.Option(metavar="PERCENT", help="Take so much out of the call graph, at random.")
]
Seeds = Annotated[int | None, typer.Option(metavar="N", min=1, help="Draws of that for each case (20).")]


def sources_left(named: list[str]) -> "Without":
    """What is to be left out; raises typer.BadParameter."""
    from watchkeeper.evaluation.problems import SOURCES

    words = [word.strip() for text in named for word in text.split(",")]
    unknown = [word for word in words if word not in SOURCES]
    if unknown:
        raise typer.BadParameter(f"expected {', '.join(SOURCES)}, not {unknown[0]!r}", param_hint="--without")
    return frozenset(source for source in SOURCES if source in words)


def calls_lost(percent: float | None, seeds: int | None) -> "Lost | None":
    """How much of the call graph is to be taken out, and how often; raises typer.BadParameter, ConfigError."""
    from watchkeeper.evaluation.lost_calls import SEEDS, Lost

    if percent is None:
        if seeds is not None:
            raise typer.BadParameter("is for --missing-edges, expected none without it", param_hint="--seeds")
        return None
    return Lost(percent, seeds or SEEDS)
