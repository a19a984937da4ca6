"""What the labels of an alert say: its service, its severity, and the place that it is about."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from watchkeeper.domain import Severity
from watchkeeper.settings import Section

Label = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Place = tuple[str, str]
"""Which kind of place (`environment`, `cluster`, `namespace`), and its name."""


class LabelNames(Section):
    """Which labels say what; of each list the first that an alert has."""

    service: tuple[Label, ...] = Field(min_length=1)
    severity: tuple[Label, ...] = Field(min_length=1)
    environment: tuple[Label, ...]
    cluster: tuple[Label, ...]
    namespace: tuple[Label, ...]


class Words(Section):
    """How labels are read: under which names, and what a severity comes to here."""

    labels: LabelNames
    severities: dict[Label, Severity]

    def service(self, labels: Mapping[str, str]) -> str | None:
        """The service that the labels name."""
        return _first(labels, self.labels.service)

    def severity(self, labels: Mapping[str, str]) -> Severity | None:
        """The severity that the labels name, where the word is known."""
        return self.severity_of(_first(labels, self.labels.severity))

    def severity_of(self, word: str | None) -> Severity | None:
        """What a sender's word for a severity comes to; None for one that is not known."""
        return None if word is None else self.severities.get(word.strip().lower())

    def places(self, labels: Mapping[str, str]) -> frozenset[Place]:
        """Where it is, as far as the labels say."""
        named = {
            "environment": _first(labels, self.labels.environment),
            "cluster": _first(labels, self.labels.cluster),
            "namespace": _first(labels, self.labels.namespace),
        }
        return frozenset((kind, name) for kind, name in named.items() if name)


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := labels.get(name, "").strip())), None)
