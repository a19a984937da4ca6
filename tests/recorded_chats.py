"""Chats over the recorded drills, each recording diagnosed once for all questions about it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import pytest

from watchkeeper import library, pipeline, settings
from watchkeeper.assembly import case, latest
from watchkeeper.assembly.chat import Chat
from watchkeeper.chat.answering import Turn
from watchkeeper.chat.conversation import Conversation
from watchkeeper.chat.replies import Reply, Said
from watchkeeper.diagnosis.verify import NAMING
from watchkeeper.domain import Evidence, Figure
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.prose import bare_digits, say_again, without
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.telemetry.store import Store

RECORDINGS = sorted(path.parent for path in (library.HOME / "evals" / "incidents").glob("*/telemetry"))


class Growing(Recheck):
    """Evidence asked again, to which more is added as it is gathered."""

    def add(self, evidence: Iterable[Evidence]) -> None:
        """Take up what is not known yet."""
        self._entries = {**{entry.id: entry for entry in evidence}, **self._entries}


@dataclass(frozen=True)
class Recorded:
    """One recording, and a chat about it in a home of its own."""

    folder: Path
    home: Path
    asked: dict[tuple[str, ...], str] = field(default_factory=dict)
    """What figures of evidence read like when they were asked again."""

    @cached_property
    def sources(self) -> Store:
        """The recording."""
        return open_recording(self.folder / "telemetry")

    @cached_property
    def now(self) -> datetime:
        """Its end."""
        return latest(self.sources)

    @cached_property
    def chat(self) -> Chat:
        """What answers."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WATCHKEEPER_HOME", str(self.home))
            return Chat(settings.load(None), self.sources, is_recording=True)

    @cached_property
    def diagnosed(self) -> Turn:
        """The first question, for which a case is made."""
        return self.ask("what is wrong?", Conversation())

    def ask(self, question: str, conversation: Conversation | None = None) -> Turn:
        """One answer, in the conversation about the case unless another one is given."""
        return self.chat.answer(question, self.diagnosed.conversation if conversation is None else conversation)

    @cached_property
    def checks(self) -> dict[str, "Growing"]:
        """By case, its evidence asked again: each question once for all answers."""
        return {}

    def evidence_of(self, reply: Reply) -> tuple[Evidence, ...]:
        """All evidence that an answer may be computed from: its own, and that of its case."""
        kept = case(self.chat.settings, reply.case_id).evidence if reply.case_id is not None else ()
        return tuple({entry.id: entry for entry in (*kept, *reply.evidence)}.values())

    def faults(self, reply: Reply) -> list[str]:
        """Numbers without a source, figures that read otherwise when asked again, marks that point nowhere."""
        known = self.evidence_of(reply)
        fresh = Growing((), self.sources, pipeline.READINGS)
        again = fresh if reply.case_id is None else self.checks.setdefault(reply.case_id, fresh)
        again.add(known)
        shown = {entry.id for entry in reply.evidence}
        names = {name for entry in known for name in _names(entry)}
        names |= {reply.case_id or "", reply.intent.typed or "", *reply.intent.candidates}
        return [fault for said in reply.everything() for fault in _faults(said, again, names, shown, self.asked)]


def _faults(
    said: Said, again: Recheck, names: Collection[str], shown: Collection[str], asked: dict[tuple[str, ...], str]
) -> Iterator[str]:
    text = said.text
    for figure in sorted(said.figures, key=lambda f: len(f.text), reverse=True):
        text = without(text, figure.text)
        if figure.evidence is not None and (told := _again(figure, again, asked)) != figure.text:
            yield f"{figure.text!r} ({figure.evidence}: {figure.selector}) is {told!r} when asked again"
    if (found := bare_digits(text, names)) is not None:
        yield f"the number in {found!r} of {said.text!r} has no source"
    yield from (f"{number} is cited and not in the reply" for number in said.evidence if number not in shown)


def _names(entry: Evidence) -> Iterator[str]:
    """Names of services, operations, versions and changes: digits in them are no figures."""
    places = [place for place, column in enumerate(entry.rows.columns) if column in NAMING]
    yield from (row[place] for row in entry.rows.values for place in places if isinstance(row[place], str))


def _again(figure: Figure, again: Recheck, asked: dict[tuple[str, ...], str]) -> str:
    """What it reads like when asked again; a figure of the same evidence is asked again once."""
    entry = again.entry(figure.evidence or "")
    key = (entry.model_dump_json(), figure.selector, figure.unit)
    if key not in asked:
        try:
            asked[key] = say_again(figure, again)
        except (QueryRejected, SourceUnavailable) as error:
            asked[key] = str(error)
    return asked[key]
