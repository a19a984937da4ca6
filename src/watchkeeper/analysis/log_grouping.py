"""Masked lines to templates, all at once: by length, by the words that come equally often, then column by column.

After Brain (Yu et al., 2023, "Brain: Log Parsing with Bidirectional Parallel Tree"), without constants per system:
words that belong to one statement come equally often, so the largest set of such words names the statement.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from math import prod

from watchkeeper.analysis.log_columns import MESSAGE_KEYS, VARIABLE, bare

Key = tuple[str, ...]
"""The columns of a line."""

FEW = 3
"""A column with more distinct words than this is variable."""
STATES = 10
"""As `FEW`, of words in capitals such as RUNNING: those name states, and which one it was is what the line says."""
MESSAGES = 1_000
"""As `FEW`, of the value of a key such as `msg`: it is the statement."""
FREELY = 0.8
"""The share of possible combinations of words from which on columns are taken to combine freely."""
_LITERALS = frozenset({"true", "false", "null", "none", "nil", "yes", "no", "on", "off", "nan", "undefined"})
_NAMED_NEXT = frozenset({"user", "username", "host", "hostname", "account"})
_STATE = re.compile(r"[A-Z][A-Z_]+")
_NO_LETTERS = re.compile(r"[^A-Za-z\u0080-\U0010ffff]+")


def is_variable(column: str) -> bool:
    """Whether nothing of a column is constant: a masked value with punctuation, or an empty value after `=`."""
    return (VARIABLE in column or len(column) <= 1) and not _NO_LETTERS.sub("", column)


def letters(template: Key) -> str:
    """By what templates are compared: the letters of their constant words, however many values stand between."""
    words = (_NO_LETTERS.sub("", column) for column in template)
    return " ".join(word for word in words if word) or " ".join(template)


def templates_of(lines: Mapping[Key, int]) -> dict[Key, Key]:
    """The template of each distinct line, given how often each came; a variable column is `VARIABLE`.

    Depends on what the lines say and how often, and not on their order.
    """
    by_length: dict[int, list[Key]] = defaultdict(list)
    for key in sorted(lines):
        by_length[len(key)].append(key)
    found: dict[Key, Key] = {}
    for keys in by_length.values():
        for constant, group in _by_shared_frequency(keys, lines):
            _refine(group, constant, frozenset(), found)
    return found


def _by_shared_frequency(keys: list[Key], lines: Mapping[Key, int]) -> Iterable[tuple[frozenset[int], list[Key]]]:
    """Lines of one length, by their largest set of columns whose words come equally often; ties go to the commoner."""
    often: list[Counter[str]] = [Counter() for _ in keys[0]]
    for key in keys:
        for counts, word in zip(often, key, strict=True):
            counts[word] += lines[key]
    groups: dict[tuple[tuple[int, str], ...], list[Key]] = defaultdict(list)
    for key in keys:
        equally: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for place, word in enumerate(key):
            if not is_variable(word):
                equally[often[place][word]].append((place, word))
        best = max(equally, key=lambda n: (len(equally[n]), n), default=None)
        groups[() if best is None else tuple(equally[best])].append(key)
    return [(frozenset(place for place, _ in named), group) for named, group in groups.items()]


def _refine(group: list[Key], constant: frozenset[int], values: frozenset[int], found: dict[Key, Key]) -> None:
    """Tell the group's other columns apart: constants divide it, until none is left that does.

    Columns that combine freely in the whole group are `values` in its parts, few as their words may be there.
    """
    variable, few = _told_apart(group, constant, values)
    free = _combining_freely(group, few)
    few = [place for place in few if place not in free]
    parts: dict[Key, list[Key]] = defaultdict(list)
    for key in group:
        parts[tuple(_word(key[place]) for place in few)].append(key)
    if len(parts) > 1:
        for part in parts.values():
            _refine(part, constant | set(few), values | free, found)
        return
    variable |= free
    template = tuple(VARIABLE if place in variable else word for place, word in enumerate(group[0]))
    found.update(dict.fromkeys(group, template))


def _told_apart(group: list[Key], constant: frozenset[int], values: frozenset[int]) -> tuple[set[int], list[int]]:
    """Columns whose words differ: those that are variable, and those with few words, the fewest first."""
    variable: set[int] = set(values)
    few: list[tuple[int, int]] = []
    places = [place for place in range(len(group[0])) if place not in constant | values]
    columns = {place: {_word(key[place]) for key in group} for place in places}
    is_little = _says_little(columns, len(constant))
    for place, words in columns.items():
        if len(words) < 2:
            continue
        most = FEW * is_little if VARIABLE in words else _most_words(group, place, words)
        if len(words) > most:
            variable.add(place)
        else:
            few.append((len(words), place))
    return variable, [place for _, place in sorted(few)]


def _combining_freely(group: list[Key], few: list[int]) -> set[int]:
    """Columns that are values after all: each of their words comes with nearly each word of the others.

    Those with the most words go first, until what is left does not combine so.
    """
    left = list(few)
    while len(left) > 1:
        possible = prod(len({_word(key[place]) for key in group}) for place in left)
        combinations = len({tuple(_word(key[place]) for place in left) for key in group})
        if combinations <= FEW or combinations < FREELY * possible:
            break
        left.pop()
    return set(few) - set(left)


def _word(column: str) -> str:
    return VARIABLE if is_variable(column) else column


def _says_little(columns: Mapping[int, set[str]], constant: int) -> bool:
    """Whether a group shares less than half of its words: then a word where others have a value tells it apart."""
    shared = constant + sum(len(words) == 1 and VARIABLE not in words for words in columns.values())
    differing = sum(len(words) > 1 for words in columns.values())
    return shared < differing


def _most_words(group: list[Key], place: int, words: set[str]) -> int:
    """How many words a column may have as constants."""
    bares = {bare(word) for word in words}
    before = {key[place - 1] for key in group} if place else set()
    is_value = bool(before) and all(word.endswith(("=", ":")) for word in before)
    keys = {bare(word).rstrip("=").lower() for word in before}
    if is_value and keys <= MESSAGE_KEYS:
        return MESSAGES
    literals = [word.lower() in _LITERALS for word in bares]
    if all(literals) or (is_value and any(literals)):
        return 0
    if keys and keys <= _NAMED_NEXT and not is_value:
        return 0
    if not is_value and all(_STATE.fullmatch(word) for word in bares):
        return STATES
    return FEW
