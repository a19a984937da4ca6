from pathlib import Path

import pytest

from watchkeeper import catalogue, library
from watchkeeper.errors import ConfigError


def own(home: Path, text: str) -> Path:
    path = home / "config" / "services.yaml"
    path.parent.mkdir()
    path.write_text(text)
    return path


def test_the_shipped_catalogue_is_empty(home: Path) -> None:
    assert catalogue.load(home).services == {}


def test_the_shipped_example_can_be_used_as_it_is(home: Path) -> None:
    shipped = (library.HOME / "config" / "services.yaml").read_text()
    example = shipped[shipped.index("# services:") : shipped.index("\nservices: {}")]
    own(home, "\n".join(line.removeprefix("# ") for line in example.splitlines()))
    checkout = catalogue.load(home).service("checkout")
    assert checkout.features == {"POST /checkout": "place an order"}
    assert checkout.objectives[0].target_percent == 99.5
    assert checkout.is_entry is True


def test_a_service_that_nobody_described_is_known_by_nothing(home: Path) -> None:
    assert catalogue.load(home).service("unheard-of") == catalogue.Service()


def test_a_misspelt_key_is_told_with_the_one_that_was_meant(home: Path) -> None:
    path = own(home, "services: {checkout: {teem: payments}}")
    with pytest.raises(ConfigError) as error:
        catalogue.load(home)
    assert str(error.value) == (f"{path}: services.checkout.teem: is not a setting that exists (did you mean `team`?)")
