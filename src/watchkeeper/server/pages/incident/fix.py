"""What to do: the runbook's steps, the request that shows the trouble."""

import re

from watchkeeper.server.pages.incident.pieces import block, cite, copyable, tell_as_is
from watchkeeper.server.pages.incident.visit import Visit
from watchkeeper.server.pages.pieces import box, section, tell

_CODE = re.compile(r"`([^`\n]{3,400})`")


def draw(visit: Visit) -> None:
    """Steps and reproduction; the suggested fix itself stands at the top of the page."""
    fix = visit.page.fix
    if not (fix.steps or fix.reproduction):
        return
    with section("What to do", "fix"), box("wk-stack"):
        if fix.steps:
            tell("Steps of the runbook", "wk-h3", "h3")
            with box("wk-steps", "ol"):
                for step in fix.steps:
                    _step(step)
        if fix.reproduction:
            with box("wk-row"):
                tell("A request that shows it, from trace", "wk-h3", "h3")
                tell(fix.trace, "wk-mono wk-muted", "span")
                cite(fix.evidence, visit.page.proof.known)
            copyable(fix.reproduction, "the request")


def _step(step: str) -> None:
    """A step as text; a command in it can be copied."""
    with box(tag="li"):
        if "\n" in step.strip():
            block(step, "wk-step", "div")
            return
        for place, part in enumerate(_CODE.split(step)):
            if place % 2 and " " in part:
                copyable(part, "the command")
            elif part.strip(" .,;:") or place == 0:
                tell_as_is(part, "wk-mono wk-inline" if place % 2 else "")
