"""Questions for figures per step, as SQL that aggregates where the rows are; pure functions."""

from watchkeeper.telemetry.row_queries import POINT_KEY, SPAN_KEY, all_of, attribute, common
from watchkeeper.telemetry.sources import CallQuery, LogCountQuery, MetricBucketQuery, RedQuery
from watchkeeper.telemetry.sql import Sql, joined, one_of, sql

IS_ENTRY = Sql("(kind IN ('server', 'consumer') OR (parent_span_id IS NULL AND kind <> 'client'))")
"""The condition that a span is a request to its service."""

_SEVERITY = """CASE
    WHEN severity_number >= 17 THEN 'error'
    WHEN severity_number >= 13 THEN 'warn'
    WHEN severity_number >= 9 THEN 'info'
    WHEN severity_number >= 1 THEN 'debug'
    WHEN regexp_matches(severity_text, '^(ERR|FATAL|CRIT|ALERT|EMERG|SEVERE)', 'i') THEN 'error'
    WHEN severity_text ILIKE 'WARN%' THEN 'warn'
    WHEN regexp_matches(severity_text, '^(DEBUG|TRACE|FINE|VERBOSE)', 'i') THEN 'debug'
    ELSE 'info' END"""

# The callee's spans may begin a little outside the caller's window: clocks differ and queues delay.
_CHILD_MARGIN = "INTERVAL 60 SECOND"


def _step_begin(step_seconds: float) -> str:
    step = max(1, round(step_seconds * 1e6))
    return f"epoch_us(time) // {step} * {step}"


# Whole nanoseconds are added up: a mean of fractions is another one, in its last digits, for each order of the threads.
def red(query: RedQuery) -> Sql:
    """Requests, errors and durations of entry spans, a step and service and what else is asked for."""
    by = {"operation": "name AS operation"}
    extra = "".join(f", {column}" for column in query.by)
    chosen = "".join(f", {by.get(column, column)}" for column in query.by)
    return sql(
        f"""SELECT make_timestamp(step) AS time, service_name{extra}, requests, errors, mean_ms,
  quantiles[1] AS p50_ms, quantiles[2] AS p95_ms, quantiles[3] AS p99_ms, maximum_ms
FROM (
  SELECT step, service_name{extra}, count(*) AS requests, count(*) FILTER (is_error) AS errors,
    sum(duration_ns) / count(*) / 1e6 AS mean_ms,
    quantile_cont(ms, [0.5, 0.95, 0.99]) AS quantiles, max(ms) AS maximum_ms
  FROM (
    SELECT DISTINCT ON ({SPAN_KEY}) {_step_begin(query.step_seconds)} AS step, service_name{chosen},
      status_code = 'error' AS is_error, duration_ns, duration_ns / 1e6 AS ms
    FROM spans WHERE {{matching}}
  ) GROUP BY step, service_name{extra}
) ORDER BY step, service_name{extra}""",
        matching=all_of([*common(query), IS_ENTRY]),
    )


_PEER = ("peer.service", "server.address", "db.system.name", "db.system")
_NAMESPACE = ("db.namespace", "db.name")


def _first_known(column: str, keys: tuple[str, ...]) -> Sql:
    return sql("coalesce({options})", options=joined(", ", (attribute(column, key) for key in keys)))


# Duplicate callers add nothing where they are answered, as that is grouped by caller; attributes are looked up only
# where nothing answered. Both cost most of the time otherwise.
def calls(query: CallQuery) -> Sql:
    """Calls a step, caller, callee and operation: client spans joined to the spans that answer them.

    A span of another service whose parent is no client span counts as a call too, timed as the callee saw it.
    """
    return sql(
        f"""WITH caller AS (
  SELECT {SPAN_KEY} AS id, {_step_begin(query.step_seconds)} AS step, service_name, name,
    kind IN ('client', 'producer') AS is_client, status_code = 'error' AS is_error, duration_ns / 1e6 AS ms
  FROM spans WHERE {{matching}}
), child AS (
  SELECT hash(trace_id, parent_span_id) AS id, service_name, name,
    kind IN ('server', 'consumer') AS is_server, status_code = 'error' AS is_error, duration_ns / 1e6 AS ms
  FROM spans WHERE parent_span_id IS NOT NULL
    AND time >= {{start}} - {_CHILD_MARGIN} AND time < {{end}} + {_CHILD_MARGIN}
), answered AS (
  SELECT id, any_value(step) AS step, any_value(caller.service_name) AS caller, child.service_name AS callee,
    any_value(CASE WHEN is_client THEN caller.name ELSE child.name END) AS operation,
    bool_or(CASE WHEN is_client THEN caller.is_error ELSE child.is_error END) AS is_error,
    max(CASE WHEN is_client THEN caller.ms ELSE child.ms END) AS ms, avg(child.ms) AS callee_ms
  FROM caller JOIN child USING (id)
  WHERE child.service_name <> caller.service_name OR (is_client AND is_server)
  GROUP BY id, child.service_name
), unanswered AS (
  SELECT DISTINCT ON (id) step, service_name, name, is_error, ms,
    {{peer}} || coalesce('/' || {{namespace}}, '') AS peer
  FROM (
    SELECT *, list_filter(attributes, lambda entry: {{about_callee}}) AS about_callee FROM (
      SELECT {SPAN_KEY} AS id, {_step_begin(query.step_seconds)} AS step, service_name, name,
        status_code = 'error' AS is_error, duration_ns / 1e6 AS ms, attributes
      FROM spans WHERE {{matching}} AND kind IN ('client', 'producer')
    ) ANTI JOIN answered USING (id)
  )
), call AS (
  SELECT step, caller, callee, TRUE AS is_instrumented, operation, is_error, ms, callee_ms FROM answered
  UNION ALL
  SELECT step, service_name, peer, FALSE, name, is_error, ms, NULL FROM unanswered WHERE peer IS NOT NULL
)
SELECT make_timestamp(step) AS time, caller AS service_name, callee, is_instrumented, operation,
  count(*) AS requests, count(*) FILTER (is_error) AS errors, avg(ms) AS mean_ms,
  quantile_cont(ms, 0.95) AS p95_ms, avg(callee_ms) AS callee_mean_ms
FROM call GROUP BY step, caller, callee, is_instrumented, operation
ORDER BY step, caller, callee, operation, is_instrumented""",
        about_callee=one_of("entry.key", _PEER + _NAMESPACE),
        peer=_first_known("about_callee", _PEER),
        namespace=_first_known("about_callee", _NAMESPACE),
        matching=all_of(common(query)),
        start=query.window.start,
        end=query.window.end,
    )


_SERIES = (
    *("service_name", "service_instance_id", "service_version", "name", "unit", "kind", "temporality"),
    *("is_monotonic", "attributes"),
)


def metric_buckets(query: MetricBucketQuery) -> Sql:
    """What each series did in each step."""
    conditions = common(query)
    if query.names:
        conditions.append(one_of("name", query.names))
    columns = ", ".join(_SERIES)
    same = ", ".join(f"any_value({column}) AS {column}" for column in _SERIES)
    # Attributes are looked up once a series: carried through the removal of duplicates they cost most of the time.
    return sql(
        f"""WITH series AS (
  SELECT hash({columns}) AS id, {same} FROM metrics WHERE {{matching}} GROUP BY id
), point AS (
  SELECT DISTINCT ON ({POINT_KEY}) hash({columns}) AS id, {_step_begin(query.step_seconds)} AS step,
    time, value, "count"
  FROM metrics WHERE {{matching}}
), bucket AS (
  SELECT id, step, arg_min(value, time) AS first, arg_max(value, time) AS last, avg(value) AS mean,
    min(value) AS minimum, max(value) AS maximum, sum(value) AS total, count(*) AS points,
    arg_max("count", time) AS "count"
  FROM point GROUP BY id, step
)
SELECT make_timestamp(step) AS time, {columns}, first, last, mean, minimum, maximum, total, points, "count"
FROM bucket JOIN series USING (id) ORDER BY step, service_name, name, service_instance_id, attributes""",
        matching=all_of(conditions),
    )


def log_counts(query: LogCountQuery) -> Sql:
    """How many records each service wrote in each step, by severity."""
    return sql(
        f"""SELECT make_timestamp(step) AS time, service_name, severity, count(*) AS records
FROM (
  SELECT {_step_begin(query.step_seconds)} AS step, service_name, {_SEVERITY} AS severity
  FROM logs WHERE {{matching}}
) GROUP BY step, service_name, severity ORDER BY step, service_name, severity""",
        matching=all_of(common(query)),
    )
