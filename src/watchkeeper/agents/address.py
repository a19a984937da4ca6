"""Where the model is asked and with which key; the only place that holds the key, and that takes it out of texts."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from watchkeeper import settings
from watchkeeper.errors import ConfigError, ModelUnavailable
from watchkeeper.redaction import redact

BASE_URL_VARIABLE = "OPENAI_BASE_URL"
NO_KEY = "none"
"""What is sent where there is no key: endpoints of one's own want none, and the libraries want a text."""
MOST_CHARACTERS = 300
"""How much of a foreign text a message of ours quotes."""
OPENAI_HOSTS = ("openai.com", "openai.azure.com")


@dataclass(frozen=True)
class Address:
    """One OpenAI-compatible endpoint."""

    url: str
    key_variable: str = "OPENAI_API_KEY"
    key: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """The host's name, without port."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """Whether requests stay on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own, or theirs at Azure: they alone want OpenAI's newest names of parameters."""
        return any(self.host == host or self.host.endswith(f".{host}") for host in OPENAI_HOSTS)

    @property
    def shown(self) -> str:
        """The address as it may be shown and kept: without password."""
        return redact(self.url)

    def quoted(self, text: str) -> str:
        """A foreign text as one bounded line without the key and without other secrets."""
        if self.key:
            text = text.replace(self.key, "[redacted:key]")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        # Redacted before it is cut: half a secret is not recognised.
        line = redact(line)
        return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"


def of(model: settings.Model, environment: Mapping[str, str] | None = None) -> Address:
    """The endpoint that is configured; raises ModelUnavailable where none is, ConfigError for what is no address."""
    environment = os.environ if environment is None else environment
    url = (model.base_url or environment.get(BASE_URL_VARIABLE, "")).strip().rstrip("/")
    if not url:
        raise ModelUnavailable(f"no model is configured: set model.base_url or ${BASE_URL_VARIABLE}")
    name = "model.base_url" if model.base_url else f"the variable {BASE_URL_VARIABLE}"
    _require_address(url, name)
    key = environment.get(model.api_key_variable, "").strip()
    if not all(c.isascii() and c.isprintable() for c in key):
        raise ConfigError(f"the variable {model.api_key_variable}: holds characters that no key has")
    return Address(url, model.api_key_variable, key)


def _require_address(url: str, name: str) -> None:
    expected = "expected an address such as http://127.0.0.1:11434/v1"
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ConfigError(f"{name}: {redact(url)!r} is not a URL, {expected}") from error
    if not is_address:
        raise ConfigError(f"{name}: {redact(url)!r} is not a URL, {expected}")
