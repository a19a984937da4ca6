"""A case in which every text that comes from outside tries to do something to the page that shows it."""

import json
from typing import Any

from watchkeeper.domain import Alert, CaseFile, Draft

MARKUP = "<script>window.pwned=1</script><img src=x onerror=window.pwned=2><svg onload=window.pwned=3>"
STEERING = "\u001b[31mred\u001b[0m \u202eltr\u202c \u0000 \u2066iso\u2069"
TEMPLATES = "{{window.pwned=4}} ${window.pwned=5} javascript:window.pwned=6"
HOSTILE = f"{MARKUP} {STEERING} {TEMPLATES}"
MEGABYTE = "A" * 2**20
_LEFT_ALONE = frozenset(
    (
        *("id", "evidence", "kind", "status", "state", "severity", "role", "standing", "operator", "selector"),
        *("source", "proposed_by", "engine", "graph", "audience", "direction", "actions", "of", "name", "method"),
        "fingerprint",
    )
)
"""Keys whose values are words of our own, or what other values refer to."""


def hostile(case: CaseFile, *, is_long: bool = True) -> CaseFile:
    """The case with that in every text; one query, one log line and one draft are a megabyte long."""
    told = _poisoned(json.loads(case.model_dump_json()), "")
    if is_long:
        told["evidence"][0]["query"] += MEGABYTE
        told["evidence"][0]["rows"]["values"][0][0] += MEGABYTE
        told["diagnoses"][-1]["headline"] += MEGABYTE
        told["drafts"][0]["text"] += MEGABYTE
    return CaseFile.model_validate(told)


def hostile_alert(alert: Alert) -> Alert:
    """The alert, its labels and its text like that."""
    labels = {HOSTILE: HOSTILE, "long": MEGABYTE}
    return alert.model_copy(update={"name": HOSTILE[:256], "text": HOSTILE, "labels": labels})


def hostile_draft(draft: Draft) -> Draft:
    """The draft, its title and text like that."""
    return draft.model_copy(update={"title": HOSTILE, "text": f"{HOSTILE}\n" * 50})


def _poisoned(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _poisoned(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_poisoned(each, key) for each in value]
    if not isinstance(value, str) or key in _LEFT_ALONE or _is_time(value):
        return value
    return f"{value} {HOSTILE}"


def _is_time(value: str) -> bool:
    return len(value) > 18 and value[:4].isdigit() and value[10] == "T"
