"""Questions for requests by what they have in common, and for the people who sent them, as SQL; pure functions."""

from collections.abc import Sequence

from watchkeeper.telemetry.aggregate_queries import IS_ENTRY
from watchkeeper.telemetry.row_queries import SPAN_KEY, all_of, attribute, common
from watchkeeper.telemetry.sources import OTHER, USER_KEYS, WHOLE, PortionQuery, Query, SlowLimit, UserQuery
from watchkeeper.telemetry.sql import Sql, joined, one_of, sql

COLUMN_OF = {"operation": "name", "service.version": "service_version", "service.instance.id": "service_instance_id"}
"""Attributes that spans have as columns."""

TOGETHER = ", "
"""Between keys that are counted together, as in `cloud.region, service.version`: a portion for each combination of
their values, which are joined alike."""
_WIDEST = 200
_FEWEST, _MOST = 2, 50
"""Values that an attribute has which tells portions apart: more of them are ids."""
_KEYS = 40 - len(COLUMN_OF)

# What a failure sets itself says nothing about who is hit by it.
_CONSEQUENCE = "(status|error|exception|duration|response|retry|resend|otel\\.)"
# What tells processes, threads, connections and libraries apart is another name of the instance, or chance.
_NOISE = "^(process|thread|telemetry|code|network|net|client|trace|span|service)\\."


def requests_of(query: Query) -> Sql:
    """The condition that a span is a request which matches the question."""
    return all_of([*common(query), IS_ENTRY])


def telling_keys(query: PortionQuery) -> Sql:
    """Attributes that some service has 2 to 50 values of, the most common first. Columns: key."""
    return sql(
        f"""SELECT key FROM (
  SELECT service_name, key, count(DISTINCT value) AS variety, count(*) AS requests FROM (
    SELECT service_name, unnest(list_concat(attributes, resource), recursive := true)
    FROM spans WHERE {{matching}}
  ) GROUP BY service_name, key
) WHERE variety BETWEEN {_FEWEST} AND {_MOST} AND length(key) BETWEEN 1 AND {_WIDEST}
  AND NOT {{is_column}} AND NOT {{is_personal}}
  AND NOT regexp_matches(lower(key), {{consequence}}) AND NOT regexp_matches(lower(key), {{noise}})
GROUP BY key ORDER BY sum(requests) DESC, key LIMIT {_KEYS}""",
        matching=requests_of(query),
        is_personal=one_of("key", USER_KEYS),
        is_column=one_of("key", COLUMN_OF),
        consequence=_CONSEQUENCE,
        noise=_NOISE,
    )


def portions(query: PortionQuery, keys: Sequence[str], *, has_duplicates: bool) -> Sql:
    """Requests by service, attribute, value and part, and every service's whole."""
    distinct = "DISTINCT ON (id) " if has_duplicates else ""
    return sql(
        f"""WITH request AS (
  SELECT {distinct}service_name, part, is_error, ms, entries FROM (
    SELECT {SPAN_KEY} AS id, service_name, {{part}} AS part, status_code = 'error' AS is_error,
      duration_ns / 1e6 AS ms, {{entries}} AS entries
    FROM spans WHERE {{matching}}
  ) WHERE part IS NOT NULL
), portion AS (
  SELECT service_name, key, left(value, {_WIDEST}) AS value, part, count(*) AS requests,
    count(*) FILTER (is_error) AS errors, sum(ms) AS spent, quantile_cont(ms, 0.95) AS p95_ms,
    sum(log_ms) AS logs, sum(log_ms * log_ms) AS squares
  FROM (
    SELECT service_name, part, is_error, ms, ln(greatest(ms, 0.001)) AS log_ms, unnest(entries, recursive := true)
    FROM request
  ) WHERE value IS NOT NULL GROUP BY ALL
), ranked AS (
  SELECT service_name, key, value, row_number() OVER (
    PARTITION BY service_name, key ORDER BY least(by_errors, by_time), requests DESC, value
  ) <= {{values}} AS is_shown
  FROM (
    SELECT service_name, key, value, sum(requests) AS requests,
      row_number() OVER (PARTITION BY service_name, key ORDER BY coalesce(
        sum(errors) FILTER (part = 'incident'), 0) DESC, sum(requests) DESC, value) AS by_errors,
      row_number() OVER (PARTITION BY service_name, key ORDER BY coalesce(
        sum(spent) FILTER (part = 'incident'), 0) DESC, sum(requests) DESC, value) AS by_time
    FROM portion GROUP BY service_name, key, value
  )
), merged AS (
  SELECT service_name, key AS attribute, CASE WHEN is_shown THEN value ELSE {{other}} END AS value, part,
    sum(requests)::BIGINT AS requests, sum(errors)::BIGINT AS errors, sum(spent) AS spent,
    max(p95_ms) FILTER (is_shown) AS p95_ms, sum(logs) AS logs, sum(squares) AS squares
  FROM portion JOIN ranked USING (service_name, key, value) GROUP BY ALL
)
SELECT service_name, attribute, value, part, requests, errors, spent / requests AS mean_ms, p95_ms,
  logs / requests AS mean_log_ms,
  CASE WHEN requests > 1 THEN sqrt(greatest(0, squares - logs * logs / requests) / (requests - 1)) END AS sd_log_ms
FROM merged ORDER BY service_name, attribute, value, part""",
        part=_part(query),
        entries=_entries(keys, whole=True),
        matching=requests_of(query),
        values=query.values,
        other=OTHER,
    )


def users(query: UserQuery) -> Sql:
    """How many different values each attribute has, and how many of these met trouble."""
    return sql(
        f"""WITH request AS (
  SELECT id, is_troubled, unnest(entries, recursive := true) FROM (
    SELECT {SPAN_KEY} AS id, status_code = 'error' OR duration_ns / 1e6 > {{slow_ms}} AS is_troubled,
      {{entries}} AS entries
    FROM spans{{limits}} WHERE {{matching}}
  )
)
SELECT asked.attribute, count(DISTINCT value) AS seen, count(DISTINCT value) FILTER (is_troubled) AS affected,
  count(DISTINCT id) AS requests
FROM (VALUES {{asked}}) AS asked(place, attribute)
LEFT JOIN request ON request.key = asked.attribute AND request.value <> ''
GROUP BY place, attribute ORDER BY place""",
        slow_ms=_slow_ms(query),
        entries=_entries(query.keys),
        limits=_joined_to(query.slow_limits),
        matching=requests_of(query),
        asked=joined(", ", (Sql("(?::INTEGER, ?::VARCHAR)", pair) for pair in enumerate(query.keys))),
    )


def _part(query: PortionQuery) -> Sql:
    if query.split is None:
        return Sql("'incident'")
    return sql(
        "CASE WHEN time >= {split} THEN 'incident' WHEN time < {usual_end} THEN 'usual' END",
        split=query.split,
        usual_end=query.usual_end or query.split,
    )


def _entries(keys: Sequence[str], *, whole: bool = False) -> Sql:
    """A span's keys and values: columns, then its own attributes, then those of its resource that it does not have.

    Keys that are asked for together have their values together, where it has all of them.
    """
    columns = {key: COLUMN_OF[key] for key in keys if key in COLUMN_OF} | ({WHOLE: "service_name"} if whole else {})
    others = [key for key in keys if key not in columns and TOGETHER not in key]
    parts = [joined(", ", (Sql(f"struct_pack(key := '{k}', value := {column})") for k, column in columns.items()))]
    parts[0] = sql("[{columns}]", columns=parts[0])
    parts += [_combined(key) for key in keys if TOGETHER in key]
    if others:
        is_asked = one_of("entry.key", others)
        parts.append(sql("list_filter(attributes, lambda entry: {is_asked})", is_asked=is_asked))
        own = "list_transform(attributes, lambda mine: mine.key)"
        inherited = sql(f"{{is_asked}} AND NOT coalesce(list_contains({own}, entry.key), FALSE)", is_asked=is_asked)
        parts.append(sql("list_filter(resource, lambda entry: {inherited})", inherited=inherited))
    return sql("list_concat({parts})", parts=joined(", ", parts))


def _combined(key: str) -> Sql:
    # Joined by ||, a missing value makes the whole of it null, which counts as no portion.
    values = joined(f" || '{TOGETHER}' || ", (_value_of(part) for part in key.split(TOGETHER)))
    return sql("[struct_pack(key := {key}::VARCHAR, value := {values})]", key=key, values=values)


def _value_of(key: str) -> Sql:
    if key in COLUMN_OF:
        return Sql(COLUMN_OF[key])
    return sql("coalesce({own}, {inherited})", own=attribute("attributes", key), inherited=attribute("resource", key))


def _slow_ms(query: UserQuery) -> Sql:
    limit = sql("{slow_ms}::DOUBLE", slow_ms=query.slow_ms)
    return sql("coalesce(slow.slow_ms, {limit})", limit=limit) if query.slow_limits else limit


def _joined_to(limits: Sequence[SlowLimit]) -> Sql:
    if not limits:
        return Sql("")
    rows = (Sql("(?::VARCHAR, ?::VARCHAR, ?::DOUBLE)", (e.service, e.operation, e.slow_ms)) for e in limits)
    return sql(
        " LEFT JOIN (VALUES {rows}) AS slow(service, operation, slow_ms)"
        " ON spans.service_name = slow.service AND spans.name = slow.operation",
        rows=joined(", ", rows),
    )
