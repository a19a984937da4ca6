"""Exceptions out of log lines: type, message and frames as Python, Java, Go, JavaScript and .NET print them.

Traces are untrusted text: so many lines and characters are read, and every pattern is anchored and linear.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Language = Literal["python", "java", "go", "javascript", "dotnet"]

MOST_LINES, LONGEST_LINE = 400, 500
MOST_FRAMES = 64
LONGEST_MESSAGE = 300

_NAME = r"[A-Za-z_$][\w$.]*+"
_PYTHON_FRAME = re.compile(r'\s*+File "([^"]++)", line (\d++)(?:, in (\S++))?')
_JAVA_FRAME = re.compile(
    r"\s*+at (?:[\w.@-]++/{1,2})?([\w.$<>]++)"
    r"\(([\w$-]++\.(?:java|kt|scala|groovy|clj)|Native Method|Unknown Source|<generated>)(?::(\d++))?\)"
)
_DOTNET_FRAME = re.compile(r"\s*+at ([\w.`<>+,|\[\]]++)\([^()]*+\)(?: in (\S[^\n]*):line (\d++))?\s*+$")
_JS_FRAME = re.compile(
    r"\s*+at (?:(?:async |new )?([^\s()]++)(?: \[as \w++\])? )?\(?([^\s()]+?):(\d{1,9}):\d{1,9}\)?\s*+$"
)
_GO_PLACE = re.compile(r"\t([^\s:]+\.go):(\d++)")
_PYTHON_HEAD = re.compile(rf"({_NAME})(?:: ?(.*+))?$")
_EXCEPTION_NAME = re.compile(r"[\w$.]*(?:Error|Exception|Failure|Fault|Exit|Interrupt|Warning|Timeout|Violation)\d*$")
_WORD = re.compile(rf"(?<![\w$.]){_NAME}")
_GENERAL = frozenset({"Error", "Exception", "Failure", "Warning", "Timeout", "Fault", "Exit", "Interrupt", "Violation"})
"""Plain words: `Error: …` says less than it seems to, unless frames follow."""

Head = tuple[str, str]
"""Type and message."""


@dataclass(frozen=True)
class Frame:
    """A place in code."""

    function: str
    file: str
    line: int | None

    @property
    def place(self) -> str:
        """As it is shown: the function and where it stands."""
        return f"{self.function or '?'} ({self.file}{'' if self.line is None else f':{self.line}'})"


@dataclass(frozen=True)
class Raised:
    """An exception that was logged; the innermost cause where several are printed."""

    type: str
    message: str
    frames: tuple[Frame, ...]
    """The innermost first: where it was raised."""
    language: Language | None
    """None where only the type is known."""


def exception_in(text: str) -> Raised | None:
    """The exception that a body, or the attribute `exception.stacktrace`, tells of; None where it tells of none.

    A line that merely names one (`KeyError: 'x'`, or with words before it) has no frames.
    """
    lines = [line[:LONGEST_LINE] for line in text[: MOST_LINES * LONGEST_LINE].split("\n", MOST_LINES)[:MOST_LINES]]
    if len(lines) > 1:
        for read in (_python, _go, _java, _dotnet, _javascript):
            found = read(lines)
            if found is not None:
                return found
    return _named_in(lines[0])


def _python(lines: list[str]) -> Raised | None:
    """The last traceback: exceptions that were raised while another was handled come later, and are what went up."""
    starts = [number for number, line in enumerate(lines) if line.strip().startswith("Traceback (most recent call")]
    if not starts:
        return None
    frames: list[Frame] = []
    head: Head | None = None
    for line in lines[starts[-1] + 1 :]:
        frame = _PYTHON_FRAME.match(line)
        if frame:
            frames.append(Frame(frame[3] or "", frame[1], int(frame[2])))
        elif frames and (said := _PYTHON_HEAD.match(line)):
            head = said[1], (said[2] or "").strip()[:LONGEST_MESSAGE]
            break
    return _raised(head, frames[::-1], "python")


def _java(lines: list[str]) -> Raised | None:
    """The last `Caused by`: the root cause."""
    return _headed(lines, _JAVA_FRAME, lambda f: Frame(f[1], f[2], int(f[3]) if f[3] else None), "java")


def _dotnet(lines: list[str]) -> Raised | None:
    return _headed(lines, _DOTNET_FRAME, lambda f: Frame(f[1], f[2] or "", int(f[3]) if f[3] else None), "dotnet")


def _javascript(lines: list[str]) -> Raised | None:
    return _headed(
        lines, _JS_FRAME, lambda f: Frame("" if f[1] in (None, "async") else f[1], f[2], int(f[3])), "javascript"
    )


def _go(lines: list[str]) -> Raised | None:
    """A panic: the frames of the goroutine that is printed first, without those of the runtime."""
    head = next((line for line in lines if line.startswith(("panic: ", "fatal error: "))), None)
    if head is None:
        return None
    frames: list[Frame] = []
    function = ""
    for line in lines[lines.index(head) + 1 :]:
        place = _GO_PLACE.match(line)
        if place and function and not function.startswith(("runtime.", "panic", "runtime/")):
            frames.append(Frame(function, place[1], int(place[2])))
        if line.endswith(")") and not line.startswith((" ", "\t")):
            function = line.rpartition("(")[0]
        if frames and not line.strip():
            break
    kind, _, message = head.partition(": ")
    return Raised(kind, message[:LONGEST_MESSAGE], tuple(frames[:MOST_FRAMES]), "go")


def _headed(
    lines: list[str], pattern: re.Pattern[str], frame_of: Callable[[re.Match[str]], Frame], language: Language
) -> Raised | None:
    """Traces that print the type first and then the frames, the innermost first; causes below."""
    found: Raised | None = None
    head: Head | None = None
    frames: list[Frame] = []
    for line in [*lines, ""]:
        match = pattern.match(line)
        if match:
            frames.append(frame_of(match))
        elif not line.lstrip().startswith(("... ", "--- ", "at ")):
            found = _raised(head, frames, language) or found
            said = _head_of(line)
            head, frames = (said, []) if said else (head, [])
    return found


def _head_of(line: str) -> Head | None:
    """Type and message of a line that names an exception, wherever it stands in it."""
    text = line.strip()
    for match in _WORD.finditer(text):
        name = match[0].rstrip(".")
        if _EXCEPTION_NAME.match(name):
            return name, text[match.end() :].removeprefix(":").strip()[:LONGEST_MESSAGE]
    return None


def _raised(head: Head | None, frames: list[Frame], language: Language) -> Raised | None:
    return Raised(*head, tuple(frames[:MOST_FRAMES]), language) if head and frames else None


def _named_in(line: str) -> Raised | None:
    head = _head_of(line)
    return Raised(*head, (), None) if head and head[0] not in _GENERAL else None
