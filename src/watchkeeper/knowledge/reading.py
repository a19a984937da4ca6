"""Folders of Markdown → runbooks: the later folder wins; what cannot be read is passed over with a sentence."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel

from watchkeeper import library
from watchkeeper.domain import FaultKind
from watchkeeper.errors import ConfigError
from watchkeeper.knowledge.filling import StepText
from watchkeeper.knowledge.markdown import Part, items_of, parts_of, prose_and_code, split_front_matter
from watchkeeper.knowledge.runbooks import Problem, Role, Runbook, Section
from watchkeeper.knowledge.texts import Clean, one_line, visible

MOST_BYTES = 512 * 1024
MOST_RUNBOOKS = 1000
MOST_SECTIONS, MOST_STEPS, MOST_COMMANDS = 60, 40, 20
LONGEST_SECTION, LONGEST_STEP, LONGEST_TITLE, LONGEST_KEYWORD = 6000, 800, 160, 120
MOST_KEYWORDS = 40
NOT_RUNBOOKS = frozenset(("readme", "index", "contributing", "changelog"))

_ROLES: tuple[tuple[Role, tuple[str, ...]], ...] = (
    ("stop", ("when to stop", "escalat")),
    ("diagnosis", ("diagnos", "check", "investigat", "triage", "debug", "troubleshoot")),
    ("mitigation", ("mitigat", "fix", "resol", "remed", "what to do", "action", "recover")),
    ("verify", ("verify", "verif", "is it over", "confirm")),
)
_ACTED_BY = frozenset(("diagnosis", "mitigation", "stop", "verify"))

_UNREADABLE = (yaml.YAMLError, ValueError, ConfigError, RecursionError, LookupError, AttributeError, TypeError)
"""What PyYAML raises for text that was made to trouble it, such as `!!timestamp x`, is more than its own errors."""

Stamp = tuple[tuple[str, int, int], ...]
"""Path, time of change and size of every file: equal stamps mean that nothing needs to be read again."""


class FrontMatter(BaseModel, frozen=True, extra="ignore"):
    """What a file may say about itself; keys that other programs read are left alone."""

    title: str | None = None
    applies_to: tuple[FaultKind, ...] = ()
    symptoms: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What a row of folders held at one moment."""

    runbooks: tuple[Runbook, ...]
    problems: tuple[Problem, ...]
    stamp: Stamp


def read(folders: Sequence[Path], clean: Clean, optional: Sequence[Path] = ()) -> Reading:
    """Every runbook of the folders by name; a folder that is missing is a problem unless it is optional."""
    runbooks: dict[str, Runbook] = {}
    problems: list[Problem] = []
    for folder in folders:
        if not folder.is_dir():
            if folder not in optional or folder.exists():
                problems.append(_problem(folder, "is not a folder that exists; no runbooks are read from it"))
            continue
        for path in _files(folder):
            name = one_line(path.relative_to(folder).with_suffix("").as_posix(), LONGEST_TITLE)
            if name not in runbooks and len(runbooks) >= MOST_RUNBOOKS:
                problems.append(_problem(folder, f"holds more than {MOST_RUNBOOKS} runbooks; the rest is left out"))
                break
            try:
                runbooks[name] = read_file(path, name, clean)
            except ValueError as error:
                problems.append(_problem(path, str(error)))
    ordered = tuple(runbooks[name] for name in sorted(runbooks))
    return Reading(ordered, tuple(problems), stamp(folders))


def stamp(folders: Sequence[Path]) -> Stamp:
    """What tells whether a file was added, changed or removed since, without reading any."""
    found = []
    for folder in folders:
        for path in _files(folder):
            try:
                status = path.stat()
            except OSError:
                continue
            found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)


def read_file(path: Path, name: str, clean: Clean) -> Runbook:
    """One file as a runbook; raises ValueError with one sentence where it cannot be."""
    data = _bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 text (byte {error.start}); it is left out") from error
    front, rest = _front_matter(path, text)
    parts = parts_of(rest)
    if not parts:
        raise ValueError("holds no text; it is left out")
    title = front.title or next((part.heading for part in parts if part.level == 1), "") or _title_of(name)
    return Runbook(
        name=name,
        title=one_line(clean(title), LONGEST_TITLE),
        path=path,
        content_hash=hashlib.sha256(data).hexdigest(),
        applies_to=front.applies_to,
        services=tuple(one_line(each, LONGEST_TITLE) for each in front.services),
        keywords=_keywords((*front.symptoms, *front.keywords), clean),
        sections=_sections(parts, clean),
    )


def _files(folder: Path) -> list[Path]:
    """Markdown files below the folder in a fixed order, hidden ones and those about the folder itself left out."""
    found = []
    for path in folder.rglob("*.md"):
        inside = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in inside.parts)
        if not is_hidden and path.stem.lower() not in NOT_RUNBOOKS and path.is_file():
            found.append(path)
    return sorted(found)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}; it is left out") from error
    if len(data) > MOST_BYTES:
        raise ValueError(f"is larger than {MOST_BYTES // 1024} KiB; it is left out")
    return data


def _front_matter(path: Path, text: str) -> tuple[FrontMatter, str]:
    head, rest = split_front_matter(text)
    if head is None:
        return FrontMatter(), rest
    try:
        value = yaml.safe_load(head)
        if not isinstance(value, dict | None):
            raise ValueError("expected keys with values, as in `title: Disk full`")
        fields = {str(key): each for key, each in (value or {}).items() if each is not None}
        return library.checked(fields, FrontMatter, lambda _: "in it"), rest
    except _UNREADABLE as error:
        raise ValueError(f"has front matter that cannot be read ({_why(error)}); it is left out") from error


def _why(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        # The first line of the YAML is the second one of the file.
        return one_line(f"line {error.problem_mark.line + 2}: {error.problem}", 200)
    return one_line(str(error), 200) or "it is nested too deeply"


def _keywords(said: Sequence[str], clean: Clean) -> tuple[str, ...]:
    return tuple(one_line(clean(each), LONGEST_KEYWORD) for each in said[:MOST_KEYWORDS] if each.strip())


def _sections(parts: Sequence[Part], clean: Clean) -> tuple[Section, ...]:
    return tuple(_with_headings(parts[:MOST_SECTIONS], clean))


def _with_headings(parts: Sequence[Part], clean: Clean) -> Iterator[Section]:
    """One section a part; a part below another takes over what that one is for, unless its own heading says more."""
    above: list[tuple[int, str, Role]] = []
    has_acted = False
    for part in parts:
        above = [each for each in above if each[0] < part.level]
        heading = one_line(clean(part.heading), LONGEST_TITLE)
        inherited: Role = above[-1][2] if above else "other"
        role = _role(heading) or (inherited if inherited in _ACTED_BY else None)
        has_acted = has_acted or role in _ACTED_BY
        role = role or ("other" if has_acted else "seen")
        above.append((part.level, heading, role))
        yield _section(part, [each[1] for each in above if each[0] > 1] or [heading], role, clean)


def _section(part: Part, headings: Sequence[str], role: Role, clean: Clean) -> Section:
    prose, code = prose_and_code(part.lines)
    items = items_of(part.lines)[:MOST_STEPS] if role in _ACTED_BY else []
    steps = tuple(
        StepText(
            text=one_line(clean(item.text), LONGEST_STEP),
            commands=tuple(one_line(clean(line), LONGEST_STEP) for line in item.code[:MOST_COMMANDS] if line),
        )
        for item in items
    )
    return Section(
        heading=" › ".join(each for each in headings if each),
        role=role,
        text=visible(clean(part.text), LONGEST_SECTION),
        prose=visible(clean(prose.strip("\n")), LONGEST_SECTION),
        code=visible(clean(code), LONGEST_SECTION),
        steps=steps,
    )


def _role(heading: str) -> Role | None:
    lowered = heading.lower()
    return next((role for role, words in _ROLES if any(word in lowered for word in words)), None)


def _title_of(name: str) -> str:
    return name.rsplit("/", 1)[-1].replace("-", " ").replace("_", " ").capitalize()


def _problem(path: Path, text: str) -> Problem:
    return Problem(path=path, text=f"{one_line(str(path), 300)} {text}")
