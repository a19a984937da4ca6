"""The targets that are built from the file and the environment."""

from pathlib import Path

import pytest

from delivery.made_parcels import SHIPPED, file_parcel, parcel
from watchkeeper import settings
from watchkeeper.assembly.delivering import delivery_policy, open_targets
from watchkeeper.delivery.fakes import FakeTarget
from watchkeeper.delivery.jira import JiraTarget
from watchkeeper.delivery.mail import EmlTarget, SmtpTarget
from watchkeeper.delivery.slack import SlackTarget
from watchkeeper.errors import ConfigError

SECRETS = {"JIRA_TOKEN": "t", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/x", "SMTP_PASSWORD": "p"}


def home(tmp_path: Path, **changes: str) -> settings.Settings:
    """Settings of a home whose own file differs from the shipped one in these lines."""
    text = SHIPPED.read_text()
    for old, new in changes.items():
        key = old.replace("__", ": ")
        assert f"  {key}" in text
        text = text.replace(f"  {key}", f"  {new}", 1)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "delivery.yaml").write_text(text)
    return settings.load(environment={"WATCHKEEPER_HOME": str(tmp_path)})


def everywhere(tmp_path: Path, mail: str = "host: ''") -> settings.Settings:
    changes = {
        'base_url__""': "base_url: https://jira.example.com",
        "flavour__cloud": "flavour: server",
        'webhook_variable__""': "webhook_variable: SLACK_WEBHOOK_URL",
        "to__[]": "to: [team@example.com]",
        'host__""': mail,
        'user__""': "user: bot",
    }
    return home(tmp_path, **changes)


def test_as_shipped_there_are_files_only(tmp_path: Path) -> None:
    targets = open_targets(settings.load(environment={"WATCHKEEPER_HOME": str(tmp_path)}), environment={})
    assert set(targets) == {"files"}
    receipt = targets["files"].deliver(file_parcel(), None)
    assert str(receipt.link).startswith(str(tmp_path / "outbox"))


def test_what_is_set_up_is_opened_with_its_secret(tmp_path: Path) -> None:
    targets = open_targets(everywhere(tmp_path, "host: mail.example.com"), environment=SECRETS)
    assert {name: type(each) for name, each in targets.items() if name != "files"} == {
        "jira": JiraTarget,
        "slack": SlackTarget,
        "mail": SmtpTarget,
    }


def test_without_a_mail_server_mails_are_files(tmp_path: Path) -> None:
    assert isinstance(open_targets(everywhere(tmp_path), environment=SECRETS)["mail"], EmlTarget)


@pytest.mark.parametrize(
    ("missing", "key"), [("JIRA_TOKEN", "jira.token_variable"), ("SLACK_WEBHOOK_URL", "slack.web")]
)
def test_a_secret_that_is_not_there_is_told_with_file_key_and_variable(tmp_path: Path, missing: str, key: str) -> None:
    known = {name: value for name, value in SECRETS.items() if name != missing}
    with pytest.raises(ConfigError, match=f"delivery.yaml: {key}.*{missing} is not set"):
        open_targets(everywhere(tmp_path), environment=known)


def test_in_a_dry_run_nothing_leaves_and_everything_seems_to(tmp_path: Path) -> None:
    loaded = settings.load(environment={"WATCHKEEPER_HOME": str(tmp_path)})
    assert delivery_policy(loaded, dry_run=True).targets == ("files", "jira", "slack")
    targets = open_targets(loaded, dry_run=True, environment={})
    assert targets["jira"].deliver(parcel(), None).reference == "JIRA-1"
    assert isinstance(targets["slack"], FakeTarget)


def test_a_dry_run_needs_no_secret(tmp_path: Path) -> None:
    assert set(open_targets(everywhere(tmp_path), dry_run=True, environment={})) == {"files", "jira", "slack", "mail"}
