"""Questions for rows as they were recorded, as SQL over the six tables; pure functions."""

from collections.abc import Iterable, Sequence

from watchkeeper.domain import Window
from watchkeeper.tables import TABLES, TableName
from watchkeeper.telemetry.sources import (
    AttributeFilter,
    ChangeQuery,
    EventQuery,
    ExtentQuery,
    FeedbackQuery,
    LogQuery,
    MetricQuery,
    Query,
    SpanQuery,
)
from watchkeeper.telemetry.sql import Sql, joined, one_of, sql

SLOTS = 1 << 16
"""How finely a sample can be cut: rows fall into this many slots by hash."""

SPAN_KEY = "hash(trace_id, span_id)"
"""What tells spans apart: by 64 bits, as comparing the ids themselves takes twice as long. Among ten million spans
two different ones share them with a probability of 3 in a million."""
POINT_KEY = "hash(service_name, service_instance_id, name, attributes, time)"

# Ties are broken, so that the same question has the same answer.
_ORDER: dict[TableName, str] = {
    "spans": "time, trace_id, span_id",
    "logs": "time, service_name, trace_id, span_id, body",
    "metrics": "time, service_name, name, service_instance_id, attributes",
    "changes": "time, id",
    "feedback": "time, id",
    "events": "time, id",
}

_SLOT_OF = {
    "spans": f"hash(trace_id) % {SLOTS}",
    "logs": f"hash(time, service_name, trace_id, span_id, body) % {SLOTS}",
}


def in_window(window: Window) -> Sql:
    """The condition that a row's time lies in the half-open window."""
    return sql("time >= {start} AND time < {end}", start=window.start, end=window.end)


def common(query: Query) -> list[Sql]:
    """The conditions that all questions share: window and services."""
    conditions = [in_window(query.window)]
    if query.services:
        conditions.append(one_of("service_name", query.services))
    return conditions


def all_of(conditions: Iterable[Sql]) -> Sql:
    """The conditions as one."""
    return joined(" AND ", conditions)


def attribute(column: str, key: str) -> Sql:
    """The value that a column of attributes has for a key, NULL where it has none."""
    return sql(f"list_filter({column}, lambda entry: entry.key = {{key}})[1].value", key=key)


def _with_attributes(filters: Iterable[AttributeFilter]) -> list[Sql]:
    return [
        sql(
            "coalesce({own}, {inherited}) IN ({values})",
            own=attribute("attributes", each.key),
            inherited=attribute("resource", each.key),
            values=joined(", ", (Sql("?", (value,)) for value in each.values)),
        )
        for each in filters
    ]


def spans_matching(query: SpanQuery) -> Sql:
    """The condition that a span matches the question."""
    conditions = common(query)
    if query.trace_ids:
        conditions.append(one_of("trace_id", query.trace_ids))
    if query.kinds:
        conditions.append(one_of("kind", query.kinds))
    if query.only_errors:
        conditions.append(Sql("status_code = 'error'"))
    return all_of(conditions + _with_attributes(query.attributes))


def logs_matching(query: LogQuery) -> Sql:
    """The condition that a record matches the question."""
    conditions = common(query)
    if query.minimum_severity > 0:
        conditions.append(sql("coalesce(severity_number, 0) >= {least}", least=query.minimum_severity))
    if query.contains:
        conditions.append(sql("contains(body, {part})", part=query.contains))
    if query.trace_ids:
        conditions.append(one_of("trace_id", query.trace_ids))
    return all_of(conditions + _with_attributes(query.attributes))


def points_matching(query: MetricQuery) -> Sql:
    """The condition that a metric point matches the question."""
    conditions = common(query)
    if query.names:
        conditions.append(one_of("name", query.names))
    return all_of(conditions + _with_attributes(query.attributes))


def span_slots(matching: Sql) -> Sql:
    """How many different spans fall into each slot; a trace falls into one as a whole. Columns: slot, rows."""
    return sql(
        f"SELECT {_SLOT_OF['spans']} AS slot, count(DISTINCT {SPAN_KEY}) AS rows "
        "FROM spans WHERE {matching} GROUP BY slot ORDER BY slot",
        matching=matching,
    )


def log_slots(matching: Sql) -> Sql:
    """How many records fall into each slot. Columns: slot, rows."""
    return sql(
        f"SELECT {_SLOT_OF['logs']} AS slot, count(*) AS rows FROM logs WHERE {{matching}} GROUP BY slot ORDER BY slot",
        matching=matching,
    )


def sampled(table: TableName, matching: Sql, slots: int | None) -> Sql:
    """The condition, cut down to the rows of the first so many slots; None leaves it as it is."""
    if slots is None:
        return matching
    return sql(f"{{matching}} AND {_SLOT_OF[table]} < {{slots}}", matching=matching, slots=slots)


def rows(table: TableName, matching: Sql, limit: int, unique_by: str | None = None) -> Sql:
    """Rows of a table in order of time, at most `limit`; of those that agree in `unique_by`, one."""
    columns = ", ".join(TABLES[table].names)
    distinct = f"DISTINCT ON ({unique_by}) " if unique_by else ""
    return sql(
        f"SELECT {columns} FROM (SELECT {distinct}{columns} FROM {table} WHERE {{matching}}) "
        f"ORDER BY {_ORDER[table]} LIMIT {{limit}}",
        matching=matching,
        limit=limit,
    )


def count_of(table: TableName, matching: Sql) -> Sql:
    """How many rows match. Columns: rows (duplicates counted), different (duplicates counted once)."""
    different = f"count(DISTINCT {SPAN_KEY})" if table == "spans" else "count(*)"
    return sql(f"SELECT count(*) AS rows, {different} AS different FROM {table} WHERE {{matching}}", matching=matching)


def changes(query: ChangeQuery) -> Sql:
    """Changes that began in the window, one row more than the limit if there are more."""
    conditions = common(query)
    if query.environment is not None:
        conditions.append(sql("environment = {environment}", environment=query.environment))
    if not query.with_commits:
        conditions.append(sql("kind <> {commit}", commit="commit"))
    return rows("changes", all_of(conditions), query.limit + 1)


def feedback(query: FeedbackQuery) -> Sql:
    """Feedback given in the window, one row more than the limit if there is more."""
    return rows("feedback", all_of(common(query)), query.limit + 1)


def events(query: EventQuery) -> Sql:
    """Product events of the window, one row more than the limit if there are more."""
    conditions = common(query)
    if query.names:
        conditions.append(one_of("name", query.names))
    return rows("events", all_of(conditions), query.limit + 1)


def extent(query: ExtentQuery, tables: Sequence[TableName]) -> Sql:
    """First and last times and numbers of rows, a table and service."""
    condition = in_window(query.window) if query.window else Sql("TRUE")
    parts = [
        sql(
            f"SELECT '{table}' AS \"table\", service_name, min(time) AS first, max(time) AS last, count(*) AS rows "
            f"FROM {table} WHERE {{condition}} GROUP BY service_name",
            condition=condition,
        )
        for table in tables
    ]
    return sql('{parts} ORDER BY "table", service_name', parts=joined(" UNION ALL ", parts))
