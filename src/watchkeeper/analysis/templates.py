"""Log lines to templates: Drain (He et al., 2017, "Drain: An Online Log Parsing Approach with Fixed Depth Tree").

Variable-looking parts are masked first; a cache of masked lines in front makes repeated lines cheap.
"""

import re
from dataclasses import dataclass, field

WILDCARD = "<*>"

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<ip>"),
    (re.compile(r"(?<![\w/])(?:https?://|/)[^\s,;\"')\]]+"), "<path>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b"), "<hex>"),
    (re.compile(r"(?<![A-Za-z_0-9])[-+]?\d+(?:[.,]\d+)*(?=(?:ms|us|ns|s|m|h|KB|MB|GB|B|%)?(?![A-Za-z]))"), "<n>"),
)
_DUMP = re.compile(r"(?<=[:=])(\s*)(?:\[[^\[\]]*\]|\{[^{}]*\})|()[({\[](?=[^(){}\[\]]*=)[^(){}\[\]]*[)}\]]")
_LISTED = re.compile(r"(<\w+>)(?:,? \1)+")
_LIMIT = 2_000
_SPLIT = re.compile(r"[\s=:,;|()\[\]{}\"']+")


def masked(line: str) -> str:
    """The first line, bounded, with ids, times, addresses, paths and numbers replaced by what they are."""
    text = line.split("\n", 1)[0][:_LIMIT]
    for pattern, mark in _MASKS:
        text = pattern.sub(mark, text)
    return text


def outline(line: str) -> str:
    """As `masked`, and with printed objects and lists as one mark each, however much they hold."""
    text = masked(line)
    for _ in range(8):
        shorter = _DUMP.sub(r"\1<object>", text)
        if shorter == text:
            break
        text = shorter
    return _LISTED.sub(r"\1", text)


@dataclass
class _Group:
    number: int
    words: list[str]


@dataclass
class Miner:
    """Learns templates line by line; bounded by `most` templates, after which unknown lines share the last one."""

    depth: int = 2
    similarity: float = 0.5
    most: int = 5_000
    _groups: list[_Group] = field(default_factory=list)
    _tree: dict[tuple[str, ...], list[_Group]] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)

    def add(self, line: str) -> int:
        """The number of the line's template, counted from 0; learns."""
        text = masked(line)
        number = self._seen.get(text)
        if number is None:
            number = self._place([word for word in _SPLIT.split(text) if word] or [""])
            if len(self._seen) < 20 * self.most:
                self._seen[text] = number
        return number

    def template(self, number: int) -> str:
        """The words of a template, variable ones as `<*>`."""
        return " ".join(self._groups[number].words)

    def _place(self, words: list[str]) -> int:
        branch = self._tree.setdefault((str(len(words)), *(_stem(w) for w in words[: self.depth])), [])
        group = max(branch, key=lambda g: _likeness(g.words, words), default=None)
        if group is None or _likeness(group.words, words) < self.similarity:
            if len(self._groups) >= self.most:
                return len(self._groups) - 1
            group = _Group(len(self._groups), words)
            self._groups.append(group)
            branch.append(group)
        else:
            group.words = [a if a == b else WILDCARD for a, b in zip(group.words, words, strict=True)]
        return group.number


def _stem(word: str) -> str:
    return WILDCARD if any(c.isdigit() for c in word) or word.startswith("<") else word


def _likeness(template: list[str], words: list[str]) -> float:
    return sum(a in (b, WILDCARD) for a, b in zip(template, words, strict=True)) / len(words)
