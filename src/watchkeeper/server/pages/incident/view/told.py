"""A sentence of an answer in stretches: words, figures with where they come from, and marks of evidence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from watchkeeper.chat.replies import Said
from watchkeeper.domain import Figure
from watchkeeper.server.pages.incident.view import phrases

LONGEST = 4000
_MARK = re.compile(r"\[(e\d{1,9})\]")


@dataclass(frozen=True)
class Stretch:
    """Words; `source` says where a figure comes from, `cites` names evidence instead of words."""

    text: str = ""
    source: str = ""
    cites: str = ""


def stretches_of(said: Said) -> tuple[Stretch, ...]:
    """The sentence with the marks of its evidence, in order; put together it is the sentence."""
    text = phrases.line(said.marked, LONGEST)
    found: list[Stretch] = []
    for place, part in enumerate(_MARK.split(text)):
        if place % 2:
            found.append(Stretch(cites=part))
        elif part:
            found += _figures(part, said.figures)
    return tuple(found)


def _figures(text: str, figures: tuple[Figure, ...]) -> Iterator[Stretch]:
    known = {phrases.line(figure.text, LONGEST): figure for figure in figures}
    # Quotations of a whole sentence are no figures in it.
    names = sorted((name for name in known if name and name != text.strip()), key=len, reverse=True)
    if not names:
        yield Stretch(text)
        return
    for place, part in enumerate(re.split(f"({'|'.join(map(re.escape, names))})", text)):
        if part:
            yield Stretch(part, _source(known[part]) if place % 2 else "")


def _source(figure: Figure) -> str:
    where = f"{figure.evidence}: " if figure.evidence else ""
    return phrases.line(f"{where}{figure.selector}{f' ({figure.unit})' if figure.unit else ''}", 300)
