"""The index in its folder: what is embedded again, and what happens when the folder is not what it should be."""

import fcntl
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from knowledge.shelves import DISK, POOL, Made, write
from watchkeeper.errors import ModelUnavailable
from watchkeeper.knowledge import Query
from watchkeeper.knowledge.embedding import LexicalEmbedder, Vectors
from watchkeeper.knowledge.manifest import FILE
from watchkeeper.knowledge.shelf import Places, Shelf
from watchkeeper.redaction import redact

QUESTION = Query(text="no space left on device")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "books", disk=DISK, pool=POOL)


@pytest.fixture
def open_made(tmp_path: Path, folder: Path) -> Iterator[Callable[[], Made]]:
    made: list[Made] = []

    def open_one() -> Made:
        made.append(Made(tmp_path / "index", folder))
        return made[-1]

    yield open_one
    for each in made:
        each.shelf.close()


def found(made: Made) -> list[str]:
    return [hit.runbook.name for hit in made.shelf.find(QUESTION)]


def chroma(index: Path) -> Path:
    (generation,) = index.glob("chroma-*")
    return generation


def test_all_is_embedded_once_and_nothing_when_it_is_opened_again(open_made: Callable[[], Made]) -> None:
    first = open_made()
    assert found(first) == ["disk"]
    assert len(first.embedded()) == 5
    first.shelf.close()
    second = open_made()
    assert found(second) == ["disk"]
    assert second.embedded() == ["no space left on device"]
    assert first.said == second.said == []


def test_only_what_changed_is_embedded_again_and_what_is_gone_is_deleted(
    open_made: Callable[[], Made], folder: Path
) -> None:
    made = open_made()
    found(made)
    made.embedded()
    write(folder, disk=f"{DISK}\n2. And then some.\n")
    assert found(made) == ["disk"]
    assert made.embedded() == ["no space left on device", "Disk full", "Disk full"]
    (folder / "disk.md").unlink()
    assert found(made) == []
    assert made.embedded() == ["no space left on device"]
    assert "disk#" not in (made.index / FILE).read_text()


def test_another_process_that_makes_the_index_anew_is_noticed(
    open_made: Callable[[], Made], folder: Path, tmp_path: Path
) -> None:
    made = open_made()
    found(made)
    code = (
        "import sys; sys.path[:0] = sys.argv[3:]\n"
        "from pathlib import Path\nfrom knowledge.shelves import Made\n"
        "made = Made(Path(sys.argv[1]), Path(sys.argv[2])); made.shelf.reindex(); made.shelf.close()\n"
        "assert made.said == [], made.said\n"
    )
    tests = str(Path(__file__).parents[1])
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(made.index), str(folder), tests], check=True)
    assert found(made) == ["disk"]
    assert made.said == []


def spoil_sqlite(index: Path) -> None:
    (chroma(index) / "chroma.sqlite3").write_bytes(b"no database at all" * 500)


def cut_sqlite(index: Path) -> None:
    file = chroma(index) / "chroma.sqlite3"
    file.write_bytes(file.read_bytes()[:50_000])


def delete_sqlite(index: Path) -> None:
    (chroma(index) / "chroma.sqlite3").unlink()


def delete_chroma(index: Path) -> None:
    shutil.rmtree(chroma(index))


def chroma_is_a_file(index: Path) -> None:
    generation = chroma(index)
    shutil.rmtree(generation)
    generation.write_text("a file")


def delete_manifest(index: Path) -> None:
    (index / FILE).unlink()


def spoil_manifest(index: Path) -> None:
    (index / FILE).write_text('{"layout": 1, "generation": "../.."}')


def index_is_a_file(index: Path) -> None:
    shutil.rmtree(index)
    index.write_text("not a folder")


def manifest_promises_more(index: Path) -> None:
    manifest = index / FILE
    manifest.write_text(manifest.read_text().replace('"pool":[', '"pool":["pool#0#9",'))


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_sqlite,
        cut_sqlite,
        delete_sqlite,
        delete_chroma,
        chroma_is_a_file,
        delete_manifest,
        spoil_manifest,
        index_is_a_file,
        manifest_promises_more,
    ],
)
def test_a_broken_index_is_made_anew_from_its_sources_and_says_so(
    open_made: Callable[[], Made], spoil: Callable[[Path], None]
) -> None:
    first = open_made()
    found(first)
    first.shelf.close()
    spoil(first.index)
    second = open_made()
    assert found(second) == ["disk"]
    assert len(second.said) == 1
    assert "made anew" in second.said[0] or "was a file" in second.said[0]
    assert len(second.embedded()) == 5
    second.shelf.close()
    third = open_made()
    assert found(third) == ["disk"]
    assert (third.said, len(third.embedded())) == ([], 1)


def test_what_older_indexes_left_behind_is_swept_away(open_made: Callable[[], Made]) -> None:
    made = open_made()
    (made.index / "chroma-000000000000").mkdir(parents=True)
    found(made)
    assert chroma(made.index).name != "chroma-000000000000"
    made.shelf.close()
    (made.index / "chroma-000000000000").mkdir()
    found(made)
    assert chroma(made.index).name != "chroma-000000000000"


def test_files_of_others_in_the_folder_of_the_index_stay(open_made: Callable[[], Made], tmp_path: Path) -> None:
    write(tmp_path / "index", notes="mine")
    made = open_made()
    assert found(made) == ["disk"]
    assert "holds no index" in made.said[0]
    made.shelf.reindex()
    assert (tmp_path / "index" / "notes.md").read_text() == "mine"


def test_a_file_in_the_place_of_the_index_is_set_aside_and_kept(open_made: Callable[[], Made], tmp_path: Path) -> None:
    (tmp_path / "index").write_text("precious")
    assert found(open_made()) == ["disk"]
    (aside,) = tmp_path.glob("index.set-aside-*")
    assert aside.read_text() == "precious"


def test_an_index_that_breaks_while_it_is_open_still_answers(open_made: Callable[[], Made]) -> None:
    made = open_made()
    found(made)
    shutil.rmtree(made.index)
    assert found(made) == ["disk"]
    assert (made.index / FILE).is_file()


def test_an_index_that_cannot_be_asked_any_more_costs_one_sentence(open_made: Callable[[], Made]) -> None:
    made = open_made()
    found(made)
    spoil_sqlite(made.index)
    assert [found(made), found(made)] == [["disk"], ["disk"]]
    assert "this time runbooks are searched by their words alone" in made.said[0]
    assert "made anew" in made.said[1]


def test_where_nothing_can_be_written_it_works_in_memory_and_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made = Made(tmp_path / "file" / "index", folder)
    assert found(made) == ["disk"]
    assert found(made) == ["disk"]
    (said,) = made.said
    assert "cannot be written" in said
    assert "in memory" in said


def test_while_another_process_writes_what_is_kept_is_read_if_it_fits(
    open_made: Callable[[], Made], folder: Path
) -> None:
    first = open_made()
    found(first)
    first.shelf.close()
    with (first.index / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = open_made()
        assert found(second) == ["disk"]
        assert (second.said, len(second.embedded())) == ([], 1)
        write(folder, disk=f"{DISK}\nMore.\n")
        assert found(second) == ["disk"]
        assert second.said == [
            f"another process is writing the runbooks' index at {first.index}; runbooks are searched in memory"
        ]


def test_no_network_is_touched_and_no_model_is_fetched(
    open_made: Callable[[], Made], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("somebody asked for the network")

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    made = open_made()
    assert found(made) == ["disk"]
    assert made.shelf.reindex() == 2
    assert found(made) == ["disk"]
    assert made.said == []
    assert not (tmp_path / "home").exists()


class Endpoint:
    """Embeddings of another size, until the endpoint goes away."""

    def __init__(self) -> None:
        self.is_up = True
        self.gives_nonsense = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not self.is_up:
            raise ModelUnavailable("the endpoint refused the connection")
        rows = LexicalEmbedder().embed(texts)[:, :300]
        return np.full_like(rows, np.nan) if self.gives_nonsense else rows


def test_embeddings_from_outside_make_an_index_of_their_own(open_made: Callable[[], Made]) -> None:
    first = open_made()
    found(first)
    first.shelf.close()
    said: list[str] = []
    places = Places((first.index.parent / "books",), (), first.index)
    with Shelf(places, redact, said.append, Endpoint(), "endpoint small") as shelf:
        assert [hit.runbook.name for hit in shelf.find(QUESTION)] == ["disk"]
    assert "made with the embedding lexical-1, now it is endpoint small" in said[0]


@pytest.mark.parametrize("trouble", ["is_up", "gives_nonsense"])
def test_an_endpoint_that_fails_costs_its_meanings_and_not_the_answer(
    tmp_path: Path, folder: Path, trouble: str
) -> None:
    said: list[str] = []
    endpoint = Endpoint()
    with Shelf(Places((folder,), (), tmp_path / "i"), redact, said.append, endpoint, "endpoint x") as shelf:
        assert shelf.find(QUESTION)
        setattr(endpoint, trouble, trouble == "gives_nonsense")
        assert [hit.runbook.name for hit in shelf.find(QUESTION)] == ["disk"]
        assert said[-1].endswith("this time runbooks are searched by their words alone")
        setattr(endpoint, trouble, trouble != "gives_nonsense")
        said.clear()
        assert shelf.find(QUESTION)
        assert said == []
