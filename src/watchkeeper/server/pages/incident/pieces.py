"""Pieces of this page alone: buttons, disclosures that stay open, text to copy, marks that point at evidence."""

import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from watchkeeper.drafts.escaping import plain_block
from watchkeeper.server.pages.incident.visit import Visit
from watchkeeper.server.pages.pieces import box, named, tell

Do = Callable[[], Awaitable[object]] | Callable[[], object]
CODE = 40_000
_MARK = re.compile(r"\[(e\d{1,9})\]")
_COPY = """() => {{
  const text = document.getElementById("c{id}").textContent;
  const done = () => {{ const b = document.getElementById("c{button}"); b.dataset.copied = ""; }};
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => {{}});
  else {{
    const range = document.createRange();
    range.selectNodeContents(document.getElementById("c{id}"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }}
}}"""


def button(
    text: str, do: Do, *, css: str = "", key: str = "", off: str = "", title: str = "", describes: str = ""
) -> TextElement:
    """A button; `off` says why it cannot be pressed now, `key` presses it too, `describes` is for screen readers."""
    made = tell(text, f"wk-button {css}".strip(), "button")
    named(made, type="button")
    if key and not off:
        named(made, data_wk_key=key)
        with made:
            named(tell(key, "wk-key wk-button-key", "kbd"), aria_hidden="true")
    if title or off:
        named(made, title=off or title)
    if describes:
        named(made, aria_label=describes)
    if off:
        made.props["disabled"] = True
    made.on("click", called(do), [])
    return made


def called(do: Do) -> Callable[[GenericEventArguments], Awaitable[None]]:
    """The handler of an event whose arguments do not matter."""

    async def call(_: GenericEventArguments) -> None:
        result = do()
        # Not whatever can be awaited: a dialog can, and would open again.
        if isinstance(result, Coroutine):
            await result

    return call


def disclosure(visit: Visit, name: str, summary: str, fill: Callable[[], object], css: str = "") -> Element:
    """More about something, made when it is opened first; open ones stay open when they are drawn anew."""
    with box(f"wk-more-of {css}".strip(), "details") as made:
        tell(summary, "wk-summary", "summary")
        inside = box("wk-inside")
    unfold(visit, made, inside, name, fill)
    return made


def unfold(visit: Visit, details: Element, inside: Element, name: str, fill: Callable[[], object]) -> None:
    """Fill what a disclosure holds once it is open, and remember that it is."""

    def fill_once() -> None:
        if not inside.default_slot.children:
            with inside:
                fill()

    def toggled(event: GenericEventArguments) -> None:
        if event.args is True:
            visit.opened.add(name)
            fill_once()
        else:
            visit.opened.discard(name)

    details.on("toggle", toggled, js_handler="(event) => emit(event.target.open)")
    if name in visit.opened:
        details.props["open"] = True
        fill_once()


def block(text: str, css: str = "", tag: str = "pre", limit: int = CODE) -> TextElement:
    """Text of several lines, as text."""
    made = TextElement(tag=tag, text=plain_block(text, limit))
    return made.classes(f"wk-block {css}".strip())


def copyable(text: str, name: str) -> Element:
    """Text to copy as it stands, such as a command or a query."""
    with box("wk-copyable") as made:
        shown = named(block(text, "wk-mono"), tabindex="0", aria_label=name)
        copy = named(box("wk-copy", "button"), type="button", title=f"copy {name}", aria_label=f"copy {name}")
        copy.on("click", js_handler=_COPY.format(id=shown.id, button=copy.id))
    return made


def cite(number: str, known: Iterable[str]) -> Element:
    """A mark that leads to evidence; where this page has no such piece, only its number."""
    if number not in known or not re.fullmatch(r"e\d{1,9}", number):
        return tell(number, "wk-cite", "span")
    made = tell(number, "wk-cite wk-cite-link", "a")
    made.props["href"] = f"#{number}"
    return made


def prose(text: str, known: Iterable[str], css: str = "", tag: str = "p") -> Element:
    """A sentence in which `[e12]` leads to that evidence."""
    with box(css, tag) as made:
        for place, part in enumerate(_MARK.split(text)):
            if place % 2:
                cite(part, known)
            elif part:
                tell_as_is(part)
    return made


def tell_as_is(part: str, css: str = "") -> TextElement:
    """A stretch of a sentence that was cleaned already: the blanks at its ends stay."""
    made = TextElement(tag="span", text=part)
    return made.classes(css) if css else made


def outward(text: str, address: str) -> TextElement:
    """A link out of these pages; `address` was checked to be a plain web address."""
    made = tell(text, "wk-link", "a")
    made.props.update({"href": address, "target": "_blank", "rel": "noopener noreferrer nofollow"})
    return made


def gone(element: Element) -> bool:
    """Whether it is not on any page any more, such as after its reader has left."""
    with suppress(Exception):
        return element.is_deleted or element.client.id not in type(element.client).instances
    return True
