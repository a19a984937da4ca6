from pathlib import Path

import pytest

from watchkeeper import library, settings
from watchkeeper.errors import ConfigError

SHIPPED = library.HOME / "config" / "watchkeeper.yaml"


@pytest.fixture
def world(tmp_path: Path) -> dict[str, str]:
    """An environment that names a home of its own."""
    return {"WATCHKEEPER_HOME": str(tmp_path / "home")}


def write(world: dict[str, str], text: str) -> Path:
    path = Path(world["WATCHKEEPER_HOME"]) / "config" / "watchkeeper.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_shipped_file_says_everything(world: dict[str, str]) -> None:
    loaded = settings.load(environment=world)
    assert (loaded.server.host, loaded.server.port) == ("127.0.0.1", 4318)
    assert loaded.store_path == Path(world["WATCHKEEPER_HOME"]) / "telemetry.duckdb"
    assert loaded.server_url == "http://127.0.0.1:4318"


def test_the_home_is_made_on_first_use_for_its_owner_only(world: dict[str, str]) -> None:
    assert settings.home(world).stat().st_mode & 0o777 == 0o700


def test_the_home_is_in_the_persons_own_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.home({}) == tmp_path / ".watchkeeper"


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="WATCHKEEPER_HOME: expected a folder"):
        settings.home({"WATCHKEEPER_HOME": str(tmp_path / "file" / "home")})


def test_file_environment_and_flags_go_above_one_another(world: dict[str, str]) -> None:
    write(world, "server: {port: 1000, max_body_mib: 4}\nstore: {retention_days: 2}")
    world |= {"WATCHKEEPER_SERVER__PORT": "2000", "WATCHKEEPER_SERVER__HOST": "::1"}
    loaded = settings.load(flags={"server.port": 3000, "server.host": None}, environment=world)
    assert (loaded.server.port, loaded.server.host, loaded.server.max_body_mib) == (3000, "::1", 4)
    assert (loaded.store.retention_days, loaded.store.disk_budget_gib) == (2, 20)
    assert loaded.server_url == "http://[::1]:3000"


def test_lists_and_truth_values_can_be_set_in_the_environment(world: dict[str, str]) -> None:
    world |= {"WATCHKEEPER_REDACTION__EXTRA_PATTERNS": "[a+, 'b: c']", "WATCHKEEPER_REDACTION__ENABLED": "false"}
    redaction = settings.load(environment=world).redaction
    assert (redaction.extra_patterns, redaction.enabled) == (("a+", "b: c"), False)


def test_a_named_file_takes_the_place_of_the_homes(world: dict[str, str], tmp_path: Path) -> None:
    write(world, "server: {port: 1000}")
    named = tmp_path / "own.yaml"
    named.write_text("log: {level: debug}")
    loaded = settings.load(named, environment=world)
    assert (loaded.log.level, loaded.server.port) == ("debug", 4318)
    assert settings.load(environment=world | {"WATCHKEEPER_CONFIG": str(named)}) == loaded


def test_a_named_file_that_is_missing_is_told(world: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: there is no such file"):
        settings.load(tmp_path / "gone.yaml", environment=world)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("servr: {port: 1}", "servr: is not a setting that exists (did you mean `server`?)"),
        ("server: {prot: 1}", "server.prot: is not a setting that exists (did you mean `port`?)"),
        ("server: {port: many}", "server.port: expected a whole number, not 'many'"),
        ("server: {port: 70000}", "server.port: input should be less than or equal to 65535, not 70000"),
        ("server:", "server: expected a section with keys, not None"),
        ("log: {level: loud}", "log.level: input should be 'debug', 'info', 'warning' or 'error', not 'loud'"),
        ("redaction: {extra_patterns: ['(']}", "redaction.extra_patterns.0: expected a regular expression"),
        ("home: /elsewhere", "home: is set by the variable WATCHKEEPER_HOME"),
    ],
)
def test_a_mistake_in_the_file_names_file_and_key(world: dict[str, str], text: str, message: str) -> None:
    path = write(world, text)
    with pytest.raises(ConfigError) as error:
        settings.load(environment=world)
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WATCHKEEPER_SERVER__PORTS", "1", "(did you mean `WATCHKEEPER_SERVER__PORT`?)"),
        ("WATCHKEEPER_SERVER_PORT", "1", "expected two underscores after the section"),
        ("WATCHKEEPER_SERVER__PORT", "x", "WATCHKEEPER_SERVER__PORT: server.port: expected a whole number, not 'x'"),
        ("WATCHKEEPER_SERVER__PORT", "[", "is not a value in YAML"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    world: dict[str, str], name: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        settings.load(environment=world | {name: value})
    assert name in str(error.value)
    assert message in str(error.value)


def test_a_variable_that_sets_nothing_of_ours_is_left_alone(world: dict[str, str]) -> None:
    assert settings.load(environment=world | {"WATCHKEEPER_TOKEN": "x", "PATH": "y"})


def documented() -> dict[str, str]:
    """Each setting of the shipped file with the comment right above it."""
    found, section, comment = {}, "", ""
    for line in SHIPPED.read_text().splitlines():
        key = line.strip().partition(":")[0]
        if line.strip().startswith("#"):
            comment += line.strip(" #")
        elif line and not line.startswith(" "):
            section, comment = key, ""
        elif line:
            found[f"{section}.{key}"], comment = comment, ""
        else:
            comment = ""
    return found


def test_every_setting_is_explained_in_the_shipped_file() -> None:
    all_keys = {
        f"{s}.{f}" for s in settings.SECTIONS for f in settings.Settings.model_fields[s].annotation.model_fields
    }  # type: ignore[union-attr]
    explained = documented()
    assert set(explained) == all_keys
    assert [key for key, comment in explained.items() if len(comment) < 20] == []
