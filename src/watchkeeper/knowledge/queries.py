"""What runbooks are asked: free words, or what a diagnosis knows of kind, component and symptoms."""

from collections.abc import Iterable

from watchkeeper.domain import FaultKind, Noun
from watchkeeper.knowledge.texts import one_line
from watchkeeper.knowledge.words import words

LONGEST_QUERY, MOST_MEASURES = 2000, 10

_SAID: dict[FaultKind, str] = {
    "errors": "errors, requests fail",
    "latency": "latency, slow requests",
    "bad-change": "bad change, deploy, release",
    "crash": "crash, restart",
    "pool-exhaustion": "connection pool exhausted",
    "slow-dependency": "slow dependency",
    "cpu": "cpu",
    "memory": "memory",
    "silence": "telemetry silence, not reporting",
    "surge": "traffic surge",
    "unknown": "",
}
"""How people call each kind: runbooks that state no kinds are found by these words."""


class Query(Noun):
    """What is looked for. Where kind or measures are known they decide, and the text only ranks."""

    text: str = ""
    kind: FaultKind | None = None
    """Only runbooks for this kind, or for no kind in particular, are considered; None and `unknown`: all."""
    component: str | None = None
    """Runbooks for other services are left out; its name is no word that is looked for."""
    measures: tuple[str, ...] = ()
    """Symptoms by the names that diagnoses give them, such as `error ratio`."""

    @property
    def stated_kind(self) -> FaultKind | None:
        """The kind, where it says anything."""
        return None if self.kind == "unknown" else self.kind

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look for."""
        return not (self.focus or self.context)

    @property
    def focus(self) -> tuple[str, ...]:
        """The words that a runbook must answer to: those of the kind, else of the measures, else the text itself."""
        kind = self.stated_kind
        said = _SAID[kind] if kind else ", ".join(self.measures[:MOST_MEASURES])
        return tuple(self._words(said or self.text))

    @property
    def context(self) -> tuple[str, ...]:
        """All other words, which tell apart the runbooks that fit."""
        rest = ", ".join([*self.measures[:MOST_MEASURES], self.text])
        return tuple(self._words(rest)) if self.stated_kind or self.measures else ()

    def _words(self, text: str) -> list[str]:
        own = set(words(self.component or ""))
        return [word for word in words(text[:LONGEST_QUERY]) if word not in own]


def query_for(
    kind: FaultKind | None, measures: Iterable[str] = (), said: Iterable[str] = (), component: str | None = None
) -> Query:
    """The query of a diagnosis: its kind, its symptoms, words of its headline and claims, and what is to blame.

    Where nothing is wrong there is no kind and no symptom; then there is nothing to look for, whatever was said.
    """
    symptoms = tuple(one_line(measure, 80) for measure in measures)[:MOST_MEASURES]
    if kind is None and not symptoms:
        return Query(component=component)
    return Query(
        text=one_line(" ".join(said), LONGEST_QUERY),
        kind=kind,
        component=component,
        measures=symptoms,
    )
