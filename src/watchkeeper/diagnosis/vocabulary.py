"""Words that anybody may use about any incident: what a model says beyond them must not be telemetry's own words."""

import re

_ORDINARY = """
about above after again against almost alone along already also although always among another answer answered
answering answers around attempt attempts back became because become been before began begin begins behind being below
beside besides best better between beyond both bring came cannot case cause caused causes causing certain certainly
change changed changes check checked clear clearly close come comes comparable compare compared comparison complete
could count counted current currently different direct directly does doing done down during each earlier either else
elsewhere enough entire even every exactly except expected explain explained explains fact factor far fast faster few
fewer find first flat follow followed following follows found from full further gave given gives going gone grew grow
growing grows half happen happened happens hardly have having here high higher highest hour hours however identical
inside instead into itself just keep keeps kept kind knew know known large larger largest last lasted later least less
level levels like likely limit little long longer look looked looks lower lowest made main mainly make makes many may
mean means meanwhile might minute minutes more moreover most mostly much must near nearly need needs neither never new
next none normal normally nothing noticed now number occur occurred occurs often once one only onset onto open other
others otherwise over overall own part parts past place point points possible probable probably quick quickly quite
rather reach reached reaches read ready real really reason recent recently remain remained remains rest result results
right rise rises rising rose roughly same saw second seconds see seem seems seen sets several share shared shares short
shortly should show showed shown shows side similar since single slow slower slowest small so some soon spent stand
stands start started starts stay stayed stays step still stop stopped stops strong strongest such sudden suddenly take
taken takes than that their them then there therefore these they thing this those though three through thus time times
together told took total toward towards true twice two under unlike until unusual upon usual usually value values very
visible wait waited waiting waits was well went were what when where whereas whether which while whole whose why will
with within without worse worst would yet
"""
_OF_THE_FIELD = """
absent affected alert anomaly availability available average baseline blame blamed bottleneck call called callee callees
caller callers calling calls capacity cascade changed component components confirm confirmed connection connections
container control cpu crash crashed crashes crashing dependencies dependency deploy deployed deployment deploys
diagnosis downstream duration durations effect effects elevated endpoint endpoints entry error errors evidence exhausted
exhaustion exited fail failed failing fails failure failures fault faulty flag healthy host hosts impact impacted
incident increase increased increases instance instances internal job jobs latencies latency leak leaks line lines load
log logged logs memory metric metrics missing network onset operation operations outage overload overloaded own
pattern peers percentile percentiles pool pools process processes propagate propagated propagates queries query queue
queued queueing queues rate ratio raise recover recovered release released releases report reported reporting reports
request requests resource resources respond responded response responses restart restarted restarting restarts retries
retry revert roll rolled rollback root route routes saturated saturation serve served server serves service services
severity silence silent span spans spike spikes stable started state status storage suspect suspected suspects symptom
symptoms system telemetry thread threads profile dump
timeout timeouts timing trace traces traffic trouble unavailable unchanged unhealthy upstream
usage user users version versions visits warning warnings window windows worker workers
"""
_OF_WHAT_HAPPENS = """
anew answers ask asked asking asks background busy charge charges code compute computes computing died dies dying
everything exception exceptions exit exits hold holding holds held keep keeps make makes order orders page pages part
parts pass passed passes passing record recorded records refuse refused refuses region regions reply replies something
spending spends stood succeed succeeded throw throwing throws thrown use used uses using work worked working works
"""
COMMON = frozenset(f"{_ORDINARY} {_OF_THE_FIELD} {_OF_WHAT_HAPPENS}".split())
SHORT = frozenset(
    """
    a ago all an and any are as at but by did due end few for get gets got had has he how i if in is it its job
    jobs let low ms new nor now of off old on one or our out own per ran s so sum than the to too top two up us
    use via was way we who why yes
    """.split()  # noqa: SIM905  a paragraph is easier to read
)
"""The same of fewer than four letters."""
WORD = re.compile(r"[^\W\d_]{4,}")
"""What counts as a word that could carry something said elsewhere: four letters and more."""


def words_of(text: str) -> frozenset[str]:
    """The words of a text, in small letters."""
    return frozenset(word.casefold() for word in WORD.findall(text))
