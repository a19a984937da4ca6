"""Words by which a commit and a symptom are known to speak of the same thing, and kinds of files."""

import re
from dataclasses import dataclass

from watchkeeper.analysis.diffs import stems, words_of


@dataclass(frozen=True)
class Field:
    """One subject of programs: how code speaks of it, and how symptoms of it are called."""

    code: frozenset[str]
    symptom: frozenset[str]
    weight: float = 1.0


FIELDS: dict[str, Field] = {
    "cache": Field(
        stems("cache cached ttl expire expiry expiration evict eviction redis memcached memoize invalidate stale"),
        stems("cache miss hit evict eviction stampede memcached redis stale"),
    ),
    "database": Field(
        stems("query select sql index where join limit orm row scan migration prefetch eager include related offset")
        | stems("paginate page transaction table column cursor find"),
        stems("query sql select statement row scan table db database cursor postgres mysql index"),
        0.8,
    ),
    "pool": Field(
        stems("pool connection conn idle max acquire release close borrow hikari closing"),
        stems("pool connection conn exhausted acquire pending hikaricp checkout saturated"),
    ),
    "time limit": Field(
        stems("timeout deadline timeou wait ttl cancel context"), stems("timeout deadline timed exceeded cancelled")
    ),
    "retry": Field(
        stems("retry attempt backoff jitter factor hedge redeliver"), stems("retry attempt storm inflight overload")
    ),
    "identity": Field(
        stems("auth jwt token audience issuer scope role permission leeway skew oidc oauth session cookie cors csrf")
        | stems("verify signature secret expiry exp claim login"),
        stems("auth jwt token unauthorized forbidden denied audience issuer expired session invalid login permission")
        | stems("signature"),
    ),
    "format": Field(
        stems("json schema field decode encode marshal unmarshal proto avro serialize deserialize required enum tag")
        | stems("status codec parse contract version encoding charset"),
        stems("decode deserialize unmarshal parse schema field missing unknown invalid unexpected json avro proto")
        | stems("serialization undefined attribute encoding"),
    ),
    "memory": Field(
        stems("buffer map append push heap allocate remember retain weak history list cache global static accumulate")
        | stems("close goroutine chan done cancel listener"),
        stems("memory heap oom rss gc garbage allocation"),
    ),
    "locks": Field(
        stems("lock mutex synchronized semaphore await block blocking atomic serial serializable"),
        stems("lock blocked deadlock contention waiting mutex thread"),
    ),
    "batch": Field(
        stems("batch chunk bulk group put write flush item unit"),
        stems("batch write capacity throttle throughput put provisioned bulk"),
    ),
    "limits": Field(
        stems("rate limit quota burst throttle bucket"), stems("rate limit throttle throttled 429 rejected")
    ),
    "threads": Field(
        stems("worker thread goroutine concurrency parallel executor queue async pool chan done background spawn"),
        stems("worker thread queue backlog saturated goroutine executor lag partition"),
    ),
    "names": Field(stems("dns host resolve url endpoint port address"), stems("dns host resolve refused unreachable")),
    "patterns": Field(stems("regex regexp pattern compile match"), stems("cpu backtrack regex")),
}
"""Subjects; a word may belong to several."""

COMMON = stems(
    "error err failed fail failure request response service server client the a an of to in is for and or not with by "
    "on at from no it be was has return if else nil null none new func function def self this var let const true false "
    "string int float bool import package public private static final void class struct type get set ok code status "
    "value name id ctx context data info warn debug log logger level message msg time ms second http api app svc "
    "ratio per total count rate p50 p90 p95 p99 seconds duration high critical above below default handler internal "
    "main src test line file path go py js ts java rb com github org www https v1 v2 make map range for append len "
    "async await export end do then than after before when while under over out that are user item object result args"
)
"""Words that code and telemetry use of everything."""

GUARDS = stems(
    "limit max timeout leeway tolerance skew validate check verify guard lock mutex close defer finally retry backoff "
    "jitter circuit fallback dedupe distinct batch chunk cache index where escape sanitize require optional catch "
    "rescue except try prefetch related include release dispose unsubscribe evict trim recover throttle rollback "
    "deadline cancel offset paginate remove clear removelistener expire done breaker"
)
"""Words of what protects: whatever took them away is as suspicious as what was added."""

CALLS = re.compile(
    r"\b(?:await\b|\w*(?:[Qq]uery|[Ff]etch|[Ff]ind|[Ss]elect|[Ll]oad|[Ee]xec|[Gg]et|[Pp]ut|[Ss]ave|[Ww]rite|[Ss]end|"
    r"[Pp]ost|[Pp]ublish|[Ii]nsert|[Ll]ookup|[Cc]all|[Rr]equest|[Rr]ead)\w*\s*\()"
)
"""How calls are written that leave the process."""
_DECLARES = re.compile(r"\b(?:func|def|function|class|interface|struct|enum|type|module|record|fun)\b")
_TELLING = re.compile(
    r"\b(?:log(?:ger|ging)?|slog|LOG_\w+|console|metrics?|counter|histogram|gauge|prometheus|promauto|span|tracer|"
    r"attributes?|statsd|otel|Inc|Observe|SetAttributes|print(?:f|ln)?|fields)\b",
    re.IGNORECASE,
)
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "test",
        re.compile(r"(?:^|/)(?:tests?|spec|__tests__|testdata|fixtures|e2e)/|[_.-](?:test|spec)s?\.\w+$|/test_"),
    ),
    ("docs", re.compile(r"(?:^|/)docs?/|documentation/|\.(?:md|rst|adoc|txt)$|CODEOWNERS|LICENSE|CHANGELOG", re.I)),
    (
        "build",
        re.compile(r"(?:^|/)\.(?:github|circleci|gitlab)|Jenkinsfile|golangci|eslint|rubocop|pre-commit|Makefile"),
    ),
    ("show", re.compile(r"\.(?:css|scss|less|svg|png|jpe?g|gif|ico|woff2?|html|hbs|ejs|j2|snap)$", re.I)),
    ("elsewhere", re.compile(r"(?:^|[/_.-])(?:staging|sandbox|dev|local|example)s?(?:[/_.-]|$)", re.I)),
    (
        "dependency",
        re.compile(
            r"(?:^|/)(?:go\.(?:mod|sum)|package(?:-lock)?\.json|yarn\.lock|pnpm-lock\.yaml|requirements[\w-]*\.txt|"
            r"poetry\.lock|uv\.lock|pyproject\.toml|Pipfile(?:\.lock)?|Gemfile(?:\.lock)?|pom\.xml|build\.gradle(?:\.kts)?|"
            r"Cargo\.(?:toml|lock)|composer\.(?:json|lock))$"
        ),
    ),
)
_SHARED = stems(
    "pkg lib libs internal common shared core package packages vendor config configuration db database migration "
    "migrate schema schemas proto protos contract contracts platform api types infra deploy charts helm util utils "
    "sdk model models"
)
_NO_NAME = stems("service services server svc srv app apps cmd api worker backend the prod production")


def kind_of_file(path: str) -> str:
    """`test`, `docs`, `build`, `show`, `elsewhere` (not for production), `dependency`, or `code`."""
    if re.search(r"requirements[\w-]*\.txt$", path):
        return "dependency"
    return next((kind for kind, pattern in _KINDS if pattern.search(path)), "code")


def is_shared(path: str) -> bool:
    """Whether a file lies where several services take code or settings from."""
    parts = [word for part in path.lower().split("/")[:-1] for word in (part, *words_of(part))]
    return "/" not in path or any(part in _SHARED for part in parts)


def stem(service: str) -> frozenset[str]:
    """The words by which a service is known in paths: `checkoutservice` and `checkout-svc-1` are both checkout."""
    words = [re.sub(r"(?:service?|svc|srv)$", "", word) for word in words_of(service)]
    kept = {word for word in words if len(word) > 1 and word not in _NO_NAME}
    return frozenset(kept) or frozenset(words_of(service))


def belongs(path: str, service: str) -> bool:
    """Whether a path's folders name a service: all the words of its name, or its name in one word, or a long part."""
    folders = path.split("/")[:-1] or [path]
    own = stem(service)
    joined = "".join(sorted(own, key=service.lower().find))
    for folder in folders:
        words = {re.sub(r"(?:service?|svc|srv)$", "", w) for w in words_of(folder)} - _NO_NAME
        together = "".join(re.findall(r"[a-z0-9]+", folder.lower()))
        if words and (words == own or own <= words or (len(together) > 4 and joined.startswith(together))):
            return True
        if words and words < own and any(len(w) > 5 for w in words) and not words & _SHARED:
            return True
    return False


def is_telling(line: str) -> bool:
    """Whether a line writes logs, metrics or spans, and does nothing else."""
    return bool(_TELLING.search(line)) and not re.search(r"\b(?:return|for|while)\b", line)


def declares(line: str) -> bool:
    """Whether a line begins something of its own: a function, a class, a type."""
    return bool(_DECLARES.search(line))


def subjects(words: frozenset[str], of_code: bool) -> frozenset[str]:
    """The subjects that some words speak of."""
    return frozenset(name for name, each in FIELDS.items() if words & (each.code if of_code else each.symptom))
