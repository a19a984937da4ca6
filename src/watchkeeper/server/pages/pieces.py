"""Pieces that all pages are built of: text that is only ever text, headings, cards, badges, times, empty states."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from watchkeeper.domain import Severity
from watchkeeper.server.pages import style, words


def tell(text: str, css: str = "", tag: str = "div", limit: int = words.SENTENCE) -> TextElement:
    """Text from anywhere, as text: cleaned, bounded, and never anything but the content of that element."""
    element = TextElement(tag=tag, text=words.clean(text, limit))
    return element.classes(css) if css else element


def box(css: str = "", tag: str = "div") -> Element:
    """An element to put others into, of that class and tag."""
    element = ui.element(tag)
    return element.classes(css) if css else element


def named(element: Element, **attributes: str) -> Element:
    """The element with attributes whose values may be untrusted text; `_` in a name is written as `-`.

    Never use `.props("…")` for those: it reads its argument as markup.
    """
    for name, value in attributes.items():
        element.props[name.replace("_", "-")] = words.clean(value)
    element.update()
    return element


def heading(text: str, level: int = 2, css: str = "") -> TextElement:
    """A heading of that level."""
    return tell(text, css or f"wk-h{level}", f"h{level}")


def section(title: str, stable_id: str) -> Element:
    """A part of the page under its own heading and address, to put others into."""
    part = named(box("wk-section", "section"), id=stable_id, aria_label=title)
    with part:
        heading(title)
    return part


def card(severity: Severity | None = None, css: str = "") -> Element:
    """A card; with a severity it has that colour at its edge."""
    return box(f"wk-card {f'wk-edge {style.tone(severity)}' if severity else ''} {css}".strip())


def badge(text: str, tone: str = "wk-neutral", title: str = "") -> TextElement:
    """A word or two on a coloured ground: `wk-p1` to `wk-p4`, `wk-good`, `wk-neutral`."""
    made = tell(text, f"wk-badge {tone}", "span", words.NAME)
    if title:
        named(made, title=title)
    return made


def severity_badge(severity: Severity | None) -> TextElement:
    """`P1` in its colour; where none is judged yet, that."""
    if severity is None:
        return badge("P?", title="its severity is not judged yet")
    return badge(severity, style.tone(severity), title=f"severity {severity}")


class _Ago(TextElement):
    """A time as it is said relative to now; `tick` says it anew."""

    def __init__(self, at: datetime, lead: str) -> None:
        super().__init__(tag="time", text="")
        self._at, self._lead = at, lead
        self.classes("wk-time")
        named(self, datetime=at.astimezone(UTC).isoformat(), title=words.moment(at))
        self.tick(datetime.now(UTC))

    def tick(self, now: datetime) -> None:
        """Say it as of now; nothing is sent where that is the same words."""
        text = f"{self._lead}{words.ago(self._at, now)}"
        if text != self.text:
            self.set_text(text)


def since(at: datetime, lead: str = "") -> TextElement:
    """`4 min ago`, kept true while the page is open (`shell.live`); the time itself is in its title."""
    return _Ago(at, lead)


def tick(now: datetime) -> None:
    """Say every relative time of this page anew."""
    for element in list(ui.context.client.elements.values()):
        if isinstance(element, _Ago):
            element.tick(now)


def link(text: str, target: str, css: str = "wk-link") -> TextElement:
    """A link within these pages; `target` is an address of ours, never text from outside."""
    made = tell(text, css, "a")
    made.props["href"] = target
    return made


def empty(title: str, advice: Iterable[str] = (), commands: Iterable[str] = ()) -> Element:
    """What is shown where there is nothing: that, and what to do next."""
    made = box("wk-empty")
    with made:
        tell(title, "wk-empty-title")
        for sentence in advice:
            tell(sentence, "wk-muted")
        for command in commands:
            tell(command, "wk-command", "code")
    return made


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], css: str = "") -> Element:
    """A table of text, its caption for screen readers; it scrolls in itself where the page is narrow."""
    around = named(box(f"wk-table {css}".strip()), role="region", aria_label=caption, tabindex="0")
    with around, box(tag="table"):
        tell(caption, "wk-unseen", "caption")
        with box(tag="thead"), box(tag="tr"):
            for column in columns:
                named(tell(column, tag="th"), scope="col")
        with box(tag="tbody"):
            for row in rows:
                with box(tag="tr"):
                    for number, cell in enumerate(row):
                        made = tell(cell, tag="td" if number else "th")
                        if number == 0:
                            named(made, scope="row")
    return around
