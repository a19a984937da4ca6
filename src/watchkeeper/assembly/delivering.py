"""The targets that `config/delivery.yaml` names, with their secrets; or, to try things out, none that sends."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from watchkeeper.delivery import policy as policies
from watchkeeper.delivery.fakes import FakeTarget
from watchkeeper.delivery.files import FilesTarget
from watchkeeper.delivery.policy import Policy
from watchkeeper.delivery.target import Target
from watchkeeper.settings import Settings

DRY_RUN = "http://dry-run.invalid"
"""Where tickets seem to go in a dry run; nothing is sent there."""


def delivery_policy(settings: Settings, dry_run: bool = False) -> Policy:
    """What holds; in a dry run tickets and notices leave too, as far as anybody can see. Raises ConfigError."""
    policy = policies.load(settings.home)
    if not dry_run:
        return policy
    jira = policy.jira.model_copy(update={"base_url": policy.jira.base_url or DRY_RUN})
    slack = policy.slack.model_copy(update={"webhook_variable": policy.slack.webhook_variable or "DRY_RUN"})
    return policy.model_copy(update={"jira": jira, "slack": slack})


def open_targets(
    settings: Settings,
    dry_run: bool = False,
    environment: Mapping[str, str] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Mapping[str, Target]:
    """The targets by name. Nothing is connected yet; raises ConfigError where a secret is not there.

    In a dry run everything but files goes nowhere: it is kept in memory.
    """
    policy = delivery_policy(settings, dry_run)
    path = policies.place(settings.home)
    folder = settings.home / policy.files.folder.expanduser()
    known = os.environ if environment is None else environment
    targets: dict[str, Target] = {"files": FilesTarget(folder)}
    for name in policy.targets[1:]:
        if dry_run:
            targets[name] = FakeTarget(name, can_find=name == "jira")
        else:
            targets[name] = _opened(name, policy, folder, path, known, clock)
    return targets


def _opened(
    name: str,
    policy: Policy,
    folder: Path,
    path: Path,
    environment: Mapping[str, str],
    clock: Callable[[], datetime],
) -> Target:
    # Imported here: their libraries take a while, and most people write files.
    if name == "jira":
        from watchkeeper.delivery.jira import JiraTarget

        token = policies.secret(policy.jira.token_variable, "jira.token_variable", path, environment)
        return JiraTarget(policy.jira, token, policy.page_of)
    if name == "slack":
        from watchkeeper.delivery.slack import SlackTarget

        slack = policy.slack
        webhook = policies.secret(slack.webhook_variable, "slack.webhook_variable", path, environment)
        return SlackTarget(webhook, slack.channels, slack.timeout_seconds, policy.page_of)
    from watchkeeper.delivery.mail import EmlTarget, SmtpTarget

    mail = policy.mail
    if not mail.host:
        return EmlTarget(folder, mail, clock, policy.page_of)
    password = policies.secret(mail.password_variable, "mail.password_variable", path, environment) if mail.user else ""
    return SmtpTarget(mail, password, clock, policy.page_of)
