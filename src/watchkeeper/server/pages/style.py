"""How pages look: colours for light and dark, and the style sheet and script that every page loads."""

import hashlib
from functools import cache
from pathlib import Path

from watchkeeper.domain import Severity

LIGHT = {
    "ground": "#f6f6f3",
    "surface": "#ffffff",
    "raised": "#f0f0ec",
    "line": "#dfdfda",
    "ink": "#1c2024",
    "muted": "#5b636b",
    "accent": "#1c5d99",
    "accent-soft": "#e2edf7",
    "on-accent": "#ffffff",
    "p1": "#a8132a",
    "p1-soft": "#fbe6e8",
    "p2": "#8f4500",
    "p2-soft": "#fcecdb",
    "p3": "#6e5300",
    "p3-soft": "#f8f0cf",
    "p4": "#37587a",
    "p4-soft": "#e5edf5",
    "good": "#17653a",
    "good-soft": "#e2f2e8",
    "neutral": "#50585f",
    "neutral-soft": "#ebebe7",
    "chart-good": "#469068",
    "chart-middling": "#b07d10",
    "chart-bad": "#c24c59",
    "chart-open": "#848e96",
    "chart-none": "#565e65",
}
DARK = {
    "ground": "#0f1316",
    "surface": "#171c20",
    "raised": "#1f262b",
    "line": "#2c343a",
    "ink": "#e7eaec",
    "muted": "#9da8b0",
    "accent": "#85b9ea",
    "accent-soft": "#15293c",
    "on-accent": "#0d1a26",
    "p1": "#ff98a3",
    "p1-soft": "#3d181e",
    "p2": "#ffb876",
    "p2-soft": "#382512",
    "p3": "#ead177",
    "p3-soft": "#302a10",
    "p4": "#a3c6ea",
    "p4-soft": "#192a3b",
    "good": "#86d6a5",
    "good-soft": "#14301f",
    "neutral": "#b4bdc4",
    "neutral-soft": "#262d33",
    "chart-good": "#5fae82",
    "chart-middling": "#cfa444",
    "chart-bad": "#d9717c",
    "chart-open": "#6b757d",
    "chart-none": "#a7b0b7",
}
"""Every word has at least 4.5:1 against what it stands on (WCAG AA): `x` on `x-soft`, ink and muted on each ground;
what charts are drawn in has 3:1 against the ground."""
SHEET, SCRIPT = "/_nicegui/watchkeeper.css", "/_nicegui/watchkeeper.js"
FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="11" fill="none" '
    'stroke="#3f86c6" stroke-width="4"/><circle cx="16" cy="16" r="4" fill="#3f86c6"/></svg>'
)
_HERE = Path(__file__).parent


def tone(severity: Severity | None) -> str:
    """The class that gives an element the colours of a severity (`--tone` and `--tone-soft`)."""
    return f"wk-{severity.lower()}" if severity else "wk-neutral"


@cache
def sheet() -> str:
    """The style sheet: the colours as variables, then `watchkeeper.css`."""
    light, dark = _variables(LIGHT), _variables(DARK)
    chosen = f":root {{{light}color-scheme: light;}}\n"
    chosen += f"@media (prefers-color-scheme: dark) {{:root {{{dark}color-scheme: dark;}}}}\n"
    chosen += f':root[data-theme="light"] {{{light}color-scheme: light;}}\n'
    chosen += f':root[data-theme="dark"] {{{dark}color-scheme: dark;}}\n'
    return chosen + (_HERE / "watchkeeper.css").read_text(encoding="utf-8")


@cache
def script() -> str:
    """The script: theme and keys, nothing else."""
    return (_HERE / "watchkeeper.js").read_text(encoding="utf-8")


def head() -> str:
    """What goes into the head of every page; the addresses change when the files do."""
    return (
        f'<link rel="stylesheet" href="{SHEET}?{_digest(sheet())}">\n'
        f'<script src="{SCRIPT}?{_digest(script())}"></script>\n'
    )


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--wk-{name}: {value}; " for name, value in colours.items())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
