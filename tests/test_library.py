from pathlib import Path

import pytest
from pydantic import BaseModel

from watchkeeper import library
from watchkeeper.errors import ConfigError


class Wheel(BaseModel, extra="forbid"):
    size: int


class Car(BaseModel, extra="forbid"):
    wheels: dict[str, Wheel] = {}
    doors: tuple[Wheel, ...] = ()


def written(folder: Path, text: str) -> Path:
    path = folder / "car.yaml"
    path.write_text(text)
    return path


def test_the_home_holds_the_shipped_configuration() -> None:
    assert (library.HOME / "config" / "watchkeeper.yaml").is_file()


def test_a_file_becomes_a_model(tmp_path: Path) -> None:
    assert library.read_model(written(tmp_path, "wheels: {left: {size: 3}}"), Car).wheels["left"].size == 3


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    assert library.read_yaml(written(tmp_path, "# nothing\n")) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wheels: {left: {sise: 3}}", "wheels.left.sise: is not a setting that exists (did you mean `size`?)"),
        ("wheels: {left: {size: big}}", "wheels.left.size: expected a whole number, not 'big'"),
        ("wheels: {left: {}}", "wheels.left.size: is missing, expected a value"),
        ("doors: [{size: 1}, 7]", "doors.1: expected a section with keys, not 7"),
        ("wheels: {}\nwheels: {}", "line 2: `wheels` is written twice, expected once"),
        ("- a", "expected keys with values, as in `server:`, not ['a']"),
        ("wheels: [", "is not valid YAML"),
        ("at: 2026-13-01", "is not valid YAML"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_what_was_expected(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        library.read_model(path, Car)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_a_file_that_is_missing_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: there is no such file"):
        library.read_yaml(tmp_path / "none.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match=r"binary\.yaml: cannot be read as UTF-8 text"):
        library.read_yaml(binary)
