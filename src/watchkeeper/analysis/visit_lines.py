"""Log lines of visits: under which span each was written, and what statement wrote it."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from watchkeeper.analysis.log_columns import LONGEST, Columns, text_of
from watchkeeper.analysis.log_templates import Templates
from watchkeeper.analysis.lognews import WARN
from watchkeeper.analysis.spans import Ints, Spans

_WHERE = ("code.function.name", "code.file.path", "code.filepath", "code.namespace", "code.function")
_LINE = ("code.line.number", "code.lineno")
_DUMP = re.compile(
    r"(?<=[:=])(\s{0,8})(?:\[[^\[\]]{0,2000}\]|\{[^{}]{0,2000}\})"
    r"|()[({\[](?=[^(){}\[\]=]{0,200}=)[^(){}\[\]]{0,2000}[)}\]]"
)
"""A printed object or list: what stands in brackets after a key, or holds keys with values."""
DEEPEST_DUMP = 8


@dataclass(frozen=True)
class Lines:
    """Lines of visits, each shape (n,): the row of the span under which it was written, and its statement."""

    span: Ints
    time_us: Ints
    template: NDArray[np.object_]
    is_warning: NDArray[np.bool_]


def read_lines(logs: pa.Table, spans: Spans) -> Lines:
    """The lines of the answer of a `LogQuery` that belong to spans of the same service; told twice, they count once."""
    logs = logs.filter(pc.and_(logs["trace_id"].is_valid(), logs["span_id"].is_valid()))
    logs = logs.append_column("place", _places(logs["attributes"]))
    columns = ["time", "body", "place", "trace_id", "span_id", "service_name", "severity_number"]
    logs = logs.group_by(columns).aggregate([]).select(columns).sort_by([(c, "ascending") for c in columns])
    keys = (_keys(table["trace_id"], table["span_id"]) for table in (logs, spans.table))
    rows = pc.fill_null(pc.index_in(next(keys), value_set=next(keys)), -1).to_numpy().astype(np.int64)
    services = np.array(logs["service_name"].to_pylist(), dtype=object)
    known = rows >= 0
    known[known] = spans.service[rows[known]] == services[known]
    logs, services = logs.filter(pa.array(known)), services[known]
    warning = pc.fill_null(logs["severity_number"], 0).to_numpy() >= WARN
    return Lines(
        rows[known],
        pc.cast(logs["time"], pa.int64()).to_numpy(),
        _statements(services.tolist(), logs["body"].to_pylist(), logs["place"].to_pylist(), warning.tolist()),
        warning,
    )


def _keys(traces: pa.ChunkedArray, spans: pa.ChunkedArray) -> pa.Array:
    return pc.binary_join_element_wise(traces.combine_chunks(), spans.combine_chunks(), "/")


def _places(attributes: pa.ChunkedArray) -> pa.ChunkedArray:
    """Where in the code lines were written, where records say so (OpenTelemetry's semantic conventions); else null."""
    where, line = (
        pc.coalesce(*(_said(attributes, name) for name in names), pa.scalar(None, pa.string()))
        for names in (_WHERE, _LINE)
    )
    return pc.binary_join_element_wise(where, line, ":")


def _said(attributes: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """The attribute of each row, null where there is none or it is empty."""
    found = pc.map_lookup(attributes, name, "last")
    return pc.if_else(pc.equal(found, ""), pa.scalar(None, pa.string()), found)


def _statements(
    services: list[str], bodies: list[str | None], places: list[str | None], warning: list[bool]
) -> NDArray[np.object_]:
    """What tells lines apart, shape (n,): where in the code they were written, else their template.

    Templates are learnt for each service from all its lines at once. Warnings go by template in any case: a place that
    only reports (a framework's handler of exceptions, say) says different things.
    """
    first: dict[tuple[str, str], str] = {}
    loose: dict[str, list[str]] = {}
    for service, body, place, warns in zip(services, bodies, places, warning, strict=True):
        text = body or ""
        if place and not warns:
            first[service, place] = min(first.get((service, place), text), text)
        else:
            loose.setdefault(service, []).append(text)
    masking = Columns()
    located = {key: f"{text_of(masking.of(outline(text)))} ({key[1]})" for key, text in first.items()}
    learnt = {service: _learnt(texts) for service, texts in loose.items()}
    rows = zip(services, bodies, places, warning, strict=True)
    named = [located[s, place] if place and not warns else learnt[s][body or ""] for s, body, place, warns in rows]
    return np.array(named, dtype=object)


def _learnt(texts: list[str]) -> dict[str, str]:
    """The template of each text, learnt from how often each came."""
    outlines = {text: outline(text) for text in set(texts)}
    templates = Templates()
    templates.learn(outlines[text] for text in texts)
    return {text: templates.of(shown).text for text, shown in outlines.items()}


def outline(line: str) -> str:
    """The first line, bounded, with printed objects and lists as one mark each, however much they hold."""
    text = line.split("\n", 1)[0][:LONGEST]
    for _ in range(DEEPEST_DUMP):
        shorter = _DUMP.sub(r"\1<object>", text)
        if shorter == text:
            break
        text = shorter
    return text
