"""Which service a person means by a word: exactly, by a part of its name, or by a name that is nearly that."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NEAR, NEAR_BY_ITSELF = 0.72, 0.86
"""How alike a word and a name must be: where a service is expected, and anywhere else."""
AS_NEAR = 0.05
"""Names whose likeness differs by less are equally near."""
SHORTEST, CLOSE = 3, 4
LONGEST_WORD = 120

_WORD = re.compile(r"[\w][\w./-]*[\w]|\w")
_SUFFIXES = ("service", "svc", "api", "server", "app")

_PLACES = (
    r"(?:is|are|was|were|does|did|has|why's|how's|what's|isn't)\s+(?:the\s+)?(?P<name>[\w][\w./-]*)",
    r"(?:wrong with|up with|going on with|happening with|happening to|happened to|problem with|trouble with"
    r"|evidence of|runbook for|owner of|owns|own|owning|deployed|deploy|changed|broke|broken|compare|compared"
    r"|users of|users on|responsible for|charge of|about|service|status of|state of|for|of|in|on|to|and)"
    r"\s+(?:the\s+)?(?P<name>[\w][\w./-]*)",
    r"(?P<name>[\w][\w./-]*)\s+(?:is|was|are|were|seems|looks|feels|keeps|has|service|down|slow|failing|broken"
    r"|errors|timing)\b",
)
_IN_PLACE = tuple(re.compile(rf"\b{place}", re.IGNORECASE) for place in _PLACES)

_VOCABULARY = """
a about affected after afternoon again ago alert alerts all am an and any anybody anyone anything apart applies
apply are around as ask asked at author back bad be because been before began begin being best better between
blame both bring broke broken bug bugs but by call called can case cause caused causes change changed changes
charge check client clients compare compared comparing comparison config configuration could couple crash customer
customers day days dead deploy deployed deployment deployments deploys describe did do does doing done down draft
drafts dude e each earlier else email end ended ending error errors evening ever everybody everyone everything
evidence exactly explain fail failed failing fails failure failures fast feel felt few file find fine finished
first fix fixed flag for friday from further get gets getting give gmt go goes going gone good got had half happen
happened happening happens has have having healthy hello help her here hey hi him his hit hm hmm hour hours how
how's hr hrs human i if impact impacted in incident incidents internal into is isn't issue issues it it's its just
keep know last late latency latest like list little long look looking looks lot made make many may me mean message
midday midnight might min mins minute minutes moment monday more morning most much my need new next nice night
nobody noon nor normal not nothing now number of off ok okay on one ones only onto open or other our out outage
over own owned owner owning owns page past people person please pm post post-mortem postmortem previous previously
problem problems prod production public pull push query question rate reason recent recently recover recovered
recovery release released releases report request requests resolved responsible restart roll rollback rolled root
run runbook runbooks running saturday say sec second seconds secs see seem seems service services she should show
since site slow slower so solved some somebody someone something start started state status step steps still stop
stopped stuff sunday suspect suspicious system take team tell than thank thanks that that's the their them then
there these they thing things think this thursday ticket till time timeout timeouts times timing to today told
tomorrow tonight too took traffic trouble troubles try tuesday twice type under until up update updated updates us
usage use used user users usual usually utc version versions very wait want was watch way we wednesday week weeks
well were weren't what what's whats when where whether which while who who's whom whose why why's will with
without working works worse worst would write wrong yes yesterday yet you your
"""

VOCABULARY = frozenset(_VOCABULARY.split())
"""Words of questions: none of them is a service, unless it stands where a service is named."""


@dataclass(frozen=True)
class Meant:
    """The service that a text names; nothing at all where it names none."""

    service: str | None = None
    typed: str | None = None
    """The word that was typed, where it is not the name."""
    candidates: tuple[str, ...] = ()
    """Several that may be meant, or those nearest to a word that is no service."""
    is_unknown: bool = False
    """Whether a service was named that does not exist; `typed` is what it was called."""


def meant(text: str, known: Sequence[str]) -> Meant:
    """Which of the known services a text is about. A word by itself is one of them, or taken for a word."""
    in_place = {match["name"].rstrip(".-/").lower() for pattern in _IN_PLACE for match in _all(pattern, text)}
    words = [word for match in _WORD.finditer(text) if len(word := match[0]) <= LONGEST_WORD]
    surely = {match["name"].rstrip(".-/").lower() for pattern in _IN_PLACE[:2] for match in _all(pattern, text)}
    named = [name for word in words for name in _exactly(word, known, surely)]
    if named:
        return _one_of(dict.fromkeys(named))
    for word in words:
        low = _plain(word)
        if low in VOCABULARY or len(low) < SHORTEST or low.replace(".", "").isdigit():
            continue
        found = _nearly(low, known, NEAR if low in in_place else NEAR_BY_ITSELF)
        if found:
            return _one_of(found, word)
    strange = next((w for w in words if _is_strange(w, in_place)), None)
    if strange is not None:
        return Meant(typed=strange, candidates=close_to(strange, known), is_unknown=True)
    return Meant()


def close_to(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """The names that are nearest to a word, the nearest first; those that are not near at all are left out."""
    return tuple(difflib.get_close_matches(word.lower(), list(known), n=CLOSE, cutoff=0.5))


def _all(pattern: "re.Pattern[str]", text: str) -> Iterable["re.Match[str]"]:
    """Every match, overlapping ones too: one place may begin with the word that ends another."""
    start = 0
    while (match := pattern.search(text, start)) is not None:
        yield match
        start = match.start() + 1


def _one_of(names: Iterable[str], typed: str | None = None) -> Meant:
    found = tuple(names)
    if len(found) > 1:
        return Meant(typed=typed, candidates=found)
    return Meant(service=found[0], typed=typed)


def _exactly(word: str, known: Sequence[str], in_place: set[str]) -> list[str]:
    same = [name for name in known if name == word] or [name for name in known if name.lower() == _plain(word)]
    is_meant = _plain(word) not in VOCABULARY or _plain(word) in in_place
    return same[:1] if is_meant else []


def _plain(word: str) -> str:
    low = word.lower()
    return low.removesuffix("'s")


def _nearly(word: str, known: Sequence[str], cutoff: float) -> tuple[str, ...]:
    """The services that a word may be, all of them equally good; none where it is near to none."""
    bare = _bare(word)
    parts = tuple(n for n in known if bare in _parts(n) or _bare(n.lower()) == bare or n.lower().startswith(bare))
    if parts:
        return parts
    likeness = {name: _likeness(word, name) for name in known}
    best = max(likeness.values(), default=0.0)
    return tuple(n for n, like in likeness.items() if best >= cutoff and like > best - AS_NEAR)


def _likeness(word: str, name: str) -> float:
    return max(difflib.SequenceMatcher(None, word, each).ratio() for each in {name.lower(), _bare(name.lower())})


def _parts(name: str) -> set[str]:
    return {part for part in re.split(r"[-_./\s]+", name.lower()) if part and part not in _SUFFIXES}


def _bare(name: str) -> str:
    """The name without what all services are called."""
    for suffix in _SUFFIXES:
        for joint in ("-", "_", ""):
            if name.endswith(f"{joint}{suffix}") and len(name) - len(joint + suffix) >= SHORTEST:
                return name[: -len(joint + suffix)]
    return name


def _is_strange(word: str, in_place: set[str]) -> bool:
    low = _plain(word)
    is_number = low[0].isdigit() or re.fullmatch(r"e\d+", low) is not None
    return low in in_place and low not in VOCABULARY and len(low) >= SHORTEST and not is_number
