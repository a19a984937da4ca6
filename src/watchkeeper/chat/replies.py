"""What is answered: sentences whose every number has a source, the case, what cannot be known, what is asked back."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Self

from pydantic import Field

from watchkeeper.chat.intents import Intent
from watchkeeper.domain import Evidence, EvidenceId, Figure, IncidentId, Noun
from watchkeeper.evidence.prose import without


class Said(Noun):
    """One sentence, and where each of its numbers, times and quotations comes from."""

    text: str = Field(min_length=1)
    figures: tuple[Figure, ...] = ()
    """A figure without evidence is a field of the question, of the case, or a text that is quoted."""
    evidence: tuple[EvidenceId, ...] = ()
    """What it rests on."""

    @property
    def marked(self) -> str:
        """The sentence with the marks of its evidence, `… 531 ms [e12]`."""
        marks = [mark for each in self.evidence if (mark := f"[{each}]") not in self.text]
        return f"{self.text} {' '.join(marks)}" if marks else self.text

    def cleaned(self, clean: Callable[[str], str]) -> Self:
        """The same without what must not leave."""
        figures = tuple(
            figure.model_copy(update={"text": clean(figure.text), "selector": clean(figure.selector)})
            for figure in self.figures
        )
        return self.model_copy(update={"text": clean(self.text), "figures": figures})


class Reply(Noun):
    """The answer to one question."""

    taken_as: Said
    """What the question was taken for, with the times that were understood."""
    sentences: tuple[Said, ...] = ()
    intent: Intent
    case_id: IncidentId | None = None
    """The case that was made for the answer, or that it was taken from."""
    draft: str | None = None
    """A draft in Markdown, where one was asked for."""
    steps: tuple[Said, ...] = ()
    """What to check or do next, first things first."""
    shown: EvidenceId | None = None
    """The piece of `evidence` that was asked to be shown in full."""
    asks_back: Said | None = None
    """What must be known first."""
    cannot: tuple[Said, ...] = ()
    """What was asked and cannot be known, and why."""
    notes: tuple[Said, ...] = ()
    """What a reader must know to read it right."""
    evidence: tuple[Evidence, ...] = ()
    """Every piece of evidence that is cited."""
    engine: Literal["rules", "model"] = "rules"
    """Who told it; the evidence is the same in both cases."""

    @property
    def is_answered(self) -> bool:
        """Whether it neither asks back nor has to say that something cannot be known."""
        return self.asks_back is None and not self.cannot

    def everything(self) -> Iterator[Said]:
        """Every sentence in it."""
        back = () if self.asks_back is None else (self.asks_back,)
        yield from (self.taken_as, *self.sentences, *self.steps, *self.cannot, *back, *self.notes)

    def cleaned(self, clean: Callable[[str], str]) -> Self:
        """The same without what must not leave; names, ids and queries stay."""

        def each(said: Iterable[Said]) -> tuple[Said, ...]:
            return tuple(one.cleaned(clean) for one in said)

        changed = {name: each(getattr(self, name)) for name in ("sentences", "steps", "cannot", "notes")}
        back = None if self.asks_back is None else self.asks_back.cleaned(clean)
        draft = None if self.draft is None else clean(self.draft)
        told = {"taken_as": self.taken_as.cleaned(clean), "asks_back": back, "draft": draft}
        evidence = tuple(_cleaned(entry, clean) for entry in self.evidence)
        return self.model_copy(update={**changed, **told, "evidence": evidence})


def _cleaned(entry: Evidence, clean: Callable[[str], str]) -> Evidence:
    values = tuple(
        tuple(clean(value) if isinstance(value, str) else value for value in row) for row in entry.rows.values
    )
    failure = None if entry.failure is None else clean(entry.failure)
    rows = entry.rows.model_copy(update={"values": values})
    return entry.model_copy(update={"rows": rows, "question": clean(entry.question), "failure": failure})


def quoted_from(text: str, figures: Iterable[Figure], *evidence: EvidenceId | None) -> Said:
    """A sentence of a case with those of the case's figures that stand in it."""
    rest, found = text, []
    for figure in sorted(figures, key=lambda f: len(f.text), reverse=True):
        shorter = without(rest, figure.text)
        if shorter != rest:
            rest = shorter
            found.append(figure)
    found.sort(key=lambda f: text.find(f.text))
    cited = dict.fromkeys(e for e in (*(f.evidence for f in found), *evidence) if e)
    return Said(text=text, figures=tuple(found), evidence=tuple(cited))


def quotation(text: str, of: str) -> Said:
    """A text of somebody else's, taken over as a whole: `of` says what it is."""
    return Said(text=text, figures=(Figure(text=text, evidence=None, selector=of),))
