"""What a diff may do to a running system, and whether that is what is seen: mechanisms, and signs of harmlessness."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watchkeeper.analysis.commit_symptoms import Picture
from watchkeeper.analysis.commit_words import (
    CALLS,
    COMMON,
    FIELDS,
    GUARDS,
    declares,
    is_telling,
    kind_of_file,
    stem,
    subjects,
)
from watchkeeper.analysis.diffs import SWITCHES, Diff, Literal, stemmed, stems, swaps, version_step, words_of

NOT_RUN = frozenset({"test", "docs", "build", "elsewhere"})


@dataclass(frozen=True)
class Effect:
    """One thing that a diff does, with how well it fits what is seen (log-odds)."""

    kind: str
    detail: str
    """The line or the words that show it, from the diff."""
    weight: float


_SLOW = stems("latency duration slow p99 p95 p90 p50 timeout deadline took response time hang inflight pending")
_LOADED = stems(
    "cpu db query row reads read capacity throttle throughput utilization qps saturated queue lag statement"
)
_MEMORY = stems("memory heap rss oom gc garbage fd descriptor handle connection goroutine thread")
_REFUSED = stems("error failed invalid missing unknown rejected denied unauthorized forbidden 4xx 5xx exception null")
_BROKEN = stems("undefined null nil nonetype attribute pointer npe exception panic typeerror index bounds property")


def effects_of(diff: Diff, files: Sequence[str], message: str, seen: Picture) -> tuple[Effect, ...]:
    """What the diff does that fits the trouble, the best fitting first; nothing of what is never run."""
    if files and all(kind_of_file(path) in NOT_RUN for path in files):
        return ()
    said = frozenset(seen.words) | seen.gone
    found = [
        *_values(diff, files, said),
        *_guards(diff, said, seen),
        *_loops(diff, said, seen),
        *_names(diff, seen),
        *_dependencies(diff, files, seen),
        *_growth(diff, said),
        *_locks(diff, said),
        *_access(diff, said),
        *_swapped(diff, said, seen),
        *_schema(diff, said),
        *_patterns(diff, said),
        *_subjects(diff, files, message, said),
    ]
    return tuple(sorted((each for each in found if each.weight > 0), key=lambda each: -each.weight))


def _fits(said: frozenset[str], *sets: frozenset[str]) -> float:
    """Half a point where nothing fits, 1 for one of the sets, a bit more for several."""
    hits = sum(bool(said & each) for each in sets)
    return 0.25 if hits == 0 else min(1.3, 0.85 + 0.15 * hits)


_NAMED_VALUES: tuple[tuple[frozenset[str], tuple[frozenset[str], ...]], ...] = (
    (stems("ttl expire expiry expiration evict cache stale maxage age"), (stems("cache miss hit"), _LOADED)),
    (stems("timeout deadline wait"), (stems("timeout timed deadline exceeded"), _SLOW)),
    (stems("retry retries attempt backoff mintimeout factor"), (stems("retry attempt inflight saturated"), _LOADED)),
    (stems("pool conn connection idle max"), (stems("pool connection pending exhausted acquire hikaricp"),)),
    (stems("limit size page batch chunk bulk"), (_SLOW, _LOADED, _MEMORY)),
    (stems("worker thread concurrency parallel replica"), (stems("queue lag worker thread saturated"), _LOADED)),
    (stems("leeway skew tolerance exp audience issuer scope role"), (FIELDS["identity"].symptom,)),
    (stems("memory heap xmx buffer"), (_MEMORY,)),
    (stems("cpu request"), (stems("cpu throttle"), _SLOW)),
    (stems("rate quota burst"), (stems("rate limit throttle 429 rejected quota"),)),
    (stems("interval period poll cron schedule"), (_LOADED,)),
)


def _values(diff: Diff, files: Sequence[str], said: frozenset[str]) -> Iterator[Effect]:
    """A number or a text that was replaced: how far, and whether its name is about what is seen."""
    if all(kind_of_file(path) == "dependency" for path in files):
        return
    for each in diff.literals:
        words = frozenset(words_of(each.key))
        if each.ratio is None or version_step(each.old, each.new):
            continue
        far = min(1.0, abs(math.log2(max(each.ratio, 1e-3))) / 3)
        fitting = [_fits(said, *signs) for names, signs in _NAMED_VALUES if words & names]
        direct = bool(words & said - COMMON)
        weight = 3.0 * far * max((*fitting, 0.7 if direct else 0.15))
        yield Effect("value", f"{each.key}: {each.old} → {each.new}", weight * _way(each, words))


def _way(each: Literal, words: frozenset[str]) -> float:
    """More room (a larger pool, more memory, more workers) rarely hurts."""
    roomier = words & stems("pool conn memory heap cpu worker replica buffer bytes work_mem mem limit max body")
    harmful = words & stems("retry timeout ttl page batch size interval")
    return 0.3 if each.ratio is not None and each.ratio > 1 and roomier and not harmful else 1.0


def _guards(diff: Diff, said: frozenset[str], seen: Picture) -> Iterator[Effect]:
    """What protected is gone: words of guards that were taken away and not put back, or a way out that was closed."""
    gone = {stemmed(word) for word in diff.gone} & {stemmed(word) for word in GUARDS} - set(diff.come)
    for word in sorted(gone):
        mine = subjects(frozenset({word}), of_code=True)
        about = mine & subjects(said, of_code=False)
        signs = (_SLOW, _LOADED, _MEMORY) if word in _UNBOUNDED else (_MEMORY,) if word in _GIVES_BACK else ()
        fit = max(_fits(said, *signs) if signs else 0.25, 0.9 if about else 0.0, 1.0 if word in said else 0.0)
        weight = 2.6 * fit + (0.8 if word in seen.gone else 0.0)
        line = next((line for line in diff.removed if word in {stemmed(w) for w in words_of(line)}), word)
        yield Effect("guard removed", line, weight * (1.0 - 0.5 * max(0.0, diff.kept - 0.8) / 0.2))
    if _ways_out(diff.removed) > _ways_out(diff.added):
        line = next(line for line in diff.removed if _WAY_OUT.search(line))
        yield Effect("guard removed", line, 1.4 * _fits(said, _BROKEN, _REFUSED))


_UNBOUNDED = stems("limit max where index batch chunk page paginate offset prefetch related include cache trim select")
_GIVES_BACK = stems("close defer release dispose unsubscribe evict clear done cancel")
_WAY_OUT = re.compile(r"\bif\b.*\b(?:return|raise|throw|continue|break)\b|\bunless\b|\?\?|\?\.|\bexcept\b|\bcatch\b")


def _ways_out(lines: Sequence[str]) -> int:
    return sum(bool(_WAY_OUT.search(line)) for line in lines)


def _loops(diff: Diff, said: frozenset[str], seen: Picture) -> Iterator[Effect]:
    """A call that leaves the process, once for every item."""
    for line in diff.loops:
        if CALLS.search(line) and not is_telling(line) and not re.search(r"\b(?:append|push|len|make)\(", line):
            more = any(m.ratio > 2 and set(words_of(m.metric)) & _LOADED for m in seen.moves)
            yield Effect("call in a loop", line, 2.6 * _fits(said, _SLOW, _LOADED) * (1.1 if more else 0.9))
            return


def _names(diff: Diff, seen: Picture) -> Iterator[Effect]:
    """A name that others know is another now: a field, a status, a header, a setting."""
    for each in diff.literals:
        if each.ratio is not None or version_step(each.old, each.new) or is_telling(each.key):
            continue
        if {each.old.lower(), each.new.lower()} & SWITCHES:
            mine = frozenset(words_of(each.key)) - COMMON - stem(seen.service)
            yield Effect("switched", f"{each.key}: {each.old} → {each.new}", 2.6 if mine & set(seen.words) else 0.9)
            continue
        if each.new.lower() in _VERBOSE:
            fit = 1.2 if any(set(words_of(m.metric)) & {"log", "byte"} for m in seen.moves) else 0.8
            yield Effect("more is logged", f"{each.old} → {each.new}", 2.4 * fit * _fits(frozenset(seen.words), _BUSY))
            continue
        old, new = (frozenset(words_of(text)) - COMMON - stem(seen.service) for text in (each.old, each.new))
        told = " ".join((*(line.example for line in seen.lines if line.severity >= 13 and line.now > line.before),))
        is_named = any(
            len(text) > 2 and re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", told) for text in _bare(each)
        )
        about = (old ^ new) & set(seen.words)
        weight = 3.2 if is_named else 1.2 if about else 0.2
        yield Effect("name changed", f"{each.old} → {each.new}", weight)


_VERBOSE = frozenset({"debug", "trace", "all", "verbose"})
_BUSY = stems("cpu disk log byte latency duration queue slow appender io")


def _bare(each: Literal) -> tuple[str, str]:
    old, new = (text.strip("`\"' ").rpartition('"')[2] or text for text in (each.old, each.new))
    return old, new


def _dependencies(diff: Diff, files: Sequence[str], seen: Picture) -> Iterator[Effect]:
    """A newer version of what others wrote; what is told of it names it, or it says nothing."""
    if not any(kind_of_file(path) == "dependency" for path in files):
        return
    for line in diff.removed:
        name = set(words_of(re.split(r"[=@\s:]+v?\d", line)[0].rsplit("/", 1)[-1])) - COMMON
        other = next((new for new in diff.added if name and name <= set(words_of(new))), None)
        step = version_step(line, other) if other is not None else ""
        told = name & set(seen.words)
        base = {"major": 2.0, "minor": 0.9, "patch": 0.3}.get(step, 0.0)
        yield Effect("dependency", f"{line} → {other or 'gone'}", base * (1.3 if told else 0.35))


_KEEPS = re.compile(
    r"\.(?:set|add|push|append|put|store)\(|\[[\w.]+\]\s*=(?!=)|setInterval\(|addEventListener\(|\bgo func"
)
_LASTS = re.compile(
    r"\b(?:new (?:Map|Set|HashMap|ArrayList|ConcurrentHashMap)|make\(map|static|global|sync\.Map|=\s*\{\}|=\s*\[\]|"
    r"dict\(\)|list\(\))"
)


def _growth(diff: Diff, said: frozenset[str]) -> Iterator[Effect]:
    """Something that is kept and never given back."""
    keeps = next((line for line in diff.added if _KEEPS.search(line)), None)
    lasts = any(_LASTS.search(line) for line in diff.added)
    if keeps is not None and lasts and said & _MEMORY:
        yield Effect("kept for ever", keeps, 2.8)
    opened = next((line for line in diff.removed if re.search(r"\btry\s*\(|\bwith\b.*\bas\b|\busing\b", line)), None)
    again = any(re.search(r"\btry\s*\(|\bwith\b.*\bas\b|\busing\b|\bclose\b", line) for line in diff.added)
    if opened is not None and not again:
        signs = _MEMORY | FIELDS["pool"].symptom
        yield Effect("never closed", opened, 2.8 * (1.0 if said & signs else 0.2))


def _locks(diff: Diff, said: frozenset[str]) -> Iterator[Effect]:
    words = frozenset(diff.come) & stems("lock mutex synchronized semaphore serializable serial exclusive")
    if words:
        line = next((line for line in diff.added if words & set(words_of(line))), "")
        yield Effect("lock", line, 2.4 * _fits(said, FIELDS["locks"].symptom, _SLOW) - 0.4)


_READS = re.compile(r"[A-Za-z_]\w*(?:(?:\?\.|\.|\[[\"'])\w+){2,}")


def _access(diff: Diff, said: frozenset[str]) -> Iterator[Effect]:
    """Something is read from another place than before, where what is told is that nothing lies there."""
    if not said & _BROKEN:
        return
    old, new = ({found for line in lines for found in _READS.findall(line)} for lines in (diff.removed, diff.added))
    fresh = sorted(path for path in new - old if set(words_of(path)) & said)
    if old and fresh:
        yield Effect("read elsewhere", fresh[0], 1.8)


def _swapped(diff: Diff, said: frozenset[str], seen: Picture) -> Iterator[Effect]:
    """Another name stands where one stood: another key, another unit, another argument."""
    for old, new, line in swaps(diff):
        words = frozenset(words_of(line)) - COMMON - stem(seen.service)
        about = words & said or subjects(words, of_code=True) & subjects(said, of_code=False)
        yield Effect("swapped", f"{old} → {new}", 1.8 if about else 0.7)
        return


_DDL = re.compile(
    r"\b(?:alter\s+(?:table|column)|(?:drop|remove|rename|change)[_ ](?:index|column|table|constraint)|"
    r"set\s+not\s+null|add[_ ](?:constraint|check_constraint|foreign_key)|null:\s*false|nullable=False)|"
    r"\bcreate\s+(?:unique\s+)?index\b(?!\s+concurrently)",
    re.IGNORECASE,
)


def _schema(diff: Diff, said: frozenset[str]) -> Iterator[Effect]:
    """What data may look like, or how it is found, is another now."""
    line = next((line for line in diff.added if _DDL.search(line)), None)
    if line is not None:
        words = frozenset(words_of(line)) - COMMON
        signs = FIELDS["database"].symptom | stems("constraint null column relation violate")
        yield Effect("schema", line, (2.6 if words & said else 1.6) * (1.0 if said & signs else 0.3))


_GREEDY = re.compile(r"[*+]\)[*+{]|\.\*.*\.\*.*\.\*|\(\?:[^)]*[|][^)]*\)[*+][^)]*\)[*+]")


def _patterns(diff: Diff, said: frozenset[str]) -> Iterator[Effect]:
    """A regular expression that may take for ever: repetitions of repetitions."""
    line = next((line for line in diff.added if _GREEDY.search(line)), None)
    if line is not None:
        yield Effect("pattern", line, 2.8 * _fits(said, stems("cpu match regex backtrack rule"), _SLOW))


def _subjects(diff: Diff, files: Sequence[str], message: str, said: frozenset[str]) -> Iterator[Effect]:
    """The change speaks of the same subject as the trouble."""
    changed = frozenset(diff.come) | frozenset(diff.gone)
    changed |= {word for each in (*diff.literals,) for word in words_of(each.key)}
    changed |= {word for line in diff.grown for word in words_of(line)}
    inside = frozenset(words_of(" ".join((*files, message, *diff.removed, *diff.added))))
    seen = subjects(said, of_code=False)
    for name in sorted(seen & subjects(changed | inside, of_code=True)):
        deep = name in subjects(changed, of_code=True)
        strength = len(said & FIELDS[name].symptom)
        yield Effect("subject", name, FIELDS[name].weight * (0.9 if deep else 0.45) * min(1.0, 0.4 + 0.2 * strength))


_TRIVIAL = re.compile(
    r"\b(?:typo|comment|docs?|readme|lint|format|gofmt|whitespace|style|restyle|wording|tests?)\b", re.I
)


def harmlessness(diff: Diff, files: Sequence[str], message: str, clearest: float) -> float:
    """What speaks for a commit's being unable to do it, as log-odds (none above 0).

    `clearest` is the weight of its clearest effect: what is different between lines that are nearly the same.
    """
    kinds = [kind_of_file(path) for path in files]
    if kinds and all(kind in NOT_RUN for kind in kinds):
        return -5.0
    if kinds and all(kind in NOT_RUN | {"show"} for kind in kinds):
        return -3.5
    if diff.is_empty:
        # Without a diff, or one of comments only: what its message calls trivial is.
        return -2.0 if _TRIVIAL.search(message) else -0.4
    lines = (*diff.removed, *diff.added)
    if all(kind == "dependency" for kind in kinds):
        return -0.5
    values = [each for each in diff.literals if each.ratio is not None and not version_step(each.old, each.new)]
    told = [is_telling(line) for line in lines]
    if any(told) and not values and all(yes or _is_plain(line) for yes, line in zip(told, lines, strict=True)):
        return -2.5
    cost = 0.0
    if diff.removed and not values and not diff.loops and diff.kept > 0.6:
        # Nearly all of it stands again in the new lines: it was moved, or written otherwise.
        loosely = 0.4 if _lost_guard(diff) or diff.literals or diff.grown else 1.0
        cost -= 3.0 * (diff.kept - 0.6) / 0.4 * loosely * (1.0 - 0.8 * min(1.0, clearest / 1.8))
    if not diff.removed and not any(_DDL.search(line) for line in diff.added):
        # Nothing that was there is otherwise: only what is new can fail, if it is used at all.
        cost -= 1.0 if any(declares(line) for line in diff.added) else 0.6
    if _roomier(diff):
        cost -= 1.0
    return cost


def _is_plain(line: str) -> bool:
    return bool(re.fullmatch(r"[\"'\w\s.,(){}:=+/&-]*", line)) and not re.search(r"[=(]", line.strip(")}, ("))


def _lost_guard(diff: Diff) -> bool:
    return bool(({stemmed(word) for word in GUARDS} & set(diff.gone)) - set(diff.come))


def _roomier(diff: Diff) -> bool:
    """Guards that were only added: a check, a close, a length that is looked at."""
    came = {stemmed(word) for word in GUARDS} & set(diff.come)
    return not diff.removed and (bool(came) or _ways_out(diff.added) > 0)
