"""The first ten seconds: the sentence, how bad, how sure, whose release, what to do; and what can be said of it."""

from functools import partial

from nicegui.element import Element

from watchkeeper.domain import IncidentState
from watchkeeper.server.pages import style, words
from watchkeeper.server.pages.incident.pieces import button, cite, disclosure, prose, tell_as_is
from watchkeeper.server.pages.incident.view.head import Fact, Head
from watchkeeper.server.pages.incident.visit import Visit
from watchkeeper.server.pages.pieces import badge, box, named, severity_badge, tell

_MOVES: dict[IncidentState, str] = {
    "mitigated": "Mitigated",
    "resolved": "Resolved",
    "closed": "Close",
    "reopened": "Reopen",
}
_RELEASES = {"caused": "wk-p1", "cleared": "wk-good", "unknown": "wk-neutral"}


def draw(visit: Visit) -> None:
    """The opening of the page."""
    head = visit.page.head
    with box(f"wk-lead {_tone(head)}"):
        _badges(head)
        if head.over:
            tell(head.over, "wk-over")
        with named(box("wk-sentence", "h1"), id="sentence"):
            for part in head.sentence:
                tell_as_is(part.text, f"wk-{part.weight}-part")
        _progress(head)
        if head.facts:
            _facts(visit, head.facts)
        _open_question(head)
        _changed(head)
        _more(visit, head)


def _tone(head: Head) -> str:
    if head.over:
        return "wk-neutral"
    return "wk-good" if head.kind == "nothing-wrong" else style.tone(head.severity)


def _badges(head: Head) -> None:
    with box("wk-row wk-badges"):
        if head.kind != "nothing-wrong":
            severity_badge(head.severity)
            tell(head.severity_word, "wk-small", "span")
        badge(head.standing, "wk-good" if head.kind == "nothing-wrong" or head.over else "wk-neutral")
        if head.sure:
            _confidence(head)
        if head.release:
            badge(head.release, _RELEASES[head.release_kind], head.release_reason)
        box("wk-space")
        tell(head.incident_id, "wk-mono wk-muted", "span")


def _confidence(head: Head) -> None:
    with named(box("wk-fact", "span"), title="how sure the diagnosis is"):
        if head.probability is not None:
            with named(box("wk-gauge"), aria_hidden="true"):
                box().style(f"width: {head.probability:.0%}")
        tell(head.sure, "wk-small", "span")


def _facts(visit: Visit, facts: tuple[Fact, ...]) -> None:
    with box("wk-answers", "dl"):
        for fact in facts:
            tell(fact.label, tag="dt")
            with box("wk-do" if fact.label in ("Do", "Fix") else "", "dd") as told:
                tell_as_is(fact.text)
                if fact.evidence:
                    cite(fact.evidence, visit.page.proof.known)
            told.update()


def _progress(head: Head) -> None:
    """A quiet line while it is being looked at; where nobody does and nothing is known yet, that."""
    if head.looking:
        with named(box("wk-progress"), role="progressbar", aria_label="being looked at"):
            box()
        tell(f"{head.looking}. This page changes by itself when there is a diagnosis.", "wk-muted")
    elif head.kind == "waiting" and not head.over:
        tell("It is not being looked at yet. If that stays so for a minute, press “Look again”.", "wk-muted")


def _open_question(head: Head) -> None:
    if not (head.inconclusive_because or head.settling):
        return
    with box("wk-aside"):
        if head.inconclusive_because:
            tell(f"Why it is inconclusive: {head.inconclusive_because}", "wk-strong")
        if head.settling:
            tell("What would decide it", "wk-h3", "h2")
            with box("wk-dots", "ul"):
                for text in head.settling:
                    tell(text, tag="li")


def _changed(head: Head) -> None:
    if head.changed:
        with named(box("wk-aside"), id="changed"):
            tell("Changed since the last diagnosis", "wk-h3", "h2")
            with box("wk-dots", "ul"):
                for text in head.changed:
                    tell(text, tag="li")
    for gap in head.gaps:
        with box("wk-row wk-gap"):
            badge("not seen", "wk-p3", "what the diagnosis could not take into account")
            tell(gap, tag="span")
    for text in head.waits_for:
        with box("wk-row wk-gap"):
            badge("waits for", "wk-p4", "what is not there yet and would make the diagnosis surer")
            tell(text, tag="span")


def _more(visit: Visit, head: Head) -> None:
    if not head.told:
        return

    def fill() -> None:
        with box("wk-stack wk-small wk-muted"):
            if head.severity_reason:
                prose(f"Severity: {head.severity_reason}", visit.page.proof.known)
            if head.release_reason:
                tell(f"Release: {head.release_reason}", tag="p")
            for note in head.notes:
                tell(note[:1].upper() + note[1:], tag="p")

    disclosure(visit, "told", head.told, fill, "wk-small")


def draw_moves(visit: Visit) -> Element:
    """What can be said of the incident now."""
    head = visit.page.head
    with named(box("wk-row wk-moves"), role="group", aria_label="what to do with the incident") as made:
        if not visit.may_operate:
            tell("You may read only: to act takes a token with the scope operate.", "wk-small wk-muted", "span")
            return made
        button("Look again", partial(look_again, visit), key="l", title="diagnose it again, as of now")
        for state in head.moves:
            button(_MOVES[state], partial(_move, visit, state), title=f"say that it is {words.STATES[state]}")
    return made


async def look_again(visit: Visit) -> None:
    """Have it diagnosed again."""
    await visit.act(lambda: visit.duty.look_again(visit.incident_id, visit.caller.name), "It is being looked at again.")


async def _move(visit: Visit, state: IncidentState) -> None:
    done = f"{visit.incident_id} is {words.STATES[state]}."
    await visit.act(lambda: visit.duty.move(visit.incident_id, state, visit.caller.name), done)
