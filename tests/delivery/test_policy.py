"""The file that says what leaves and who approves it."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from delivery.made_parcels import NOBODY, SHIPPED, auto, policy
from watchkeeper.delivery import policy as policies
from watchkeeper.errors import ConfigError

WEBHOOK = "https://hooks.slack.com/services/T1/B1/abcdefghijkl"


def own(tmp_path: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text()
    assert old in text
    path = tmp_path / "config" / "delivery.yaml"
    path.parent.mkdir()
    path.write_text(text.replace(old, new, 1))
    return tmp_path


def test_as_shipped_everything_stays_in_files() -> None:
    shipped = policies.load(NOBODY)
    assert shipped.targets == ("files",)
    assert shipped.way("files", "ticket", "P1", "internal") == ("auto", "internal drafts into files")
    assert shipped.way("files", "status-update", "P1", "public")[0] == "person"


@pytest.mark.parametrize("to", ["jira", "slack", "mail"])
def test_what_goes_outside_needs_a_person_unless_a_rule_says_otherwise(to: policies.TargetName) -> None:
    assert policies.load(NOBODY).way(to, "ticket", "P1", "internal") == ("person", policies.UNMATCHED)


def test_the_first_rule_that_matches_decides() -> None:
    rules = [auto(to="jira", of="ticket", severity="P1"), {"name": "rest", "to": ["jira"], "by": "never"}]
    mine = policy(approval=rules)
    assert mine.way("jira", "ticket", "P1", "internal") == ("auto", "go")
    assert mine.way("jira", "ticket", "P2", "internal") == ("never", "rest")
    assert mine.way("jira", "ticket", None, "internal") == ("never", "rest")


def test_ones_own_file_replaces_the_shipped_one(tmp_path: Path) -> None:
    home = own(tmp_path, "folder: outbox", "folder: elsewhere")
    assert policies.load(home).files.folder == Path("elsewhere")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("flavour: cloud", "flavour: clod", r"jira\.flavour: "),
        ("project: OPS", "project: 'OPS\" OR 1=1'", r"jira\.project: "),
        ('base_url: ""', "base_url: https://example.atlassian.net", "expected `email` beside `flavour: cloud`"),
        ('base_url: ""', "base_url: javascript:x", r"jira\.base_url: expected an address such as"),
        ('page: ""', "page: https://example.com/incidents", "expected an address with {incident} in it"),
        ("[internal]\n    by: auto", "[internal]\n    by: anybody", r"approval\.0\.by: "),
        ("to: [files]", "to: [fies]", r"approval\.0\.to\.0: "),
        ("name: a ticket is kept up to date", "name: internal drafts into files", "two are called"),
        ("security: starttls", "securty: starttls", r"mail\.securty: is not a setting that exists"),
    ],
)
def test_a_mistake_is_told_with_file_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        policies.load(own(tmp_path, old, new))
    assert str(tmp_path / "config" / "delivery.yaml") in str(refused.value)


def test_a_secret_in_the_place_of_a_variables_name_is_not_repeated(tmp_path: Path) -> None:
    home = own(tmp_path, 'webhook_variable: ""', f"webhook_variable: {WEBHOOK}")
    with pytest.raises(ConfigError, match=r"slack\.webhook_variable: expected the name of an environment") as refused:
        policies.load(home)
    assert "hooks.slack.com" not in str(refused.value)


def test_every_key_of_the_shipped_file_is_explained() -> None:
    lines = SHIPPED.read_text().splitlines()
    sections = set(yaml.safe_load(SHIPPED.read_text())) - {"page", "approval"}
    bare = [
        line
        for before, line in pairwise(lines)
        if line.startswith("  ") and line.strip()[0] not in "#-" and not before.strip().startswith("#")
    ]
    # Of a rule the keys are explained above all of them.
    assert [line for line in bare if line.strip().split(":")[0] not in ("to", "of", "audience", "by")] == []
    assert sections == {"files", "jira", "slack", "mail"}
