"""Spans and log lines as they would have been reported with the fault in them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.injection.effects import OK, OWN, PASSED_ON, REFUSED, Effects
from watchkeeper.injection.forest import Bools, Forest, Ints, rows_of, span_keys, times_ns
from watchkeeper.injection.identity import SPAN_BYTES, TRACE_BYTES, next_instance, renamed
from watchkeeper.injection.maps import value_of, with_value
from watchkeeper.injection.plan import Propagation
from watchkeeper.injection.warp import Warped, moved
from watchkeeper.tables import ATTRIBUTES, LOGS, SPANS, TIME

STATUS_CODE = "http.response.status_code"
STATUS = {OWN: "500", PASSED_ON: "500", REFUSED: "503"}
MESSAGE = {OWN: "internal error", PASSED_ON: "a call failed", REFUSED: "connection refused"}
EXCEPTION = {OWN: "ValueError", PASSED_ON: "UpstreamError", REFUSED: "ConnectionRefusedError"}
LINE = {
    OWN: "request failed: ValueError: unexpected value in field quantity",
    PASSED_ON: "request failed: upstream call returned an error",
    REFUSED: "call failed: connection refused",
}
ERROR_NUMBER, ERROR_TEXT = 17, "ERROR"

Random = np.random.Generator


@dataclass(frozen=True)
class Told:
    """The rewritten tables, and which row of the quiet spans each new span came from."""

    spans: pa.Table
    logs: pa.Table
    origin: Ints


def tell(
    spans: pa.Table, logs: pa.Table, forest: Forest, effects: Effects, warped: Warped, how: Propagation, random: Random
) -> Told:
    """Spans and lines with the effects in them; what is gone is left out."""
    kept = ~effects.extra.is_gone
    if effects.gone_quietly is not None:
        kept &= ~effects.gone_quietly
    full = _rewritten(spans, forest, effects, warped)
    parts, origins = [full.filter(pa.array(kept))], [np.flatnonzero(kept)]
    tried_rows, tried = second_tries(spans, full, forest, effects, warped, random)
    parts.append(tried)
    origins.append(tried_rows)
    where = rows_of(span_keys(logs), span_keys(spans)) if logs.num_rows else np.zeros(0, dtype=np.int64)
    lines = _moved_lines(logs, where, forest, effects, warped, kept)
    lines = pa.concat_tables([lines, _error_lines(full, effects, how, kept, random)])
    return Told(pa.concat_tables(parts), lines, np.concatenate(origins))


def _rewritten(spans: pa.Table, forest: Forest, effects: Effects, warped: Warped) -> pa.Table:
    """All spans with new times and states, those that are gone included."""
    failed = effects.failure != OK
    changed = {
        "time": times(warped.start + forest.origin_ns),
        "duration_ns": pa.array(warped.duration),
    }
    if failed.any():
        changed |= {
            "status_code": chosen(failed, "error", spans["status_code"]),
            "status_message": _by_failure(effects.failure, MESSAGE, spans["status_message"]),
            "events": _events(spans["events"], effects.failure, warped, forest),
            "attributes": with_value(
                spans["attributes"], STATUS_CODE, failed, _by_failure(effects.failure, STATUS, None)
            ),
        }
    columns = [changed[f.name] if f.name in changed else spans[f.name] for f in SPANS]
    return pa.table(columns, schema=SPANS)


def second_tries(
    quiet: pa.Table, full: pa.Table, forest: Forest, effects: Effects, warped: Warped, random: Random
) -> tuple[Ints, pa.Table]:
    """The calls that were made once more, with all that they caused, right after the first try failed."""
    tried = effects.retries
    if not tried.size:
        return tried, SPANS.empty_table()
    label = np.full(forest.size, -1)
    label[tried] = np.arange(tried.size)
    for rows in forest.generations[1:]:
        above = label[forest.parent[rows]]
        label[rows] = np.where(label[rows] >= 0, label[rows], above)
    kept = (label >= 0) & ~effects.extra.is_gone
    rows = np.flatnonzero(kept)
    delay = effects.extra.following[tried] - forest.duration[tried] + warped.duration[tried]
    copies = full.take(pa.array(rows))
    start = warped.start[rows] + delay[label[rows]] + forest.origin_ns
    copies = copies.set_column(0, SPANS.field("time"), times(start))
    good = effects.is_retry_good[label[rows]]
    copies = _healed(copies, quiet.take(pa.array(rows)), good)
    return rows, _with_ids(copies, rows, tried, random)


def _healed(copies: pa.Table, quiet: pa.Table, good: Bools) -> pa.Table:
    for name in ("status_code", "status_message", "events", "attributes"):
        place = copies.schema.get_field_index(name)
        if pa.types.is_map(copies.schema.field(name).type):
            both = pa.concat_tables([copies.select([name]), quiet.select([name])]).column(0).combine_chunks()
            size = copies.num_rows
            value = both.take(pa.array(np.where(good, np.arange(size) + size, np.arange(size))))
        else:
            value = pc.if_else(pa.array(good), quiet[name], copies[name])
        copies = copies.set_column(place, copies.schema.field(name), value)
    return copies


def _with_ids(copies: pa.Table, rows: Ints, tried: Ints, random: Random) -> pa.Table:
    """Fresh span ids; a parent that was copied too is meant by its new one."""
    new, known = renamed(copies["span_id"].combine_chunks(), SPAN_BYTES, random)
    is_top = np.isin(rows, tried)
    parents = copies["parent_span_id"].to_pylist()
    above = [p if top or p is None else known.get(p, p) for p, top in zip(parents, is_top, strict=True)]
    copies = copies.set_column(copies.schema.get_field_index("span_id"), SPANS.field("span_id"), new)
    place = copies.schema.get_field_index("parent_span_id")
    return copies.set_column(place, SPANS.field("parent_span_id"), pa.array(above, pa.string()))


def _moved_lines(
    logs: pa.Table, where: Ints, forest: Forest, effects: Effects, warped: Warped, kept: Bools
) -> pa.Table:
    """Lines at the moments of their spans; those of work that never happened, or came after its end, are left out."""
    if not logs.num_rows:
        return LOGS.empty_table()
    at = times_ns(logs["time"]) - forest.origin_ns
    later = moved(forest, warped, where, at)
    span = np.maximum(where, 0)
    is_known = where >= 0
    cut = is_known & (effects.extra.after[span] < 0) & (later > warped.start[span] + warped.duration[span])
    keep = ~is_known | (kept[span] & ~cut)
    return logs.set_column(0, LOGS.field("time"), times(later + forest.origin_ns)).filter(pa.array(keep))


def _error_lines(full: pa.Table, effects: Effects, how: Propagation, kept: Bools, random: Random) -> pa.Table:
    """One line for each request that fails and says so, at its end, in the words of its own service."""
    rows = np.flatnonzero(kept & (effects.failure != OK))
    says = (effects.failure[rows] == OWN) | (np.asarray(full["kind"].to_pylist(), dtype=object)[rows] == "client")
    rows = rows[says & (random.random(rows.size) < how.logged)]
    if not rows.size:
        return LOGS.empty_table()
    spans = full.take(pa.array(rows))
    at = times_ns(spans["time"]) + spans["duration_ns"].to_numpy() - 1000
    given: dict[str, pa.Array] = {
        "time": times(at),
        "severity_number": pa.array([ERROR_NUMBER] * rows.size, pa.int32()),
        "severity_text": pa.array([ERROR_TEXT] * rows.size),
        "body": pa.array([LINE[int(code)] for code in effects.failure[rows]]),
        "event_name": pa.nulls(rows.size, pa.string()),
        "attributes": pa.array([[]] * rows.size, ATTRIBUTES),
    }
    return pa.table([given[f.name] if f.name in given else spans[f.name] for f in LOGS], schema=LOGS)


def _events(column: pa.ChunkedArray, failure: Ints, warped: Warped, forest: Forest) -> pa.Array:
    """What failing spans recorded: an exception at their end; what they had recorded before stays."""
    rows = np.flatnonzero((failure == OWN) | (failure == REFUSED))
    found = column.to_pylist()
    for row in rows.tolist():
        code = int(failure[row])
        at = int(forest.origin_ns + warped.start[row] + warped.duration[row]) // 1000
        event = {
            "time": datetime.fromtimestamp(at / 1e6, UTC).isoformat(),
            "name": "exception",
            "attributes": {"exception.type": EXCEPTION[code], "exception.message": MESSAGE[code]},
        }
        found[row] = json.dumps([*json.loads(found[row] or "[]"), event])
    return pa.array(found, pa.string())


def restarted(table: pa.Table, service: str, outages: list[tuple[int, int]], random: Random) -> pa.Table:
    """The component's rows with a new instance id after each outage (unix nanoseconds)."""
    mine = pc.equal(table["service_name"], service).to_numpy()
    at, place = times_ns(table["time"]), table.schema.get_field_index("service_instance_id")
    ids = np.asarray(table["service_instance_id"].to_pylist(), dtype=object)
    names = {name for name in ids[mine].tolist() if name}
    for number, (_, back) in enumerate(outages):
        until = outages[number + 1][0] if number + 1 < len(outages) else np.iinfo(np.int64).max
        lives = mine & (at >= back) & (at < until)
        for name in sorted(names):
            fresh = next_instance(name, random)
            ids[lives & (np.asarray(table["service_instance_id"].to_pylist(), dtype=object) == name)] = fresh
    column = pa.array(ids.tolist(), pa.string())
    table = table.set_column(place, table.schema.field(place), column)
    resource = with_value(table["resource"], "service.instance.id", mine, column)
    return table.set_column(table.schema.get_field_index("resource"), table.schema.field("resource"), resource)


def multiplied(
    table: pa.Table, logs: pa.Table, copies: Ints, shifts: Ints, random: Random
) -> tuple[pa.Table, pa.Table]:
    """Rows of spans copied under new ids and moved (nanoseconds), with the lines that were written in them."""
    spans = table.take(pa.array(copies))
    spans = spans.set_column(0, SPANS.field("time"), times(times_ns(spans["time"]) + shifts))
    traces, _ = renamed(spans["trace_id"].combine_chunks(), TRACE_BYTES, random)
    keys = {key: number for number, key in enumerate(span_keys(table).take(pa.array(copies)).to_pylist())}
    where = np.array([keys.get(key, -1) for key in span_keys(logs).to_pylist()], dtype=np.int64)
    lines = logs.filter(pa.array(where >= 0))
    found = where[where >= 0]
    spans = spans.set_column(SPANS.get_field_index("trace_id"), SPANS.field("trace_id"), traces)
    lines = lines.set_column(0, LOGS.field("time"), times(times_ns(lines["time"]) + shifts[found]))
    lines = lines.set_column(LOGS.get_field_index("trace_id"), LOGS.field("trace_id"), traces.take(pa.array(found)))
    return spans, lines


def times(unix_ns: Ints) -> pa.Array:
    """Unix nanoseconds as a column of times."""
    return pa.array(unix_ns // 1000).cast(TIME)


def chosen(rows: Bools, value: str, otherwise: pa.ChunkedArray) -> pa.Array:
    """One value in these rows, the others as they were."""
    return pc.if_else(pa.array(rows), pa.scalar(value), otherwise.combine_chunks())


def _by_failure(failure: Ints, words: dict[int, str], otherwise: pa.ChunkedArray | None) -> pa.Array:
    named = pa.array([None, *(words[code] for code in (OWN, PASSED_ON, REFUSED))], pa.string()).take(pa.array(failure))
    return named if otherwise is None else pc.coalesce(named, otherwise.combine_chunks())


def status_of(spans: pa.Table) -> pa.Array:
    """The HTTP status of each span as text, null where it has none."""
    return value_of(spans["attributes"], STATUS_CODE)
