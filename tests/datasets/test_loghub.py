"""Loghub in its published layout."""

from pathlib import Path

import pytest

from watchkeeper.datasets import loghub
from watchkeeper.errors import DatasetRejected

HEAD = "LineId,Content,EventId,EventTemplate"


def write(folder: Path, system: str, *rows: str, head: str = HEAD) -> None:
    (folder / system).mkdir(parents=True)
    text = "\n".join([head, *rows])
    (folder / system / f"{system}_2k.log_structured.csv").write_text(f"{text}\n", encoding="utf-8")


def test_systems_come_by_name_and_their_truth_comes_apart(tmp_path: Path) -> None:
    write(tmp_path, "Web", '1,"started, at once",E1,started')
    write(tmp_path, "Db", "1,ready,E1,ready", "2,gone,E2,gone")
    found = list(loghub.systems(tmp_path))
    assert [(system.name, system.lines) for system in found] == [
        ("Db", ("ready", "gone")),
        ("Web", ("started, at once",)),
    ]
    assert loghub.truths(tmp_path) == {"Db": ("E1", "E2"), "Web": ("E1",)}


def test_the_folder_of_one_system_will_do(tmp_path: Path) -> None:
    write(tmp_path, "Web", "1,started,E1,started")
    assert [system.name for system in loghub.systems(tmp_path / "Web")] == ["Web"]


@pytest.mark.parametrize(
    ("head", "row", "reason"),
    [
        ("LineId,EventId", "1,E1", "has no column Content"),
        (HEAD, "1", "lacks values of Content"),
        (f"{HEAD}\n", "", "lacks values of Content"),
        (HEAD, '1,"\x00', "lacks values|cannot be read"),
    ],
)
def test_another_layout_is_rejected(tmp_path: Path, head: str, row: str, reason: str) -> None:
    write(tmp_path, "Web", row, head=head)
    with pytest.raises(DatasetRejected, match=reason):
        [*loghub.systems(tmp_path), loghub.truths(tmp_path)]


def test_a_folder_without_a_system_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(DatasetRejected, match="holds no system"):
        list(loghub.systems(tmp_path))
    with pytest.raises(DatasetRejected, match="no such folder"):
        list(loghub.systems(tmp_path / "gone"))
