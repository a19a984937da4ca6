"""`config/delivery.yaml`: which targets there are, and who has to approve what; read strictly."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from watchkeeper import library
from watchkeeper.domain import DraftKind, Severity
from watchkeeper.errors import ConfigError
from watchkeeper.settings import Section

TargetName = Literal["files", "jira", "slack", "mail"]
Matter = DraftKind | Literal["follow-up", "resolution"]
"""What leaves: a kind of draft, what a later diagnosis changed, or that the incident is over."""
Way = Literal["auto", "person", "never"]
POLICY = "policy: "
"""What the name of an approving policy begins with."""
UNMATCHED = "what no rule says"
INCIDENT = "{incident}"

_WEB = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~/?&=%+,;:{}-]*)?")
_VARIABLE = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]{0,127})?")
_MAILBOX = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9.-]+")


def _a_web_address(text: str) -> str:
    if text and not _WEB.fullmatch(text):
        raise ValueError("expected an address such as https://example.com")
    return text.rstrip("/")


def _a_page(text: str) -> str:
    if text and (not _WEB.fullmatch(text) or text.count("{") != 1 or INCIDENT not in text):
        raise ValueError(f"expected an address with {INCIDENT} in it, such as https://example.com/incidents/{INCIDENT}")
    return text


def _a_mailbox(text: str) -> str:
    if text and not _MAILBOX.fullmatch(text):
        raise ValueError("expected one e-mail address such as team@example.com")
    return text


Variable = Annotated[str, StringConstraints(max_length=128)]
"""The name of an environment variable; see `_without_secrets`."""
Mailbox = Annotated[str, AfterValidator(_a_mailbox)]
Line = Annotated[str, StringConstraints(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
Seconds = Annotated[float, Field(gt=0, le=60)]


class Files(Section):
    """The folder that drafts are written into."""

    folder: Path


class CustomField(Section):
    """A field of a ticket that is filled from one of the draft's facts."""

    fact: Annotated[str, StringConstraints(min_length=1)]
    kind: Literal["text", "number", "option"] = "text"


class Jira(Section):
    """A tracker for tickets."""

    base_url: Annotated[str, AfterValidator(_a_web_address)]
    flavour: Literal["cloud", "server"]
    project: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{1,31}$")]
    issue_type: Annotated[Line, StringConstraints(min_length=1)]
    email: Mailbox
    token_variable: Variable
    priorities: dict[Severity, Annotated[Line, StringConstraints(min_length=1)]]
    labels: tuple[Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f]{1,100}$")], ...]
    custom_fields: dict[Annotated[str, StringConstraints(pattern=r"^customfield_\d{1,9}$")], CustomField]
    resolve: Line
    timeout_seconds: Seconds

    @model_validator(mode="after")
    def _it_can_sign_in(self) -> Self:
        if self.base_url and self.flavour == "cloud" and not self.email:
            raise ValueError("expected `email` beside `flavour: cloud`: the address whose API token it is")
        if self.base_url and not self.token_variable:
            raise ValueError("expected `token_variable`: the environment variable that holds the token")
        return self


class Slack(Section):
    """An incoming webhook for notices."""

    webhook_variable: Variable
    channels: dict[Severity, Line]
    timeout_seconds: Seconds


class Mail(Section):
    """Whom mail goes to, and by which server."""

    to: tuple[Annotated[Mailbox, StringConstraints(min_length=3)], ...]
    sender: Annotated[Mailbox, StringConstraints(min_length=3)]
    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]*$")]
    port: int = Field(ge=1, le=65535)
    security: Literal["starttls", "tls", "none"]
    user: Line
    password_variable: Variable
    timeout_seconds: Seconds


class Rule(Section):
    """One rule of who approves what; what it leaves out holds for everything."""

    name: Annotated[Line, StringConstraints(min_length=1)]
    to: tuple[TargetName, ...] = ()
    of: tuple[Matter, ...] = ()
    severity: tuple[Severity, ...] = ()
    audience: tuple[Literal["internal", "public"], ...] = ()
    by: Way

    def takes(self, to: TargetName, of: Matter, severity: Severity | None, audience: str) -> bool:
        """Whether all that it asks for holds."""
        pairs = ((to, self.to), (of, self.of), (severity, self.severity), (audience, self.audience))
        return all(not wanted or value in wanted for value, wanted in pairs)


def _with_names_of_their_own(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    names = [rule.name for rule in rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"expected a name of its own for each rule, two are called `{twice}`")
    return rules


class Policy(Section):
    """The whole file."""

    page: Annotated[str, AfterValidator(_a_page)]
    files: Files
    jira: Jira
    slack: Slack
    mail: Mail
    approval: Annotated[tuple[Rule, ...], AfterValidator(_with_names_of_their_own)]

    @property
    def targets(self) -> tuple[TargetName, ...]:
        """The targets that are set up; files always are."""
        others: tuple[tuple[TargetName, object], ...] = (
            ("jira", self.jira.base_url),
            ("slack", self.slack.webhook_variable),
            ("mail", self.mail.to),
        )
        return ("files", *(name for name, is_set_up in others if is_set_up))

    def way(
        self, to: TargetName, of: Matter, severity: Severity | None, audience: Literal["internal", "public"]
    ) -> tuple[Way, str]:
        """Who approves that, and the name of the rule that says so."""
        rule = next((each for each in self.approval if each.takes(to, of, severity, audience)), None)
        return ("person", UNMATCHED) if rule is None else (rule.by, rule.name)

    def page_of(self, incident_id: str) -> str | None:
        """The address of an incident's page; None where no address is set."""
        return self.page.replace(INCIDENT, incident_id) or None


def read(path: Path) -> Policy:
    """One file; raises ConfigError naming file, key and what was expected."""
    value = library.read_yaml(path)
    _without_secrets(value, path)
    return library.checked(value, Policy, lambda _: str(path))


def _without_secrets(value: Mapping[str, object], path: Path) -> None:
    """Refuse what is no variable's name before the model does, whose message would repeat the secret put there."""
    for section, keys in value.items():
        for key, name in keys.items() if isinstance(keys, dict) else ():
            if str(key).endswith("_variable") and not (isinstance(name, str) and _VARIABLE.fullmatch(name)):
                raise ConfigError(
                    f"{path}: {section}.{key}: expected the name of an environment variable, never the secret itself"
                )


def place(home: Path) -> Path:
    """The file that holds: `config/delivery.yaml` of the home, which replaces the shipped one."""
    own = home / "config" / "delivery.yaml"
    return own if own.exists() else library.HOME / "config" / "delivery.yaml"


def load(home: Path) -> Policy:
    """What holds for that home; raises ConfigError naming file, key and what was expected."""
    return read(place(home))


def secret(variable: str, key: str, path: Path, environment: Mapping[str, str]) -> str:
    """What the environment variable holds; raises ConfigError naming file, key and variable where it holds nothing."""
    if not (value := environment.get(variable, "").strip()):
        raise ConfigError(f"{path}: {key}: the environment variable {variable} is not set, expected the secret in it")
    return value
