"""A dispatcher in a process of its own, which stops where it is told to and waits there to be killed."""

import sys
from datetime import timedelta
from pathlib import Path

from delivery.made_parcels import policy
from kept_cases import NOON
from watchkeeper.delivery.fake_jira import TOKEN
from watchkeeper.delivery.jira import JiraTarget
from watchkeeper.delivery.slack import SlackTarget
from watchkeeper.domain import Parcel, Receipt
from watchkeeper.records.outbox import Outbox
from watchkeeper.records.store import Records
from watchkeeper.workflows.dispatch import Dispatcher

WAIT_SECONDS = 20.0


class Stopping:
    """A target that stops the process before or after what it does."""

    def __init__(self, inner: JiraTarget | SlackTarget, where: str) -> None:
        self._inner, self._where = inner, where
        self.can_find, self.settles_seconds = inner.can_find, 0.0

    def find(self, parcel: Parcel, ticket: str | None) -> Receipt | None:
        return self._inner.find(parcel, ticket)

    def deliver(self, parcel: Parcel, ticket: str | None) -> Receipt:
        stop(self._where, "claimed")
        receipt = self._inner.deliver(parcel, ticket)
        stop(self._where, "accepted")
        return receipt


class StoppingOutbox(Outbox):
    """An outbox that stops the process after it has kept that something arrived."""

    where = ""

    def done(self, key: str, receipt: Receipt) -> None:
        super().done(key, receipt)
        stop(self.where, "done")


def stop(where: str, here: str) -> None:
    if where == here:
        print(here, flush=True)  # noqa: T201
        sys.stdin.readline()


def send(database: Path, jira: str, slack: str, where: str, minutes: float) -> int:
    """Send what is due in a database so many minutes after noon; the worker is the same every time."""
    mine = policy(jira={"base_url": jira, "flavour": "server", "timeout_seconds": WAIT_SECONDS})
    targets = {
        "jira": Stopping(JiraTarget(mine.jira, TOKEN), where),
        "slack": Stopping(SlackTarget(slack, {}, WAIT_SECONDS), where),
    }
    now = NOON + timedelta(minutes=minutes)
    with Records.open(database) as records:
        outbox = StoppingOutbox(records, lambda: now)
        outbox.where = where
        return Dispatcher(outbox, targets, lambda: now, "ann", jitter=lambda: 0.0).send_due()


if __name__ == "__main__":
    send(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], 1)
