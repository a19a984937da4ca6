"""Sources that remember whether one of their answers failed to come, whoever asked and whatever was made of it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from watchkeeper.domain import CaseFile
from watchkeeper.errors import SourceUnavailable, StoreUnavailable
from watchkeeper.redaction import redact
from watchkeeper.telemetry.sources import Sources


class Attentive:
    """Passes every question on; `failure` is why the latest that was not answered was not, None where all were."""

    def __init__(self, sources: Sources) -> None:
        self._asked = sources
        self.failure: str | None = None

    @property
    def sources(self) -> Sources:
        """What is asked instead of them."""
        return cast(Sources, self)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._asked, name)

        @wraps(method)
        def asked(*words: Any, **more: Any) -> Any:
            try:
                return method(*words, **more)
            except (SourceUnavailable, StoreUnavailable) as error:
                self.failure = redact(" ".join(str(error).split()))
                raise

        return asked


def with_gap(case: CaseFile, failure: str) -> CaseFile:
    """The case whose latest diagnosis names what was not answered, where it does not yet."""
    *earlier, latest = case.diagnoses
    if any(failure in gap for gap in latest.gaps):
        return case
    gaps = (*latest.gaps, f"Not everything could be asked again: {failure}")
    return case.model_copy(update={"diagnoses": (*earlier, latest.model_copy(update={"gaps": gaps}))})
