"""Which commit did it, or none: candidates with what speaks for each, weighed against causes that no commit has.

Weights are log-odds, set by reasoning and checked on made-up cases (`evals/commits`), not fitted: there are far too
few labelled incidents with diffs to fit them. What a commit touches counts more than when it came out.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from watchkeeper.analysis.commit_effects import Effect, effects_of, harmlessness
from watchkeeper.analysis.commit_symptoms import Picture
from watchkeeper.analysis.commit_words import COMMON, belongs, is_shared, kind_of_file, stem
from watchkeeper.analysis.commits_outside import Outside, outside_causes
from watchkeeper.analysis.diffs import Diff, read_diff, words_of

OTHER = 2.4
"""Log-odds that something else did it that is not among the candidates: what a commit must beat to be blamed."""
NEVER_OUT, TOO_LATE = -3.0, -8.0
"""A commit that no release can have brought out; one that came out after the trouble began."""
PROMPT_MINUTES = 15.0
"""A gap from release to onset that costs nothing: pools fill, rollouts take their time."""
PER_DOUBLING, LONGEST_COST = 0.3, 1.8
"""What every doubling of a longer gap costs, and the most it may cost: caches expire, leaks grow, tables fill."""
OUTSIDE = 6.5
"""Log-odds of a cause that no commit has where all that can be told of it is there."""
WORDS_WEIGHT, WORDS_MOST = 0.75, 3.0
CONTENT = 1.2
"""What the diff itself must say, as log-odds, before place and time count in full."""
CLEAR, MENTIONED = 1.0, 1.2
"""Below how clear an effect words show no more than a common subject, and what they weigh at most then."""
STEP = timedelta(seconds=60)


@dataclass(frozen=True)
class Commit:
    """One commit as it was made."""

    sha: str
    at: datetime
    message: str
    files: tuple[str, ...]
    diff: str | None = None

    @cached_property
    def read(self) -> Diff:
        """Its diff, read."""
        return read_diff(self.diff)


@dataclass(frozen=True)
class Release:
    """What brought commits out: a deploy, a rollback, a migration, a change of config."""

    id: str
    service: str
    at: datetime
    commits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """One commit on trial."""

    commit: Commit
    release: Release | None
    """What brought it out; None where nothing is on record that can have."""
    is_named: bool
    """Whether the release names it."""
    component: str
    """Where it shows: the service that it came out in, or else the one that is in trouble."""
    score: float
    reasons: Mapping[str, float]
    """What the score is made of."""
    effects: tuple[Effect, ...] = ()
    words: tuple[str, ...] = ()
    """Words that it shares with the trouble, the most telling first."""

    @property
    def out_at(self) -> datetime:
        """When it came out; when it was made, where no release is on record."""
        return self.release.at if self.release is not None else self.commit.at


@dataclass(frozen=True)
class Verdict:
    """Candidates and causes outside of the history, with their probabilities, which add up to 1 with `other`."""

    candidates: tuple[tuple[Candidate, float], ...]
    outside: tuple[tuple[Outside, float], ...]
    other: float = field(default=0.0)


def judge(commits: Sequence[Commit], releases: Sequence[Release], seen: Picture) -> Verdict:
    """Weigh every commit that was made before it was over against the trouble, and against what no commit does."""
    rarity = _rarity(commits)
    tried = [_candidate(commit, commits, releases, seen, rarity) for commit in commits]
    tried.sort(key=lambda each: (-each.score, each.out_at, each.commit.sha))
    outside = outside_causes(seen)
    odds = [each.score for each in tried] + [OUTSIDE * each.strength for each in outside] + [OTHER]
    most = max(odds)
    total = sum(math.exp(each - most) for each in odds)
    shares = [math.exp(each - most) / total for each in odds]
    return Verdict(
        candidates=tuple(zip(tried, shares, strict=False)),
        outside=tuple(zip(outside, shares[len(tried) :], strict=False)),
        other=shares[-1],
    )


def _rarity(commits: Iterable[Commit]) -> Mapping[str, float]:
    """How telling a word is among these commits: 1 where only one has it, near 0 where all do."""
    documents = [set(_all_words(commit)) for commit in commits]
    total = len(documents)
    counts = Counter(word for document in documents for word in document)
    span = math.log(total + 1)
    return {word: max(0.1, 1.0 - math.log(count) / span) for word, count in counts.items()}


def _all_words(commit: Commit) -> list[str]:
    read = commit.read
    return words_of(" ".join((*commit.files, commit.message, *read.removed, *read.added)))


def _candidate(
    commit: Commit,
    commits: Sequence[Commit],
    releases: Sequence[Release],
    seen: Picture,
    rarity: Mapping[str, float],
) -> Candidate:
    release, is_named, delivery = _release(commit, commits, releases, seen)
    words, said = _shared_words(commit, seen, rarity)
    effects = effects_of(commit.read, commit.files, commit.message, seen)
    clearest = effects[0].weight if effects else 0.0
    if clearest < CLEAR:
        said = min(said, MENTIONED)
    reasons = {
        "place": _place(commit, release, is_named, seen),
        "delivery": delivery,
        "time": _time(commit, release, seen),
        "words": said,
        "effect": _summed(effects),
        "harmless": harmlessness(commit.read, commit.files, commit.message, clearest),
    }
    where_and_when = reasons["place"] + reasons["delivery"] + reasons["time"]
    if where_and_when > 0:
        # Where and when say little by themselves: the same is true of every commit beside it.
        reasons["nothing in it"] = -0.7 * where_and_when * max(0.0, 1.0 - (reasons["effect"] + said) / CONTENT)
    component = _component(commit, release, seen)
    return Candidate(commit, release, is_named, component, sum(reasons.values()), reasons, effects, words)


def _summed(effects: Sequence[Effect]) -> float:
    """The clearest effect in full, what comes to it at half and a quarter: they often are one and the same."""
    return sum((each.weight * 0.5**place for place, each in enumerate(effects[:3])), start=0.0)


def _component(commit: Commit, release: Release | None, seen: Picture) -> str:
    own = {move.service for move in seen.moves}
    if release is not None and release.service in own:
        return release.service
    mine = sorted(name for name in own if any(belongs(path, name) for path in commit.files))
    return seen.service if seen.service in mine or not mine else mine[0]


def _release(
    commit: Commit, commits: Sequence[Commit], releases: Sequence[Release], seen: Picture
) -> tuple[Release | None, bool, float]:
    """What brought it out, whether that names it, and how sure that is as log-odds.

    A release names the commit that it was built from: it ships what was made before as well, if it is of that service
    or of what services share.
    """
    named = [r for r in releases if any(_same(commit.sha, sha) for sha in r.commits)]
    if named:
        return min(named, key=lambda r: (_distance(r.service, seen), r.at)), True, 0.8
    after = sorted((r for r in releases if r.at >= commit.at), key=lambda r: r.at)
    own = [r for r in after if any(belongs(path, r.service) for path in commit.files)]
    bumped = [r for r in after if _bumps(r, commit, commits)]
    if bumped:
        return bumped[0], False, 0.8
    if own:
        return own[0], False, 0.0 if not own[0].commits else -0.4
    # Where a release does not say what it was built from, or nobody's folder is touched, it may hold anything.
    foreign = {name for name in seen.services if any(belongs(path, name) for path in commit.files)}
    if any(is_shared(path) for path in commit.files) or (not foreign and any(not r.commits for r in after)):
        near = [r for r in after if _distance(r.service, seen) < 2] or after
        if near:
            return near[0], False, -0.5
    # Where releases are on record at all, what none of them can hold is not out.
    return None, False, NEVER_OUT if releases else -0.3


def _same(one: str, other: str) -> bool:
    shorter = min(len(one), len(other))
    return shorter >= 7 and one[:shorter] == other[:shorter]


def _bumps(release: Release, commit: Commit, commits: Sequence[Commit]) -> bool:
    """Whether the release was built from a commit that takes a newer version of what this commit changed."""
    folders = {w for path in commit.files for w in words_of(path.rsplit("/", 1)[0]) if "/" in path} - COMMON
    for other in commits:
        if not any(_same(other.sha, sha) for sha in release.commits) or other.sha == commit.sha:
            continue
        if not any(kind_of_file(path) == "dependency" for path in other.files):
            continue
        taken = [line for line in other.read.added if set(words_of(line.rsplit("/", 1)[-1])) & folders]
        if taken and other.at >= commit.at:
            return True
    return False


def _distance(service: str, seen: Picture) -> int:
    if service == seen.service:
        return 0
    return 1 if service in seen.troubled or seen.near(service) else 2


def _place(commit: Commit, release: Release | None, is_named: bool, seen: Picture) -> float:
    """How near to the trouble it lies: by the folders that it touches, and by where it came out."""
    touched = {name for name in (*seen.services,) if any(belongs(path, name) for path in commit.files)}
    shared = any(is_shared(path) for path in commit.files)
    nearest = min((_distance(name, seen) for name in touched), default=None)
    by_files = 0.4 if shared or not touched else -0.6
    # Without any call on record nobody can be told to be far away: queues and databases are in few traces.
    far = 1.0 if seen.edges else 0.4
    if nearest is not None:
        by_files = max((1.2, 0.7, -1.0 * far)[nearest], by_files)
    by_release = 0.0
    if release is not None and is_named:
        by_release = (0.8, 0.6, -0.8 * far)[_distance(release.service, seen)]
    elif release is not None:
        by_release = (0.3, 0.2, -0.5 * far)[_distance(release.service, seen)]
    return by_files + by_release


def _time(commit: Commit, release: Release | None, seen: Picture) -> float:
    """Whether it was out when the trouble began, and how long before; a figure that left its level with it counts."""
    out = release.at if release is not None else commit.at
    if out > seen.latest:
        return TOO_LATE
    gap = max(0.0, (seen.onset - out).total_seconds() / 60)
    cost = min(LONGEST_COST, PER_DOUBLING * math.log2(max(1.0, gap / PROMPT_MINUTES)))
    moved = [m.began - out for m in seen.moves if m.service in seen.troubled]
    if release is not None and any(-STEP <= after <= 3 * STEP for after in moved):
        return 0.8 - cost / 2
    return -cost


def _shared_words(commit: Commit, seen: Picture, rarity: Mapping[str, float]) -> tuple[tuple[str, ...], float]:
    """Words that the commit has in common with the trouble, and what they weigh.

    What it put in or took away counts in full, what stands in the lines that it touched half, in paths, messages and
    beside it a third. Words that are no longer said count where the commit took them away.
    """
    read = commit.read
    changed = (set(read.come) | set(read.gone)) - COMMON
    literal = {w for each in read.literals for w in words_of(f"{each.key} {each.old} {each.new}")} - COMMON
    touched = set(words_of(" ".join((*read.removed, *read.added))))
    beside = set(words_of(" ".join((*commit.files, commit.message, *read.context[:60])))) - COMMON
    own = stem(seen.service)
    worth: dict[str, float] = {}
    for word, weight in seen.words.items():
        # The service's own name stands in its paths: where it is, not what it does.
        about = 1.0 if word in changed | literal else 0.5 if word in touched else 0.35 if word in beside else 0.0
        about *= 0.3 if word in own else 1.0
        if about:
            worth[word] = about * weight * rarity.get(word, 1.0)
    for word in seen.gone & set(read.gone):
        worth[word] = max(worth.get(word, 0.0), 1.2 * rarity.get(word, 1.0))
    # A large diff has any word by chance.
    size = max(1.0, (len(changed) / 25) ** 0.5)
    ranked = sorted(worth, key=lambda word: (-worth[word], word))
    total = sum(worth.values()) / size
    return tuple(word for word in ranked if worth[word] >= 0.2)[:6], min(WORDS_MOST, WORDS_WEIGHT * total)
