"""OTLP over HTTP: a request's body, in either encoding, to one Arrow table, and the answer that its sender expects."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import pyarrow as pa

from watchkeeper.tables import TableName
from watchkeeper.telemetry import otlp_json, otlp_protobuf

OtlpSignal = Literal["traces", "metrics", "logs"]
Encoding = Literal["protobuf", "json"]

TABLE_OF: dict[OtlpSignal, TableName] = {"traces": "spans", "metrics": "metrics", "logs": "logs"}

_Decoder = Callable[[bytes, datetime], pa.Table]
_DECODERS: dict[tuple[OtlpSignal, Encoding], _Decoder] = {
    ("traces", "protobuf"): otlp_protobuf.decode_traces,
    ("metrics", "protobuf"): otlp_protobuf.decode_metrics,
    ("logs", "protobuf"): otlp_protobuf.decode_logs,
    ("traces", "json"): otlp_json.decode_traces,
    ("metrics", "json"): otlp_json.decode_metrics,
    ("logs", "json"): otlp_json.decode_logs,
}


def decode(signal: OtlpSignal, encoding: Encoding, body: bytes, arrived_at: datetime) -> pa.Table:
    """An export request as a table of `tables.py`; `arrived_at` stands in for times that cannot be true.

    Raises PayloadRejected, with the reason, for a body that is not such a request.
    """
    return _DECODERS[signal, encoding](body, arrived_at)
