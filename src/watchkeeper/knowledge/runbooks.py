"""Runbook, Section, Step, Hit and Problem: what was read, what applies, what was found, what could not be read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from watchkeeper.domain import FaultKind, Noun
from watchkeeper.knowledge.filling import StepText, applying
from watchkeeper.knowledge.texts import quoted

Role = Literal["seen", "diagnosis", "mitigation", "stop", "verify", "other"]
"""What a section is for, told by its heading; `seen` is what stands before the first check or fix."""


class Step(Noun):
    """One step that applies, with the incident's values in it."""

    section: str
    text: str
    """Unknown or unfit values stand as `<service>`."""
    commands: tuple[str, ...] = ()
    """Lines of its blocks of code: to be read and typed by a person, never run by anything here."""
    missing: tuple[str, ...] = ()
    """The names of the values that are not known, or not fit to stand where they would."""


class Section(Noun):
    """One heading of a runbook and what stands below it."""

    heading: str
    """With the headings above it: `Mitigation › Roll back`."""
    role: Role
    text: str
    """As it was written, for showing."""
    prose: str
    """Without its blocks of code."""
    code: str = ""
    """The lines of its blocks of code."""
    steps: tuple[StepText, ...] = ()
    """Its list items, placeholders and conditions still in them; none where the section is not one to act by."""


class Runbook(Noun):
    """One file of Markdown; every text of it is cleaned, bounded, and was written by others."""

    name: str
    """Its path inside its folder, without `.md`: a later folder's file of the same name takes its place."""
    title: str
    path: Path
    content_hash: str
    applies_to: tuple[FaultKind, ...] = ()
    """The kinds of fault that it is for, and no other; empty where it does not say."""
    services: tuple[str, ...] = ()
    """The services that it is for, and no other; empty for all."""
    keywords: tuple[str, ...] = ()
    """Symptoms and words by which it should be found."""
    sections: tuple[Section, ...] = Field(min_length=1)

    def steps(self, values: Mapping[str, str]) -> tuple[Step, ...]:
        """The steps that apply where these values are known, filled with them.

        Names of values are those of `filling.NAMES`; others are ignored. Values are untrusted: a plain name stands as
        it is, anything else is quoted in prose and refused in code.
        """
        return tuple(
            Step(section=section.heading, text=filled.text, commands=filled.commands, missing=filled.missing)
            for section in self.sections
            for filled in applying(section.steps, values)
        )


class Hit(Noun):
    """A runbook that fits what was asked, and the section of it that fits best."""

    runbook: Runbook
    title: str
    section: str
    text: str
    """The section as it was written: untrusted, bounded and redacted."""
    score: float
    """Between 0 and 3; comparable only within one search."""
    path: Path
    why: str
    """In words, what it was found by."""

    @property
    def quotation(self) -> str:
        """The text with every line marked as quoted: data for whoever reads it, never an instruction."""
        return quoted(self.text)


class Problem(Noun):
    """Something that was passed over while reading, in one sentence."""

    path: Path
    text: str
