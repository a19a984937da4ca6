"""Causes that no commit has: more traffic, one bad record, somebody else's outage, a limit, a certificate, a machine.

Each is judged by evidence of its own and competes with the commits: it is no leftover for what they do not explain.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from watchkeeper.analysis.commit_symptoms import WARN, Line, Picture
from watchkeeper.analysis.diffs import stems, words_of

OutsideKind = Literal["surge", "bad data", "outage elsewhere", "limit reached", "certificate", "machine"]
SURGE, FULL_SURGE = 1.4, 3.0
"""How many times the usual traffic begins to be a surge, and is one beyond doubt."""
SAME_RECORD, LEAST_LINES = 0.8, 3
"""Share of the failing lines, and how many of them, that name the same record."""
_RATE = stems("request rps qps visit view session hit lookup message traffic call order event page login")
_PER = stems("per rps qps rate second sec minute min throughput total count traffic")
_ALL = stems("request rps qps traffic")
_NOT_LOAD = stems(
    "error failed fail retry outgoing rejected dropped ratio latency duration percent "
    "time byte query lag reading read write flushed inflight queue pending response flush"
)
_IDENTIFIER = re.compile(
    r"\b(\w*(?:id|offset|record|key|file|row|partition|batch|order|tenant|customer|account|message|uuid))"
    r"\s*[=:#]\s*[\"']?([\w./-]*\d[\w./-]*)",
    re.IGNORECASE,
)
_OUR_IDS = re.compile(r"^(?:trace|span|request|req|correlation|thread|process|pod|container)_?id$", re.IGNORECASE)
_HOST = re.compile(
    r"(?<![\w.@/-])(?:https?://)?((?:[a-z0-9-]+\.){1,4}(?:com|net|org|io|dev|cloud|app|eu|co|de|uk|example|ai))"
    r"(?![\w-]|\.\w)"
)
_BAD_ANSWER = re.compile(
    r"\b(?:5\d\d|429)\b|unavailable|timed? ?out|refused|reset|unreachable|outage|degraded|bad gateway|no such host|"
    r"servfail|could not resolve|internal server error|overloaded",
    re.IGNORECASE,
)
_THIRD = re.compile(
    r"\b(?:third.party|vendor|external|upstream) (?:provider|api|service|partner|outage)|"
    r"\bprovider\b.{0,60}(?:outage|unavailable|down|degraded|incident|5\d\d)|status page|"
    r"\bregion\b.{0,40}(?:outage|degraded|unavailable|impaired)|availability zone",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"quota|rate.?limit|too many requests|\b429\b|throughput ?exceeded|throttl|limit exceeded|insufficient capacity",
    re.IGNORECASE,
)
_CERTIFICATE = re.compile(
    r"certificate (?:has )?expired|certificate.{0,60}(?:expired|not yet valid)|cert_has_expired|expired certificate",
    re.IGNORECASE,
)
_MACHINE = re.compile(
    r"no space left|disk (?:is )?full|disk.?pressure|read-only file ?system|node ?not ?ready|node.{0,30}not ready|"
    r"evict(?:ed|ing) pod|evicted|host (?:is )?(?:down|unreachable)|network (?:partition|unreachable)|packet loss|"
    r"preempted|input/output error|\bi/o error|hardware error|kernel (?:panic|bug)|no route to host|memory.?pressure|"
    r"spot (?:instance )?interruption|hypervisor",
    re.IGNORECASE,
)
_FILLING = stems("disk filesystem inode volume storage")


@dataclass(frozen=True)
class Outside:
    """A cause that no commit has, with how much speaks for it (0 to 1) and what is told of it."""

    kind: OutsideKind
    service: str
    strength: float
    before: float
    now: float
    example: str
    """A line, or the name of a figure."""
    began: datetime


def outside_causes(seen: Picture) -> list[Outside]:
    """Those for which anything speaks, the strongest of each kind."""
    found: dict[str, Outside] = {}
    for each in (*_surges(seen), *_said(seen), *_full(seen)):
        if each.kind not in found or each.strength > found[each.kind].strength:
            found[each.kind] = each
    ranked = sorted(found.values(), key=lambda each: (-each.strength, _PLAINEST.index(each.kind)))
    # One line has one meaning: the more particular one.
    told: dict[tuple[str, str], Outside] = {}
    for each in ranked:
        told.setdefault((each.service, each.example), each)
    return list(told.values())


_PLAINEST: tuple[OutsideKind, ...] = (
    "certificate",
    "machine",
    "limit reached",
    "outage elsewhere",
    "bad data",
    "surge",
)
"""The most particular kind first."""


def is_load(metric: str) -> bool:
    """Whether a figure counts what comes in from outside, by its name."""
    words = set(words_of(metric))
    return bool(words & _RATE) and bool(words & _PER) and not words & _NOT_LOAD


def _surges(seen: Picture) -> Iterator[Outside]:
    """More requests where requests enter: a service that is called more by one who is not is no surge."""
    levels = {key: 1.0 for key in seen.steady if is_load(key[1])}
    risen = {(m.service, m.metric): m for m in seen.moves if is_load(m.metric)}
    levels |= {key: move.ratio for key, move in risen.items()}
    measured = {service for service, _ in levels}
    for key, move in risen.items():
        if move.ratio < SURGE or move.began > seen.latest + timedelta(seconds=move.give_seconds):
            continue
        if any(service == key[0] and set(words_of(name)) & _ALL for service, name in seen.steady if is_load(name)):
            # More of one kind only, and as many requests in all as ever.
            continue
        callers = _all_callers(key[0], seen)
        if callers & measured:
            continue
        strength = min(1.0, (move.ratio - 1) / (FULL_SURGE - 1))
        others = [ratio for (service, _), ratio in levels.items() if service != key[0]]
        same = sum(ratio > 0.5 * move.ratio for ratio in others)
        strength *= 0.45 if callers else 1.0
        strength *= 1.0 if not others or same else 0.6
        strength *= 1.0 if key[0] == seen.service or (key[0], seen.service) in seen.edges or same else 0.4
        yield Outside("surge", move.service, strength, move.before, move.now, move.metric, move.began)


def _all_callers(service: str, seen: Picture) -> set[str]:
    found: set[str] = set()
    fresh = {service}
    while fresh:
        fresh = {a for a, b in seen.edges if b in fresh} - found - {service}
        found |= fresh
    return found


def _said(seen: Picture) -> Iterator[Outside]:
    """What lines that are new say of somebody else's trouble."""
    new = [line for line in seen.lines if line.severity >= WARN and line.now > 3 * line.before]
    weight = max((line.now for line in new), default=0)
    for line in new:
        share = min(1.0, (line.now + 1) / (0.3 * weight + 1))
        for kind, strength in _kinds_of(line, seen):
            yield Outside(kind, line.service, strength * share, line.before, line.now, line.example, line.first)


def _kinds_of(line: Line, seen: Picture) -> Iterator[tuple[OutsideKind, float]]:
    text = line.example
    hosts = [host for host in _HOST.findall(text) if not any(host in name for name in seen.services)]
    if _CERTIFICATE.search(text):
        yield "certificate", 1.0
    if _MACHINE.search(text):
        yield "machine", 0.9
    if _LIMIT.search(text):
        yield "limit reached", 0.9 if hosts or re.search(r"quota|account", text, re.IGNORECASE) else 0.4
    if hosts and _BAD_ANSWER.search(text):
        yield "outage elsewhere", 0.9
    elif _THIRD.search(text):
        yield "outage elsewhere", 0.8
    if share := _same_record(line):
        yield "bad data", share


def _same_record(line: Line) -> float:
    """How surely all lines of a kind are about one record: they name the same one again and again."""
    if line.now < LEAST_LINES:
        return 0.0
    named: Counter[tuple[str, str]] = Counter()
    for text in line.examples:
        named.update({(key, value) for key, value in _IDENTIFIER.findall(text) if not _OUR_IDS.match(key)})
    if not named:
        return 0.0
    (_, most) = named.most_common(1)[0]
    return 0.95 if most >= SAME_RECORD * len(line.examples) else 0.0


def _full(seen: Picture) -> Iterator[Outside]:
    for move in seen.moves:
        share = move.now / 100 if move.now > 1.5 else move.now
        if set(words_of(move.metric)) & _FILLING and 0.95 <= share <= 1.0 and move.ratio > 1:
            yield Outside("machine", move.service, 0.8, move.before, move.now, move.metric, move.began)
