"""Every measurement, written to docs/benchmarks.md: `python -m benchmarks.run`, or `… run queries` for one part."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import diagnosis, duty, ingest, queries, releases, templates

Section = tuple[str, tuple[str, ...], list[tuple[str, ...]]]

PARTS: dict[str, Callable[[], list[Section]]] = {
    "ingest": lambda: [ingest.section()],
    "queries": queries.sections,
    "diagnosis": lambda: [diagnosis.section()],
    "duty": duty.sections,
    "templates": lambda: [templates.section()],
    "releases": lambda: [releases.section()],
}
"""Parts by name. Each is kept between its markers, so that a part measured again leaves the others as they are."""

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = "# Benchmarks\n\nWritten by `make bench`. Each part says when, at which commit and on what it was measured.\n"


def main(names: list[str]) -> None:
    """Measure the named parts, or all, and write each into the page as it is done."""
    for name in names or PARTS:
        text = f"{_circumstances()}\n\n" + "\n".join(_as_markdown(*section) for section in PARTS[name]())
        page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
        PAGE.write_text(with_part(page, name, text), encoding="utf-8")
        sys.stdout.write(text)


def with_part(page: str, name: str, text: str) -> str:
    """The page with the part in it, in place of the older one if there is one."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    block = f"{begin}{text}{end}"
    if begin not in page:
        return f"{page}\n{block}"
    before, rest = page.split(begin, 1)
    return before + block + rest.split(end, 1)[1]


def _circumstances() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    busy = os.getloadavg()[0]
    return (
        f"*{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip() or 'unknown'}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, load before the start {busy:.1f}.*"
    )


def _as_markdown(title: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(header)
    lines = [f"| {' | '.join(columns)} |", "|---|" + "---:|" * (len(columns) - 1)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
