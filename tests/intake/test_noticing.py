from datetime import UTC, datetime

import pytest

from watchkeeper.domain import Alert, SignalKind
from watchkeeper.intake.noticing import signal_of
from watchkeeper.intake.senders import WATCH

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "labels", "kind"),
    [
        ("alertmanager", {"kind": "business"}, "alert"),
        (WATCH, {"measure": "silence"}, "silence"),
        (WATCH, {"measure": "sign-ups", "kind": "business"}, "business"),
        (WATCH, {"measure": "error ratio"}, "anomaly"),
    ],
)
def test_only_our_own_watch_says_what_kind_of_thing_it_saw(
    source: str, labels: dict[str, str], kind: SignalKind
) -> None:
    alert = Alert(source=source, fingerprint="f", name="n", status="firing", labels=labels, starts_at=NOON)
    assert signal_of(alert, NOON).kind == kind
