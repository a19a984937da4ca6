"""Templates filled from facts alone: only facts are printed, and each number is recorded with the fact it came from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from watchkeeper.drafts.facts import Fact

Voice = Literal["markdown", "plain"]

# Private characters around what was filled in: untrusted text cannot hold them, they are stripped from it.
_BEGIN, _MIDDLE, _END = "\ue000", "\ue001", "\ue002"
_CAPITAL, _STOP = "\ue003", "\ue004"
_SENTENCE = re.compile(f"([{_CAPITAL}{_STOP}])")
_ENDS = (".", "!", "?", "…")
_SPELLED = {"cpu": "CPU"}
_PRINTED = "printed"
_MARKED = re.compile(f"{_BEGIN}(\\d+){_MIDDLE}(.*?){_END}", re.DOTALL)
_WORDS_WITH_DIGITS = re.compile(r"\b(?:p95|p99|p50)\b")


@dataclass(frozen=True)
class Use:
    """A stretch [start, end) of a text that a fact filled."""

    start: int
    end: int
    fact: Fact


@dataclass(frozen=True)
class Filled:
    """A text, and which fact each of its filled stretches came from."""

    text: str
    uses: tuple[Use, ...]

    @property
    def facts(self) -> dict[str, Fact]:
        """The facts that were used, by name, in the order of their first use."""
        return {use.fact.name: use.fact for use in self.uses}


def fill(template: str, story: Mapping[str, object], voice: Voice = "markdown") -> Filled:
    """Render a template of this package; it may print facts only, the rest of the story is for its conditions.

    Where it prints `sentence`, what follows gets a capital; where it prints `stop`, a full stop if there is none.
    Raises ValueError where it prints anything else, or holds a digit that no fact filled.
    """
    printed = _Printed(template, voice)
    marks = {"sentence": Mark(_CAPITAL), "stop": Mark(_STOP)}
    marked = _environment().get_template(f"{template}.md.j2").render({**story, **marks, _PRINTED: printed})
    filled = _unmarked(marked, printed.facts)
    if bare := bare_digits(filled):
        raise ValueError(f"{template}: {bare[0]!r} was not filled from a fact")
    return filled


@dataclass(frozen=True)
class Mark:
    """Where a sentence begins or ends; what is written there depends on the text beside it."""

    text: str


def bare_digits(filled: Filled) -> list[str]:
    """The runs of digits that stand outside what facts filled."""
    outside = list(filled.text)
    for use in filled.uses:
        outside[use.start : use.end] = " " * (use.end - use.start)
    return re.findall(r"\d+", _WORDS_WITH_DIGITS.sub("", "".join(outside)))


@dataclass
class _Printed:
    """What one rendering has printed so far."""

    template: str
    voice: Voice
    facts: list[Fact] = field(default_factory=list)

    def fact(self, fact: Fact, text: str) -> str:
        self.facts.append(fact)
        return f"{_BEGIN}{len(self.facts) - 1}{_MIDDLE}{text}{_END}"

    def value(self, value: object) -> str:
        if isinstance(value, Filled):
            return self.again(value)
        if isinstance(value, Mark):
            return value.text
        if isinstance(value, Fact):
            return self.fact(value, value.markdown if self.voice == "markdown" else value.plain)
        raise ValueError(f"{self.template}: only facts can be printed, not {value!r}")

    def again(self, filled: Filled) -> str:
        text, at = "", 0
        for use in filled.uses:
            text += filled.text[at : use.start] + self.fact(use.fact, filled.text[use.start : use.end])
            at = use.end
        return text + filled.text[at:]


@pass_context
def _printed(context: Context, value: object) -> str:
    printed: _Printed = context[_PRINTED]
    return printed.value(value)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("watchkeeper.drafts"),
        undefined=StrictUndefined,
        finalize=_printed,
        # Each fact is escaped for Markdown by itself; what is written is not HTML.
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _unmarked(marked: str, used: list[Fact]) -> Filled:
    """The text without marks, and where each fact stands in it; runs of empty lines between facts become one."""
    writer, at = _Writer(), 0
    for match in _MARKED.finditer(marked):
        writer.template(marked[at : match.start()])
        writer.fact(used[int(match[1])], match[2])
        at = match.end()
    writer.template(marked[at:])
    return Filled(writer.text, tuple(writer.uses))


@dataclass
class _Writer:
    """The text so far, and whether what comes next opens a sentence."""

    text: str = ""
    uses: list[Use] = field(default_factory=list)
    is_opening: bool = False

    def template(self, piece: str) -> None:
        for part in _SENTENCE.split(_tidy(piece)):
            if part == _CAPITAL:
                self.is_opening = True
            elif part == _STOP:
                self.text += "" if self.text.endswith(_ENDS) else "."
            elif part:
                self.text += self._opened(part)

    def fact(self, fact: Fact, text: str) -> None:
        start = len(self.text)
        # Names keep the case in which they are known.
        is_prose = fact.style in ("word", "sentence") and not fact.keeps_case
        self.text += self._opened(text, is_prose)
        self.uses.append(Use(start, len(self.text), fact))

    def _opened(self, text: str, is_prose: bool = True) -> str:
        if not text.strip():
            return text
        is_opening, self.is_opening = self.is_opening, False
        return _capitalised(text) if is_opening and is_prose else text


def _capitalised(text: str) -> str:
    word = re.match(r"[a-z]+(?=[\s,:;-]|$)", text)
    if word is None:
        return text
    return f"{_SPELLED.get(word[0], word[0].capitalize())}{text[word.end() :]}"


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text)
