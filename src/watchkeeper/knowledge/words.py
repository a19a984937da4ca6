"""Text as the words that are compared: lower case, camel case split, cut to their stems, without the commonest ones."""

import re
import unicodedata

LONGEST_TEXT = 40_000
"""Characters of one text that are read for words."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")
_SERVER_ERROR = re.compile(r"5\d\ds?")
_FIGURE = re.compile(r"\d+(?:[a-z]{1,2})?")
"""A number, with its unit or without: `439`, `7ms`, `20s`."""
_KEPT_FIGURES = re.compile(r"[1-5]xx|429|404|401|403")
_PERCENTILE = re.compile(r"p(?:5|9)\d{1,2}")

_COMMONEST = """
a about above after again all also am an and any are as at be because been before being below between both but by
can cannot could did do does doing down during each else ever every few for from further get gets getting give go
goes going got had has have having he her here hers him his how i if in into is isn it its itself just keep keeps
know let like long look looks made make makes many may me might more most much must my near need needs new no nor
not now of off often ok on once one only or other our ours out over own per please put really right s said same say
see seem seems seen she should since so some something still such t take taken tell than thank thanks that the their
them then there these they thing things this those though through to today tonight too try two under until up upon
us use used using usual usually very via want wants was way we well went were what when where whether which while
who whole whom whose why will with within without would yes yet you your yours
don doesn didn isn aren wasn won couldn shouldn hasn haven ve re ll
anybody anyone everybody everyone everything nothing somebody someone suddenly sudden almost already always never
help runbook runbooks step steps find show
lot lots bit morning afternoon evening night noon midnight yesterday day days week weeks hour hours minute minutes
"""
STOP = frozenset(_COMMONEST.split())
"""Words that say nothing about what is wrong."""


def words(text: str) -> list[str]:
    """The words of a text in order, each as its stem; numbers count only where they name something (5xx, 429, p95)."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST_TEXT])
    found = (word.lower() for word in _WORD.findall(_CAMEL.sub(" ", plain.replace("’", "'").replace("'", " "))))
    return [stem(word) for raw in found if (word := _named(raw)) and word not in STOP]


def _named(word: str) -> str | None:
    """The word, what it is called, or None for a figure that says nothing by itself."""
    if _SERVER_ERROR.fullmatch(word):
        return "5xx"
    if _PERCENTILE.fullmatch(word):
        return "percentile"
    if _KEPT_FIGURES.fullmatch(word):
        return word
    return None if _FIGURE.fullmatch(word) or len(word) == 1 else word


def stem(word: str) -> str:
    """A light stem of an English word: plural, -ing, -ed, -ion, -ure and a final e go; other words stay as they are.

    Errors do little harm, as both sides of a comparison are cut the same way.
    """
    if len(word) <= 3 or not word.isascii():
        return word
    return _without_ending(_singular(word))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _without_ending(word: str) -> str:
    for ending, least in (("ing", 3), ("ed", 3), ("ion", 4), ("ure", 4)):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= least and any(c in "aeiouy" for c in rest):
            if ending == "ion" and rest[-1] not in "st":
                continue
            is_doubled = rest[-1] == rest[-2] and rest[-1] not in "lsz"
            return rest[:-1] if is_doubled and ending in ("ing", "ed") else rest.removesuffix("e")
    return word[:-1] if word.endswith("e") and len(word) > 4 else word
