"""The graphs of requests near the top: asked for after the page is there, and kept true without making it wait."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import structlog
from nicegui import ui

from watchkeeper.errors import WatchkeeperError
from watchkeeper.server.duty import Course as Asked
from watchkeeper.server.pages.incident.charts import graph_options, spoken
from watchkeeper.server.pages.incident.pieces import gone
from watchkeeper.server.pages.incident.view.graphs import Graphs, graphs_of
from watchkeeper.server.pages.incident.visit import Visit
from watchkeeper.server.pages.pieces import box, heading, named, tell

EVERY_SECONDS, SOON_SECONDS = 10.0, 0.1
THREADS = 2
_log = structlog.get_logger()


class Pictures:
    """The graphs of one open page."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._asked: tuple[Asked, ...] = ()
        self._said: Graphs | None = None
        self._drawn: list[ui.echart] = []
        self._into = named(box("wk-section wk-graphs", "section"), id="graphs", aria_label="how requests went")
        self._into.set_visibility(False)
        with box("wk-block-of") as self._timers:
            ui.timer(EVERY_SECONDS, self.look)

    async def look(self) -> None:
        """Ask how requests went, and show it; what cannot be asked stays as it was."""
        if self._said is not None and self._visit.page.head.over:
            return
        loop = asyncio.get_running_loop()
        try:
            self._asked = await loop.run_in_executor(_threads(), self._visit.duty.course, self._visit.incident_id)
        except WatchkeeperError:
            return
        except Exception:  # noqa: BLE001  the page is worth something without them; the log has the trace
            _log.exception("the graphs of an incident could not be made", incident=self._visit.incident_id)
            return
        if not gone(self._into):
            self.redraw()

    def renew(self) -> None:
        """Draw the marks of now at once, and soon the services of now: a diagnosis may name others."""
        self.redraw()
        with self._timers:
            ui.timer(SOON_SECONDS, self.look, once=True)

    def redraw(self) -> None:
        """Show what is known, with the marks of now."""
        graphs = graphs_of(self._asked, self._visit.page.marks)
        if graphs == self._said:
            return
        before, self._said = self._said, graphs
        self._into.set_visibility(bool(graphs.charts))
        if before is not None and _frame(before) == _frame(graphs):
            for made, chart in zip(self._drawn, graphs.charts, strict=True):
                made.options.clear()
                made.options.update(graph_options(chart, graphs.first, graphs.last))
                made.update()
            return
        self._into.clear()
        with self._into:
            self._drawn = _draw(graphs)


def _frame(graphs: Graphs) -> object:
    """What is drawn around the lines: while it stays, only they are drawn anew."""
    return graphs.lines, graphs.marks, tuple(chart.measure for chart in graphs.charts)


def _draw(graphs: Graphs) -> list[ui.echart]:
    heading("How requests went")
    with box("wk-row wk-small wk-legend"):
        for place, (name, role) in enumerate(graphs.lines):
            with box("wk-fact", "span"):
                box(f"wk-swatch wk-line-{place}", "span")
                tell(name, tag="span")
                tell(role, "wk-muted", "span")
        for place, text in enumerate(graphs.marks):
            is_onset = graphs.has_onset and place == len(graphs.marks) - 1
            with box("wk-fact", "span"):
                tell("┆", "wk-onset-mark" if is_onset else "wk-muted", "span")
                tell(text, "wk-muted", "span")
    made = []
    with box("wk-graphs-row"):
        for chart in graphs.charts:
            with named(box("wk-figure-box", "figure"), role="img", aria_label=spoken(chart)):
                tell(f"{chart.measure}{f', {chart.unit}' if chart.unit else ''}", "wk-small wk-muted", "figcaption")
                options = graph_options(chart, graphs.first, graphs.last)
                made.append(ui.echart(options, renderer="svg").classes("wk-chart wk-evidence-chart wk-graph"))
    return made


@cache
def _threads() -> ThreadPoolExecutor:
    """Of their own: a slow source of telemetry keeps no page from being read."""
    return ThreadPoolExecutor(THREADS, "watchkeeper-graphs")
