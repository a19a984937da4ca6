"""The rules of the house: who may import whom, how long a module may be, what is explained, what must not be here."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "watchkeeper"
MODULES = sorted(SOURCE.rglob("*.py"))

GROUND = {"domain", "errors", "tables", "redaction"}
ASKING = GROUND | {"telemetry.sources"}
GATHERING = ASKING | {"analysis", "evidence"}

MAY_IMPORT: dict[str, set[str]] = {
    "": set(),
    "domain": set(),
    "errors": set(),
    "tables": set(),
    "redaction": set(),
    "library": GROUND,
    "catalogue": GROUND | {"library"},
    "settings": GROUND | {"library"},
    "telemetry": GROUND | {"settings", "library"},
    "analysis": GROUND,
    "injection": GROUND,
    "knowledge": GROUND | {"library", "settings"},
    "evidence": ASKING | {"analysis", "knowledge"},
    "diagnosis": GATHERING,
    "agents": GATHERING | {"diagnosis", "library", "settings"},
    "chat": GATHERING | {"agents", "catalogue", "diagnosis", "drafts", "knowledge", "library"},
    "intake": GATHERING | {"library", "settings"},
    "watch": GATHERING,
    "routing": GROUND | {"catalogue", "library", "settings"},
    "drafts": GROUND | {"catalogue", "library"},
    "records": GROUND | {"library", "settings"},
    "delivery": GROUND | {"library", "settings", "drafts.escaping"},
    "workflows": GROUND | {"delivery", "library", "records", "settings"},
    "casebook": GROUND | {"records"},
    "datasets": GROUND,
    "pipeline": GATHERING | {"catalogue", "diagnosis", "drafts", "intake", "routing", "watch"},
    "assembly": GATHERING
    | {"agents", "casebook", "catalogue", "chat", "delivery", "diagnosis", "drafts", "intake", "knowledge", "library"}
    | {"pipeline", "records", "routing"}
    | {"settings", "telemetry", "watch", "workflows"},
    "lab": {"domain", "errors"},
    "evaluation": GATHERING
    | {
        "agents",
        "assembly",
        "casebook",
        "datasets",
        "diagnosis",
        "injection",
        "intake",
        "lab",
        "library",
        "pipeline",
        "server",
        "settings",
    }
    | {"telemetry", "watch"},
    "server": GROUND
    | {"agents.events", "analysis", "assembly", "casebook", "chat", "drafts.escaping", "library", "settings"}
    | {"records.summaries", "telemetry"},
    "cli": GROUND
    | {"agents.events", "assembly", "casebook", "catalogue", "chat", "evaluation", "knowledge", "lab", "library"}
    | {"routing", "server", "settings"}
    | {"records.summaries", "telemetry.sources", "watch", "workflows"},
    "__main__": {"cli"},
}
"""What each room may import of ours; a name with a dot is one module of a room. A new room is added here first."""

ONLY_IN: dict[str, set[str]] = {
    "duckdb": {"telemetry"},
    "fastapi": {"server"},
    "nicegui": {"server"},
    "starlette": {"server", "lab", "delivery"},
    "uvicorn": {"server", "lab", "delivery"},
    "prometheus_client": {"server", "lab"},
    "dbos": {"workflows"},
    "jira": {"delivery"},
    "jsonpath": {"intake"},
    "playwright": set(),
    "typer": {"cli"},
    "click": {"cli"},
    "rich": {"cli"},
    "opentelemetry.sdk": {"lab"},
    "opentelemetry.exporter": {"lab"},
    "opentelemetry.proto": {"telemetry", "server"},
    "psycopg": {"lab"},
    "psycopg_pool": {"lab"},
    "pgserver": {"lab"},
    "psutil": {"lab"},
    "scipy": {"analysis"},
    "sqlalchemy": {"records"},
    "alembic": {"records"},
    "matplotlib": {"evaluation"},
    "jinja2": {"agents", "drafts", "evaluation"},
    "langgraph": {"agents"},
    "langchain_openai": {"agents"},
    "langchain_core": {"agents", "evidence"},
    "langchain_core.tools": {"evidence", "agents"},
    "openai": {"agents"},
    "httpx2": {"agents"},
    "langsmith": {"agents"},
    "tenacity": {"agents", "delivery", "telemetry"},
    "chromadb": {"knowledge"},
    "bm25s": {"knowledge"},
}
"""Borders of libraries: a way out of each of them goes through one room."""

NOT_A_ROOM = {"utils", "util", "common", "helpers", "helper", "core", "manager", "base", "misc"}
LONGEST_MODULE, LONGEST_FUNCTION = 400, 50

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room(path: Path) -> str:
    """The first part of a module's name inside the package; empty for the package itself."""
    first = path.relative_to(SOURCE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Every module that is named in an import, `from a import b` as both `a` and `a.b`."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


def ours(path: Path) -> set[str]:
    """What a module imports of ours, as `room.module.name`; the package itself (its version) does not count."""
    names = {name.removeprefix("watchkeeper.") for name in imported(path) if name.startswith("watchkeeper.")}
    return {name for name in names if (SOURCE / name.split(".")[0]).is_dir() or known_module(name)}


def known_module(name: str) -> bool:
    return (SOURCE / f"{name.split('.')[0]}.py").is_file()


def lies_in(name: str, allowed: set[str]) -> bool:
    # `from watchkeeper.telemetry import sources` names the room too: what counts is what is taken from it.
    return any(name == a or name.startswith(f"{a}.") or a.startswith(f"{name}.") for a in allowed)


@each_module
def test_a_room_imports_only_what_the_table_allows(path: Path) -> None:
    here = room(path)
    assert here in MAY_IMPORT, "a new room is first added to the import table"
    outside = {name for name in ours(path) if name.split(".")[0] != here}
    assert {name for name in outside if not lies_in(name, MAY_IMPORT[here])} == set()


def test_no_two_rooms_import_each_other() -> None:
    arrows = {(room(path), name.split(".")[0]) for path in MODULES for name in ours(path)}
    assert {(a, b) for a, b in arrows if a < b and (b, a) in arrows} == set()


def test_the_import_table_has_no_circle() -> None:
    table = {here: {name.split(".")[0] for name in allowed} - {here} for here, allowed in MAY_IMPORT.items()}
    while table:
        free = {here for here, allowed in table.items() if not allowed & table.keys()}
        assert free, f"these import each other in a circle: {sorted(table)}"
        table = {here: allowed for here, allowed in table.items() if here not in free}


@each_module
def test_a_library_is_used_only_where_it_belongs(path: Path) -> None:
    strays = {
        name
        for name in imported(path)
        for library, rooms in ONLY_IN.items()
        if (name == library or name.startswith(f"{library}.")) and room(path) not in rooms
    }
    assert strays == set()


@each_module
def test_a_module_is_short_and_named_for_what_it_is(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
    assert not NOT_A_ROOM & {part.removesuffix(".py") for part in path.relative_to(SOURCE).parts}


@each_module
def test_no_function_is_longer_than_a_page(path: Path) -> None:
    functions = [n for n in ast.walk(parsed(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def unexplained(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Public classes and functions without a docstring; what a Protocol promises, its docstring says once."""
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or child.name.startswith("_"):
            continue
        if not ast.get_docstring(child):
            yield child.name
        is_protocol = isinstance(child, ast.ClassDef) and "Protocol" in {ast.unparse(b) for b in child.bases}
        if isinstance(child, ast.ClassDef) and not is_protocol:
            yield from (f"{child.name}.{name}" for name in unexplained(child))


@each_module
def test_everything_public_is_explained(path: Path) -> None:
    module = parsed(path)
    assert ast.get_docstring(module), "a module opens with one sentence that says what it is for"
    assert list(unexplained(module)) == []


def tracked() -> list[Path]:
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [ROOT / name for name in listed.split("\0") if name]
    folders = ("src", "tests", "config", "docs", "evals", "benchmarks", ".ci")
    return [p for folder in folders for p in (ROOT / folder).rglob("*") if p.is_file()]


def test_no_path_of_a_machine_and_no_registry_is_in_what_is_kept() -> None:
    # Written in pieces, so that this file does not find itself.
    pieces = ["/" + "work/", "/" + "root/", "/" + "opt/pypi", "pypi" + r"\.org", "python" + "hosted"]
    traces = re.compile("|".join(pieces))
    found = {}
    for path in tracked():
        if path.name == "uv.lock" or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", errors="ignore")
        if match := traces.search(text):
            found[str(path.relative_to(ROOT))] = match[0]
    assert found == {}
