"""How one piece of evidence is told to a model: a bounded excerpt between delimiters that its content cannot end."""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.domain import Evidence, EvidenceId, Scalar, Window
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.answers import Answers, parameters_of, window_from
from watchkeeper.evidence.claims import SUBJECTS
from watchkeeper.evidence.selectors import Condition, Selector
from watchkeeper.redaction import is_secret, redact

CHARACTERS = 1500
"""How long one piece of evidence is when it is told."""
OPEN, CLOSE = "<data>", "</data>"
WIDEST, WIDE, FEW = 120, 400, 3
"""Characters of a text that are told; more of them where there are only so few rows."""
MOST_ROWS, MOST_PAGES = 40, 50
"""Rows of one page, and pages of one piece of evidence."""
MOST_KEYS = 3
"""Columns that an example holds to a value."""
KEYS = (*SUBJECTS, "operation", "span", "version", "kind", "metric", "line", "origin", "attribute", "value")
"""Columns that say which row is meant, the most telling first."""
FIGURES = (
    *("error_ratio", "errors", "share_of_trouble", "share", "p95_ms", "own_ms", "per_request", "count", "affected"),
    *("score", "value", "mean", "per_second", "duration_ms", "mean_ms"),
)
"""Columns whose figures are cited most."""
_EXAMPLE, _MEANING = 160, 180
_MARKUP = re.compile(r"<(?=\s*/?\s*data)", re.IGNORECASE)
_SAFE = re.compile(r"(?:[A-Z]{2,8} )?[\w./:{}@+-]{1,60}")
Clean = Callable[[str], str]


@dataclass(frozen=True)
class _Page:
    """Some rows as lines, and which they are."""

    lines: tuple[str, ...]
    first: int
    count: int
    example: Selector
    """How the first of them is cited."""


def tell(
    answers: Answers,
    number: EvidenceId,
    characters: int = CHARACTERS,
    page: int = 1,
    *,
    about: str | None = None,
    most: int = MOST_ROWS,
    clean: Clean = redact,
) -> str:
    """The evidence as text of at most so many characters: header, rows of one page, and how to cite them.

    `about` keeps the rows about one component, `most` bounds the rows of a page. Evidence that failed or is empty says
    what that means. Raises QueryRejected where there is no such evidence, or page of it.
    """
    entry = answers.entry(number)
    if entry.status == "failed":
        return _cut(f"{header(entry, clean)} · failed: {plain(entry.failure or '', clean)}. {_GAP}", characters)
    try:
        rows = answers.rows(number)
    except (SourceUnavailable, QueryRejected) as error:
        if not entry.rows.values:
            return _cut(f"{header(entry, clean)} · failed: {plain(str(error), clean)}. {_GAP}", characters)
        rows = _kept(entry)
    title = f"{header(entry, clean)} · {rows.num_rows} row{'' if rows.num_rows == 1 else 's'}"
    shown = _about(rows, about) if about else rows
    if shown.num_rows == 0:
        return _cut(f"{title}\n{_absence(entry, rows, about, clean)}", characters)
    return _told(title, entry, shown, characters, page, about, min(most, MOST_ROWS), clean)


_GAP = "This is a gap, not a sign of health."


def _told(
    title: str, entry: Evidence, rows: pa.Table, characters: int, page: int, about: str | None, most: int, clean: Clean
) -> str:
    title = _cut(title, max(0, characters // 3))
    room = characters - len(title) - len(OPEN) - len(CLOSE) - 3 - _EXAMPLE - _MEANING
    if room < WIDEST:
        # Too little for rows and how to cite them: rows alone.
        room = characters - len(title) - len(OPEN) - len(CLOSE) - 3
    if room <= 0:
        return _cut(title, characters)
    found = _page(rows, page, room, most, clean, entry.id)
    text = "\n".join((title, OPEN, *found.lines, CLOSE))
    # What was told shorter than a page is read anew from the first.
    following = page + 1 if most == MOST_ROWS else 1
    whole = f"{text}\n{_footer(entry, rows, found, following, about)}"
    return next((t for t in (whole, text) if len(t) <= characters), _cut(title, characters))


def header(entry: Evidence, clean: Clean = redact) -> str:
    """Number, question, source and window of a piece of evidence."""
    parts = (entry.id, plain(entry.question, clean), plain(entry.source, clean))
    given = parameters_of(entry.reading) if entry.reading is not None else {}
    if "usual" not in given or "incident" not in given:
        return " · ".join((*parts, spelled_window(entry.window)))
    before, now = (spelled_window(window_from(given, name)) for name in ("usual", "incident"))
    return " · ".join((*parts, f"before: {before}, now: {now}"))


def spelled_window(window: Window) -> str:
    """A window in UTC: the date once where it is the same."""
    start, end = (time.astimezone(UTC) for time in (window.start, window.end))
    last = f"{end:%H:%M:%S}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M:%S}"
    return f"{start:%Y-%m-%d %H:%M:%S} to {last} UTC"


def plain(text: str, clean: Clean = redact, widest: int = WIDEST) -> str:
    """Text from outside as one line that is data and nothing else: no controls, no secrets, no end of a delimiter.

    What has no width is taken out first, as it could hide a secret; what is cut off is cut from what is clean.
    """
    visible = "".join(c for c in text if c in "\n\r\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Cn"))
    line = clean(" ".join(clean(visible).split()))
    return _cut(_MARKUP.sub("‹", line).replace("|", "¦"), widest)


def _cut(text: str, widest: int) -> str:
    return text if len(text) <= widest else text[: max(0, widest - 1)] + "…"[:widest]


def spelled_number(value: float) -> str:
    """A number with four significant digits; whole numbers are told in full."""
    if isinstance(value, int):
        return str(value)
    short = float(f"{value:.4g}")
    return str(int(short)) if short.is_integer() and abs(short) < 1e15 else repr(short)


def cell(value: object, clean: Clean = redact, widest: int = WIDEST) -> str | None:
    """One value as text; None where there is none."""
    if value is None or (isinstance(value, str | list | dict) and not value):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return spelled_number(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return _time(value)
    return plain(value if isinstance(value, str) else _json(value), clean, widest)


def _time(time: datetime) -> str:
    utc = time.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")


def _json(value: object) -> str:
    """A map as an object: beside its name a secret is known as one."""
    is_map = isinstance(value, list) and all(isinstance(e, tuple) and len(e) == 2 for e in value)
    return json.dumps(dict(value) if is_map else value, ensure_ascii=False, default=str)  # type: ignore[call-overload]


def _kept(entry: Evidence) -> pa.Table:
    """The excerpt that evidence keeps, where its source cannot be asked again."""
    columns = zip(*entry.rows.values, strict=True)
    return pa.table({name: list(column) for name, column in zip(entry.rows.columns, columns, strict=True)})


def _about(rows: pa.Table, component: str) -> pa.Table:
    """The rows about one component; all of them where no column says whom a row is about."""
    columns = [c for c in SUBJECTS if c in rows.column_names and pa.types.is_string(rows[c].type)]
    if not columns:
        return rows
    mask = pc.fill_null(pc.equal(rows[columns[0]], component), False)
    for column in columns[1:]:
        mask = pc.or_(mask, pc.fill_null(pc.equal(rows[column], component), False))
    return rows.filter(mask)


def _page(rows: pa.Table, page: int, room: int, most: int, clean: Clean, number: EvidenceId) -> _Page:
    """The page of that number, as pages fill up one after the other."""
    start, count = 0, 0
    for seen in range(1, min(page, MOST_PAGES) + 1):
        if start >= rows.num_rows:
            raise QueryRejected(f"{number} has no page {page}: it has {seen - 1}")
        found = _fill(rows, start, room, most, clean)
        start, count = start + found.count, count + 1
    if page > MOST_PAGES:
        raise QueryRejected(f"{number}: only the first {MOST_PAGES} pages of evidence can be read; ask more narrowly")
    return found


def _fill(rows: pa.Table, start: int, room: int, most: int, clean: Clean) -> _Page:
    """As many rows from there on as there is room for, at least one; what is the same in all of them is told once."""
    widest = WIDE if rows.num_rows <= FEW else WIDEST
    part = rows.slice(start, max(1, most)).to_pylist()
    texts = [_texts(row, clean, widest) for row in part]
    columns = [c for c in rows.column_names if any(text[c] is not None for text in texts)]
    same = [c for c in columns if len(texts) > 1 and len({text[c] for text in texts}) == 1]
    varying = [c for c in columns if c not in same] or columns
    same = [c for c in same if c not in varying]
    head = [f"the same in all rows here: {' | '.join(f'{c} = {texts[0][c]}' for c in same)}"] if same else []
    lines = [_cut(line, room // 3) for line in (*head, " | ".join(varying))]
    left = room - sum(len(line) + 1 for line in lines)
    shown = 0
    for text in texts:
        line = " | ".join(text[c] or "-" for c in varying)
        if len(line) > left and shown:
            break
        lines.append(_cut(line, max(0, left)))
        left, shown = left - len(lines[-1]) - 1, shown + 1
    return _Page(tuple(lines), start, shown, _example(part[0], texts[0], varying))


def _texts(row: dict[str, object], clean: Clean, widest: int) -> dict[str, str | None]:
    """A row as text; a value that stands beside the name of a secret is one."""
    texts = {column: cell(value, clean, widest) for column, value in row.items()}
    name, value = row.get("attribute"), row.get("value")
    if isinstance(name, str) and isinstance(value, str) and is_secret(name, value):
        texts["value"] = "[redacted:secret]"
    return texts


def _footer(entry: Evidence, rows: pa.Table, page: _Page, following: int, about: str | None) -> str:
    first, last = page.first + 1, page.first + page.count
    which = f"row {first}" if page.count == 1 else f"rows {first}-{last}"
    text = f"{which} of {rows.num_rows}"
    if last < rows.num_rows:
        focus = f", service={about}" if about and is_plain_name(about) else ""
        text += f"; more: read_evidence({entry.id}, page={following}{focus})"
    if entry.asked is None and entry.reading is None:
        return f"{text}. For reading only: claims cannot cite it."
    example = str(page.example)
    return f"{text}. Cite as {entry.id}, e.g. {example}" if len(example) <= _EXAMPLE else f"{text}. Cite as {entry.id}"


def is_plain_name(text: str) -> bool:
    """Whether a name from outside is harmless where no delimiter stands around it: one word, or a route."""
    return _SAFE.fullmatch(text) is not None


def _example(row: dict[str, object], told: dict[str, str | None], varying: Sequence[str]) -> Selector:
    """A selector that fits a row, with names that are harmless outside the delimiters."""
    names = [name for name in KEYS if isinstance(row.get(name), str) and told[name] == row[name]]
    held = [Condition(name, "=", str(row[name])) for name in names if is_plain_name(str(row[name]))][:MOST_KEYS]
    named = sorted((c for c in FIGURES if c in row), key=lambda c: c not in varying)
    figures = [c for c in (*named, *varying) if _is_figure(row[c])]
    return Selector("first", figures[0], tuple(held)) if figures else Selector("count", "", tuple(held))


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _absence(entry: Evidence, rows: pa.Table, about: str | None, clean: Clean) -> str:
    """What it means that nothing is there."""
    if about and rows.num_rows:
        return f"No row is about {plain(about, clean)}; the rows are about others: read_evidence({entry.id})."
    names = (entry.reading.name if entry.reading else "", entry.asked.method if entry.asked else "", entry.source)
    told = (_EMPTY[name] for name in names if name in _EMPTY)
    return next(told, "Nothing was found: evidence of absence, if what was asked about reports at all.")


_EMPTY = {
    "red": "No request was recorded: no traffic, or no traces from there.",
    "calls": "No call was recorded: it calls nobody and is not called, or its calls are not traced.",
    "metric_buckets": "No metric was recorded: it reports none.",
    "records": "No such line was logged in this window (letters compared in the same case).",
    "new lines": "No kind of line is new or surging.",
    "spans": "No such request was recorded.",
    "requests by trace": "No such request was recorded.",
    "changes": "Nothing was released, configured or flipped in this window, as far as was reported.",
    "own time": "No own time can be compared: no spans on one of both sides.",
    "fan-out": "Nothing is done more often per request.",
    "error origins": "No failure begins anywhere: no span failed.",
    "failing inputs": "No attribute's value sets failing requests apart.",
    "portions": "No portion of requests can be told apart.",
    "users": "No request carries an attribute that tells people apart.",
    "runbooks": "No runbook applies: that is an answer.",
    "past cases": "No earlier case is known for it.",
}
"""By reading, method or source."""


def tell_figure(value: Scalar, clean: Clean = redact) -> str:
    """One figure of evidence; texts between delimiters."""
    text = cell(value, clean)
    if text is None:
        return "nothing"
    return f"{OPEN}{text}{CLOSE}" if isinstance(value, str) else text
