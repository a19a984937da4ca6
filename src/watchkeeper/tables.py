"""The tables of telemetry as Arrow schemas, with OpenTelemetry's names.

Times are UTC in microseconds, `time` is when it happened (of a span: when it began). Ids are lower-case
hex text. Attribute values are text: numbers and booleans as JSON writes them, lists and maps as JSON.
What is not known is null, never an empty string.
"""

from typing import Literal

import pyarrow as pa

TableName = Literal["metrics", "logs", "spans", "changes", "feedback", "events"]

TIME = pa.timestamp("us", tz="UTC")
ATTRIBUTES = pa.map_(pa.string(), pa.string())

_WHO = [
    pa.field("service_name", pa.string(), nullable=False),
    pa.field("service_version", pa.string()),
    pa.field("service_instance_id", pa.string()),
]

METRICS = pa.schema(
    [
        pa.field("time", TIME, nullable=False),
        *_WHO,
        pa.field("name", pa.string(), nullable=False),
        pa.field("unit", pa.string()),
        # gauge | sum | histogram | summary
        pa.field("kind", pa.string(), nullable=False),
        # delta | cumulative, null where it has no meaning
        pa.field("temporality", pa.string()),
        pa.field("is_monotonic", pa.bool_()),
        # Of a histogram or summary: the sum of what was observed.
        pa.field("value", pa.float64()),
        pa.field("count", pa.int64()),
        pa.field("bucket_counts", pa.list_(pa.int64())),
        pa.field("explicit_bounds", pa.list_(pa.float64())),
        pa.field("attributes", ATTRIBUTES),
        pa.field("resource", ATTRIBUTES),
    ]
)

LOGS = pa.schema(
    [
        pa.field("time", TIME, nullable=False),
        *_WHO,
        pa.field("severity_number", pa.int32()),
        pa.field("severity_text", pa.string()),
        pa.field("body", pa.string()),
        pa.field("event_name", pa.string()),
        pa.field("trace_id", pa.string()),
        pa.field("span_id", pa.string()),
        pa.field("attributes", ATTRIBUTES),
        pa.field("resource", ATTRIBUTES),
    ]
)

SPANS = pa.schema(
    [
        pa.field("time", TIME, nullable=False),
        pa.field("duration_ns", pa.int64(), nullable=False),
        *_WHO,
        pa.field("trace_id", pa.string(), nullable=False),
        pa.field("span_id", pa.string(), nullable=False),
        # Null at the root of a trace.
        pa.field("parent_span_id", pa.string()),
        pa.field("name", pa.string(), nullable=False),
        # internal | server | client | producer | consumer
        pa.field("kind", pa.string(), nullable=False),
        # unset | ok | error
        pa.field("status_code", pa.string(), nullable=False),
        pa.field("status_message", pa.string()),
        # What the span itself recorded (exceptions above all), as a JSON list of {time, name, attributes}.
        pa.field("events", pa.string()),
        pa.field("attributes", ATTRIBUTES),
        pa.field("resource", ATTRIBUTES),
    ]
)

CHANGES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        # deploy | rollback | config | flag | migration | scaling
        pa.field("kind", pa.string(), nullable=False),
        pa.field("service_name", pa.string(), nullable=False),
        pa.field("environment", pa.string()),
        pa.field("version", pa.string()),
        pa.field("commits", pa.list_(pa.string())),
        pa.field("author", pa.string()),
        pa.field("time", TIME, nullable=False),
        pa.field("ended_at", TIME),
        pa.field("title", pa.string()),
        pa.field("expected_impact", pa.string()),
        pa.field("attributes", ATTRIBUTES),
    ]
)

FEEDBACK = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("time", TIME, nullable=False),
        # support | in-app | nps | review | …
        pa.field("channel", pa.string()),
        pa.field("service_name", pa.string()),
        pa.field("user_id", pa.string()),
        pa.field("text", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("attributes", ATTRIBUTES),
    ]
)

EVENTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("time", TIME, nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("service_name", pa.string()),
        pa.field("user_id", pa.string()),
        pa.field("session_id", pa.string()),
        pa.field("feature", pa.string()),
        pa.field("attributes", ATTRIBUTES),
    ]
)

TABLES: dict[TableName, pa.Schema] = {
    "metrics": METRICS,
    "logs": LOGS,
    "spans": SPANS,
    "changes": CHANGES,
    "feedback": FEEDBACK,
    "events": EVENTS,
}


def table_of(name: TableName, rows: list[dict[str, object]]) -> pa.Table:
    """Rows as a table of the named schema, for small inputs; missing keys become null.

    Raises pyarrow's errors where a value does not fit the schema.
    """
    return pa.Table.from_pylist(rows, schema=TABLES[name])
