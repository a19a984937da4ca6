"""A server with one small NiceGUI page of each trade, as a process of its own: NiceGUI holds one application a process.

`python -m tiny_pages TOKEN` (with `tests` on the path) listens on a free port, says where on stderr, and ends when its
stdin does.
"""

import sys

from fastapi import FastAPI, Request
from nicegui import ui

from made_access import NoTelemetry
from watchkeeper.server.access_gates import gate_for
from watchkeeper.server.app import Wiring
from watchkeeper.server.running import running

MARKUP = '<img src=x onerror="window.planted = 1">'
PLANTED = f"<script>window.planted = 2</script>{MARKUP}"


def install(app: FastAPI) -> None:
    @ui.page("/")
    def now(request: Request) -> None:
        caller = request.state.caller.name
        said = ui.label("nothing yet").props("id=said")
        ui.button("Act", on_click=lambda: said.set_text(f"done by {caller}")).props("id=act")
        ui.input("Write", on_change=lambda event: said.set_text(f"typed {event.value}")).props("id=write")
        ui.echart({"xAxis": {"type": "category"}, "yAxis": {}, "series": [{"type": "line", "data": [1, 2]}]})
        ui.mermaid("graph LR; a-->b")
        ui.table(rows=[{"a": "1"}], columns=[{"name": "a", "label": "A", "field": "a"}])
        ui.label(PLANTED)
        ui.timer(0.2, lambda: beat.set_text("beats"), once=True)
        beat = ui.label("").props("id=beat")

    @ui.page("/incidents/{incident_id}")
    def incident(incident_id: str) -> None:
        ui.label(incident_id).props("id=which")

    @ui.page("/accuracy")
    def unsafe() -> None:
        # What no page of ours does: markup from outside as markup.
        ui.html(MARKUP, sanitize=False)
        ui.label("there").props("id=there")

    ui.run_with(app, tailwind=False, show_welcome_message=False)


def main(token: str) -> None:
    """Serve until stdin ends."""
    with running(Wiring(store=NoTelemetry(), gate=gate_for(token), pages=install)) as url:
        sys.stderr.write(f"{url}\n")
        sys.stderr.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
