"""What can be set: the shipped file < `$WATCHKEEPER_HOME/config/watchkeeper.yaml` < the environment < flags."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from watchkeeper import library
from watchkeeper.errors import ConfigError
from watchkeeper.library import Key, did_you_mean

PREFIX = "WATCHKEEPER_"
HOME_VARIABLE = "WATCHKEEPER_HOME"
CONFIG_VARIABLE = "WATCHKEEPER_CONFIG"


def _a_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"expected a regular expression ({error})") from error
    return text


class Section(BaseModel, frozen=True, extra="forbid"):
    """Settings that belong together; each is explained in `config/watchkeeper.yaml`."""


class Server(Section):
    """Where the server listens, and what it takes at once."""

    host: str
    port: int = Field(ge=1, le=65535)
    max_body_mib: int = Field(ge=1, le=1024)
    queue_mib: int = Field(ge=1)


class Store(Section):
    """Where telemetry is kept, for how long, and how much of it."""

    path: Path
    retention_days: float = Field(gt=0)
    disk_budget_gib: float = Field(gt=0)
    free_space_floor_gib: float = Field(ge=0)
    memory_limit_mib: int = Field(ge=128)


class DiagnosisWindows(Section):
    """How much time a diagnosis looks at."""

    lookback_minutes: float = Field(ge=3, le=24 * 60)
    follow_seconds: float = Field(ge=0, le=3600)
    lag_seconds: float = Field(ge=0, le=300)


class Records(Section):
    """Where cases, diagnoses and verdicts are kept."""

    url: str


class Redaction(Section):
    """What must not leave in text."""

    enabled: bool
    ip_addresses: bool
    extra_patterns: tuple[Annotated[str, AfterValidator(_a_pattern)], ...]


class Model(Section):
    """Which language model may be asked, and how much of it; without one the rules work alone."""

    base_url: str
    name: str
    api_key_variable: str
    temperature: float = Field(ge=0, le=2)
    context_tokens: int = Field(ge=4096)
    output_tokens: int = Field(ge=256)
    structured: Literal["auto", "schema", "tool", "parse"]
    request_timeout_seconds: float = Field(gt=0)
    attempts: int = Field(ge=1, le=10)
    calls: int = Field(ge=1)
    tokens: int = Field(ge=1000)
    usd: float = Field(gt=0)
    seconds: float = Field(gt=0)
    graph: Literal["single", "specialists"]


class Knowledge(Section):
    """Where runbooks lie, and how they are found."""

    folders: tuple[Path, ...]
    index: Path
    embedding: Literal["lexical", "endpoint"]
    embedding_model: str


class Access(Section):
    """How long a signed-in browser stays so, and how much one caller may ask at once."""

    session_hours: float = Field(gt=0, le=24 * 30)
    requests_per_second: float = Field(gt=0)
    burst: int = Field(ge=1)
    sign_ins_per_minute: int = Field(ge=1)
    names: tuple[Annotated[str, StringConstraints(min_length=1, max_length=253)], ...]


class Alerts(Section):
    """Which alerts belong to one incident, and when it is looked at anew."""

    join_minutes: float = Field(gt=0)
    burst_seconds: float = Field(ge=0)
    cool_down_minutes: float = Field(ge=0)
    close_after_minutes: float = Field(ge=0)
    keep_days: float = Field(gt=0)


class Watch(Section):
    """Our own eyes on the live store."""

    enabled: bool
    every_seconds: float = Field(ge=1, le=3600)
    over_after_minutes: float = Field(gt=0)
    alarms_a_week: float = Field(gt=0, le=1000)


class Workflows(Section):
    """Where the work's progress is kept, and how much of it is done at once."""

    url: str
    at_once: int = Field(ge=1, le=64)
    engine: Literal["rules", "model"]
    dead_after_seconds: float = Field(ge=2)


class Prometheus(Section):
    """A Prometheus or VictoriaMetrics to ask for metrics."""

    url: str
    token_variable: str
    timeout_seconds: float = Field(gt=0)
    service_labels: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = Field(min_length=1)


class Log(Section):
    """What watchkeeper says about itself."""

    level: Literal["debug", "info", "warning", "error"]


class Settings(Section):
    """Everything that can be set, and the home that it was read for."""

    home: Path
    """$WATCHKEEPER_HOME; not a key of the file."""
    server: Server
    store: Store
    diagnosis: DiagnosisWindows
    records: Records
    redaction: Redaction
    model: Model
    knowledge: Knowledge
    access: Access
    alerts: Alerts
    watch: Watch
    workflows: Workflows
    prometheus: Prometheus
    log: Log

    @property
    def store_path(self) -> Path:
        """The telemetry store's file, absolute."""
        return self.home / self.store.path.expanduser()

    @property
    def records_place(self) -> Path | str:
        """The records' file, or the URL that was set."""
        return self.records.url or self.home / "records.sqlite"

    @property
    def workflows_place(self) -> Path | str:
        """Where the work's progress is kept: as set, else with the records where these are PostgreSQL, else a file."""
        shared = self.records.url if self.records.url.startswith("postgres") else ""
        return self.workflows.url or shared or self.home / "workflows.sqlite"

    @property
    def token_path(self) -> Path:
        """The file with the admin token that the first start of the server writes."""
        return self.home / "token"

    @property
    def server_url(self) -> str:
        """The address under which the server of these settings answers."""
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        return f"http://{host}:{self.server.port}"


SECTIONS = tuple(name for name in Settings.model_fields if name != "home")


def home(environment: Mapping[str, str] | None = None) -> Path:
    """$WATCHKEEPER_HOME, by default `~/.watchkeeper`; made on first use, for the owner only."""
    named = (os.environ if environment is None else environment).get(HOME_VARIABLE)
    path = Path(named).expanduser().absolute() if named else Path.home() / ".watchkeeper"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{HOME_VARIABLE}: expected a folder that can be made at {path}: {error}") from error
    return path


def load(
    file: Path | None = None,
    flags: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """All layers as one value; `file`, or else $WATCHKEEPER_CONFIG, takes the place of the home's file.

    Flags are dotted (`server.port`); those that are None do not count. Raises ConfigError naming file, key and
    what was expected.
    """
    environment = os.environ if environment is None else environment
    root = home(environment)
    layers = [*_files(root, file, environment), *_from_environment(environment)]
    layers += [
        ("the flag", _nested(tuple(key.split(".")), value)) for key, value in (flags or {}).items() if value is not None
    ]
    values: dict[str, object] = {}
    origins: dict[Key, str] = {}
    for name, layer in layers:
        _merge(values, layer, (), name, origins)
    if "home" in values:
        raise ConfigError(f"{origins[('home',)]}: home: is set by the variable {HOME_VARIABLE}, expected no such key")
    return library.checked({**values, "home": root}, Settings, lambda key: _origin(key, origins))


def _files(root: Path, file: Path | None, environment: Mapping[str, str]) -> list[tuple[str, dict[str, object]]]:
    shipped = library.HOME / "config" / "watchkeeper.yaml"
    named = file or (Path(environment[CONFIG_VARIABLE]) if environment.get(CONFIG_VARIABLE) else None)
    own = named.expanduser() if named else root / "config" / "watchkeeper.yaml"
    found = [shipped, own] if named or own.exists() else [shipped]
    return [(str(path), library.read_yaml(path)) for path in found]


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, dict[str, object]]]:
    layers = []
    for name, text in sorted(environment.items()):
        rest = name.removeprefix(PREFIX)
        if name == rest or name in (HOME_VARIABLE, CONFIG_VARIABLE):
            continue
        key = tuple(part.lower() for part in rest.split("__"))
        if len(key) > 1:
            layers.append((f"the variable {name}", _nested(key, _parsed(key, text, name))))
        elif section := next((s for s in SECTIONS if key[0].startswith(f"{s}_")), None):
            meant = f"{PREFIX}{section.upper()}__{rest[len(section) + 1 :]}"
            raise ConfigError(
                f"the variable {name}: expected two underscores after the section (did you mean `{meant}`?)"
            )
    return layers


def _parsed(key: Key, text: str, name: str) -> object:
    section = Settings.model_fields.get(key[0])
    fields = getattr(section.annotation, "model_fields", {}) if section else {}
    if len(key) != 2 or key[1] not in fields:
        known = [f"{PREFIX}{s.upper()}__{f.upper()}" for s in SECTIONS for f in _fields_of(s)]
        raise ConfigError(f"the variable {name}: is not a setting that exists{did_you_mean(name, known)}")
    if fields[key[1]].annotation in (str, Path):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"the variable {name}: is not a value in YAML: {' '.join(str(error).split())}") from error


def _fields_of(section: str) -> tuple[str, ...]:
    return tuple(getattr(Settings.model_fields[section].annotation, "model_fields", {}))


def _nested(key: Key, value: object) -> dict[str, object]:
    return {key[0]: value if len(key) == 1 else _nested(key[1:], value)}


def _merge(into: dict[str, object], layer: dict[str, object], at: Key, name: str, origins: dict[Key, str]) -> None:
    for key, value in layer.items():
        here = (*at, key)
        origins[here] = name
        inner = into.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            _merge(inner, value, here, name, origins)
        elif isinstance(value, dict):
            fresh: dict[str, object] = {}
            _merge(fresh, value, here, name, origins)
            into[key] = fresh
        else:
            into[key] = value


def _origin(key: Key, origins: Mapping[Key, str]) -> str:
    for length in range(len(key), 0, -1):
        if key[:length] in origins:
            return origins[key[:length]]
    return "the settings"
