"""Templates of a stream of log lines: known lines by one look-up, new ones by matching, the rest learnt in batches.

Bounded in everything: characters of a line, kinds of lines, templates. What a template is called depends on its words
alone, so that it keeps its id over rebuilds, restarts and machines.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from watchkeeper.analysis.log_columns import LONGEST, Columns, text_of
from watchkeeper.analysis.log_grouping import Key, is_variable, letters, templates_of

MOST_TEMPLATES = 5_000
MOST_KINDS = 20_000
"""Masked lines that differ and are remembered to learn from; beyond, the rarest are forgotten."""
MOST_LINES = 50_000
"""Raw lines whose answer is remembered; then that memory is begun anew."""
UNMATCHED_SHARE = 0.1
"""So many of the kinds of lines unmatched: learn again. A share, so that learning stays a constant cost a line."""
UNMATCHED_LEAST = 20


@dataclass(frozen=True)
class Template:
    """What lines of one statement have in common."""

    id: str
    """Of its letters: the same for the same words, wherever and whenever it is learnt."""
    text: str
    """Its words, with `<*>` for what varies."""


OTHER = Template("other", "(any other line)")
"""Of lines that came when there was no room for their template."""


@dataclass(slots=True)
class _Kind:
    """All lines with the same columns."""

    key: Key
    count: int
    template: Template
    is_learnt: bool = False


@dataclass
class Templates:
    """Learns templates of lines; `most` of them at once, the commonest."""

    most: int = MOST_TEMPLATES
    most_kinds: int = MOST_KINDS
    _columns: Columns = field(default_factory=Columns)
    _lines: dict[str, _Kind] = field(default_factory=dict)
    _kinds: dict[Key, _Kind] = field(default_factory=dict)
    _index: "_Index" = field(default_factory=lambda: _Index([]))
    _unmatched: int = 0
    _became: dict[str, Template] = field(default_factory=dict)

    def add(self, line: str) -> Template:
        """The template of a line, which is counted and learnt from; a provisional one until it was learnt."""
        kind = self._lines.get(line) if len(line) <= LONGEST else None
        if kind is None:
            kind = self._kind_of(line)
        kind.count += 1
        if self._unmatched > max(UNMATCHED_LEAST, UNMATCHED_SHARE * len(self._kinds)):
            self.rebuild()
        return kind.template

    def learn(self, lines: Iterable[str]) -> None:
        """Count lines and learn from all of them at once: what is learnt then does not depend on their order."""
        for line, count in Counter(lines).items():
            self._kind_of(line).count += count
        self.rebuild()

    def of(self, line: str) -> Template:
        """The template of a line, without learning; `OTHER` where none is known."""
        kind = self._lines.get(line) or self._kinds.get(key := self._columns.of(line))
        return kind.template if kind is not None else self._index.match(key) or OTHER

    def current(self, template: Template) -> Template:
        """What most lines of a template that was told earlier belong to now."""
        for _ in range(len(self._became)):
            later = self._became.get(template.id)
            if later is None or later.id == template.id:
                break
            template = later
        return template

    @property
    def known(self) -> tuple[Template, ...]:
        """All templates, by id."""
        found = {kind.template.id: kind.template for kind in self._kinds.values()}
        return tuple(found[number] for number in sorted(found))

    def rebuild(self) -> None:
        """Learn anew from the kinds of lines that are remembered."""
        found = templates_of({key: kind.count for key, kind in self._kinds.items()})
        named = _named({key: (found[key], kind.count) for key, kind in self._kinds.items()}, self.most)
        moves: dict[str, Counter[Template]] = defaultdict(Counter)
        for key, kind in self._kinds.items():
            moves[kind.template.id][named[key]] += kind.count
            kind.template, kind.is_learnt = named[key], True
        moved = {number: max(to, key=lambda t: (to[t], t.id)) for number, to in moves.items()}
        self._became.update({number: to for number, to in moved.items() if to.id != number})
        for kind in self._kinds.values():
            self._became.pop(kind.template.id, None)
        while len(self._became) > 4 * self.most:
            self._became.pop(next(iter(self._became)))
        self._index = _Index([(found[key], kind.template) for key, kind in self._kinds.items()])
        self._unmatched = 0

    def _kind_of(self, line: str) -> _Kind:
        key = self._columns.of(line)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= self.most_kinds:
                self._forget()
            template = self._index.match(key)
            kind = self._kinds[key] = _Kind(key, 0, template or self._provisional(key), template is not None)
            self._unmatched += template is None
        if len(line) <= LONGEST:
            if len(self._lines) >= MOST_LINES:
                self._lines.clear()
            self._lines[line] = kind
        return kind

    def _provisional(self, key: Key) -> Template:
        return _template(key) if self._unmatched < self.most else OTHER

    def _forget(self) -> None:
        """Learn, and then keep the commonest kinds: half of what there is room for."""
        self.rebuild()
        kept = sorted(self._kinds.values(), key=lambda kind: (-kind.count, kind.key))[: self.most_kinds // 2]
        self._kinds = {kind.key: kind for kind in kept}
        self._lines.clear()


def _named(found: dict[Key, tuple[Key, int]], most: int) -> dict[Key, Template]:
    """Templates by what they say: those with the same letters are one, and its text is that of the commonest."""
    lines: dict[str, Counter[Key]] = defaultdict(Counter)
    for template, count in found.values():
        lines[letters(template)][template] += count
    total = {name: shapes.total() for name, shapes in lines.items()}
    kept = sorted(total, key=lambda name: (-total[name], name))[:most]
    shape = {name: min(lines[name], key=lambda key: (-lines[name][key], key)) for name in kept}
    named = {name: _template(shape[name]) for name in kept}
    return {key: named.get(letters(template), OTHER) for key, (template, _) in found.items()}


def _template(columns: Key) -> Template:
    digest = hashlib.sha256(letters(columns).encode("utf-8", "replace")).hexdigest()
    return Template(digest[:12], text_of(columns))


class _Index:
    """Finds the template whose constant words a line has."""

    def __init__(self, shapes: Iterable[tuple[Key, Template]]) -> None:
        by_places: dict[int, dict[tuple[int, ...], dict[Key, Template]]] = defaultdict(dict)
        for columns, template in shapes:
            places = tuple(place for place, word in enumerate(columns) if not is_variable(word))
            words = tuple(columns[place] for place in places)
            by_places[len(columns)].setdefault(places, {})[words] = template
        self._by_length = {
            length: sorted(places.items(), key=lambda item: (-len(item[0]), item[0]))
            for length, places in by_places.items()
        }

    def match(self, key: Key) -> Template | None:
        """The template with the most constant words that the line has in their places.

        None also where the line has more words of its own than it shares: then it says something else.
        """
        words = sum(not is_variable(word) for word in key)
        for places, templates in self._by_length.get(len(key), ()):
            if words > 2 * len(places):
                return None
            found = templates.get(tuple([key[place] for place in places]))
            if found is not None:
                return found
        return None
