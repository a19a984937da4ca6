"""A drill in front of the running server: it watches, diagnoses and shows; here its answer is put beside the truth."""

import textwrap
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from watchkeeper.domain import CaseFile
    from watchkeeper.evaluation.live_drills import Noticed
    from watchkeeper.lab.drills import Drill
    from watchkeeper.lab.truth import Truth
    from watchkeeper.settings import Settings

Play = Callable[["Drill", str, dict[str, str], Callable[[str], None]], "Truth"]
"""Breaks a shop whose telemetry goes to that address with those headers, says how it goes; what really happened."""
LISTED = 100
"""How many of the latest cases are looked through."""
WIDTH, LABEL = 80, 10


def run_before_server(chosen: "Settings", url: str, drill: "Drill", play: Play) -> None:
    """Play a drill whose telemetry the server at that address sees, and print what it noticed beside the truth.

    Exits 3 where the first incident is inconclusive, or was not diagnosed in time.
    """
    from watchkeeper.assembly import access
    from watchkeeper.cli.diagnose import INCONCLUSIVE
    from watchkeeper.cli.screen import say
    from watchkeeper.evaluation import live_drills

    headers = access.headers_for(chosen, url)
    live_drills.require_access(url, headers)
    for line in announcement(url, chosen.token_path, drill.minutes):
        say(line)
    truth = play(drill, url, headers, say)
    say("The shop is closed. Looking at what the server keeps of it.")
    found = live_drills.await_noticed(lambda: _kept_since(chosen, truth.begins), truth)
    typer.echo("\n".join(report(truth, found, url)))
    status = found[0].diagnosis.status if found and found[0].diagnosis else None
    if found and status in (None, "inconclusive"):
        raise typer.Exit(INCONCLUSIVE)


def announcement(url: str, token: Path, minutes: float) -> Iterator[str]:
    """What to open while the drill goes on, and what is to be seen there when."""
    yield f"A watchkeeper runs at {url}: the shop reports to it, and it does the rest."
    yield f"Open {url}/ in a browser; the token to sign in with is in {token}."
    yield f"About {0.55 * minutes:.1f} minutes from now something breaks, if it does; its incident appears by itself."


def report(truth: "Truth", found: "list[Noticed]", url: str) -> Iterator[str]:
    """Lines of at most 80 columns: the truth, and each incident with when it was noticed and what was said of it."""
    from watchkeeper.cli.show import clock

    began = f" since {clock(truth.symptom_onset)}" if truth.symptom_onset else ""
    yield _labelled("Truth", f"{truth.kind}{f' of {truth.service}' if truth.service else ''}{began}")
    if not found:
        yield _labelled("Noticed", "nothing")
    for each in found:
        yield _labelled("Noticed", f"{clock(each.signal.at)}{_delay(each.delay_seconds(truth))}: {each.signal.text}")
        said = each.diagnosis.headline if each.diagnosis else "not diagnosed yet"
        yield _labelled("Diagnosed", f"{each.case.incident.id}: {said}")
        yield f"{'':<{LABEL}}{url}/incidents/{each.case.incident.id}"


def _kept_since(chosen: "Settings", began: datetime) -> "list[CaseFile]":
    from watchkeeper import assembly

    with assembly.open_records(chosen) as records:
        return [records.case(each.incident_id) for each in records.cases(LISTED) if each.updated_at >= began]


def _delay(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f", {seconds:.0f} s later" if seconds >= 0 else f", {-seconds:.0f} s before it could be felt"


def _labelled(label: str, text: str) -> str:
    from watchkeeper.cli.screen import one_line

    told = f"{label:<{LABEL}}{one_line(text, 400)}"
    return textwrap.fill(told, WIDTH, subsequent_indent=" " * LABEL, break_on_hyphens=False)
