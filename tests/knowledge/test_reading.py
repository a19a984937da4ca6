from pathlib import Path

import pytest

from knowledge.shelves import DISK, POOL, write
from watchkeeper.knowledge.chunks import LONGEST, chunks_of
from watchkeeper.knowledge.reading import MOST_BYTES, Reading, read
from watchkeeper.redaction import redact


def reading(*folders: Path) -> Reading:
    return read(folders, redact)


def test_a_runbook_is_cut_by_heading_and_each_piece_says_what_it_is_about(tmp_path: Path) -> None:
    (runbook,) = reading(write(tmp_path, disk=DISK)).runbooks
    assert [(s.heading, s.role) for s in runbook.sections] == [("", "seen"), ("Mitigation", "mitigation")]
    assert [chunk.text.splitlines()[:2] for chunk in chunks_of(runbook)] == [
        ["Disk full", ""],
        ["Disk full", "Mitigation"],
    ]


def test_headings_in_code_are_no_headings_and_those_below_others_name_them(tmp_path: Path) -> None:
    text = "# T\n## Mitigation\n```sh\n# not a heading\n```\n### Roll back\n1. Do it.\n"
    (runbook,) = reading(write(tmp_path, a=text)).runbooks
    assert [s.heading for s in runbook.sections] == ["T", "Mitigation", "Mitigation › Roll back"]
    assert runbook.sections[2].role == "mitigation"
    assert [step.text for step in runbook.steps({})] == ["Do it."]


def test_a_long_section_makes_several_pieces(tmp_path: Path) -> None:
    text = "# T\n\n" + "\n\n".join("word " * 60 for _ in range(10))
    (runbook,) = reading(write(tmp_path, a=text)).runbooks
    assert len(chunks_of(runbook)) > 1
    assert max(len(chunk.text) for chunk in chunks_of(runbook)) < LONGEST + 50


def test_without_front_matter_the_first_heading_is_the_title_and_without_that_the_name(tmp_path: Path) -> None:
    found = reading(write(tmp_path, pool=POOL, our_queue="Nothing but text.")).runbooks
    assert [(each.name, each.title) for each in found] == [
        ("our-queue", "Our queue"),
        ("pool", "Connection pool exhausted"),
    ]


def test_a_file_of_the_same_name_further_along_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", disk=DISK, pool=POOL), write(tmp_path / "2", disk="# Our own disks\n")
    found = reading(first, second).runbooks
    assert [(each.name, each.title) for each in found] == [
        ("disk", "Our own disks"),
        ("pool", "Connection pool exhausted"),
    ]


def test_a_broken_file_does_not_take_the_place_of_a_good_one(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", disk=DISK), write(tmp_path / "2", disk="---\ntitle: [\n---\nx")
    found = reading(first, second)
    assert [each.title for each in found.runbooks] == ["Disk full"]
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xfe\x00x", "is not UTF-8 text"),
        (b"x" * (MOST_BYTES + 1), "is larger than 512 KiB"),
        (b"---\ntitle: [never closed\n---\ntext", "has front matter that cannot be read"),
        (b"---\ntitle: Disk\n\ntext that goes on", "never ends"),
        (b"---\napplies_to: [flood]\n---\ntext", "applies_to"),
        (b"---\n- a list\n---\ntext", "expected keys with values"),
        (b"---\nx: " + b"[" * 3000 + b"\n---\ntext", "has front matter that cannot be read"),
        (b"---\n? {a: b}\n: 1\n---\ntext", "line 2: found unhashable key"),
        (b"---\ntitle: {}\n---\ntext", "title: expected text"),
        (b"---\nx: !!timestamp y\n---\ntext", "has front matter that cannot be read"),
        (b"---\nx: !!bool y\n---\ntext", "has front matter that cannot be read"),
        (b"---\nx: !!int ''\n---\ntext", "has front matter that cannot be read"),
        (b"---\nx: !!python/object/apply:os.system [id]\n---\ntext", "could not determine a constructor"),
        (b"\n \n", "holds no text"),
    ],
)
def test_what_cannot_be_read_is_passed_over_with_one_sentence(tmp_path: Path, data: bytes, said: str) -> None:
    folder = write(tmp_path, good=POOL)
    (folder / "broken.md").write_bytes(data)
    found = reading(folder)
    assert [each.name for each in found.runbooks] == ["good"]
    (problem,) = found.problems
    assert problem.path.name == "broken.md"
    assert said in problem.text
    assert "\n" not in problem.text
    assert problem.text.endswith("it is left out")


def test_keys_of_other_programs_and_files_about_the_folder_are_left_alone(tmp_path: Path) -> None:
    folder = write(tmp_path, a="---\nlayout: page\nweight: 3\ntitle: A\n---\nx", README="# About", index="# About")
    (folder / ".hidden").mkdir()
    write(folder / ".hidden", b="# B")
    assert [each.name for each in reading(folder).runbooks] == ["a"]


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    (problem,) = reading(tmp_path / "nowhere").problems
    assert "is not a folder" in problem.text


def test_secrets_and_control_characters_do_not_get_in(tmp_path: Path) -> None:
    text = "# Key\x1b[31m\n\npassword=hunter2hunter2 and \u202eevil\n\n## Mitigation\n\n- token: abcdef123456\x07\n"
    (runbook,) = reading(write(tmp_path, a=text)).runbooks
    everything = runbook.model_dump_json()
    assert "hunter2" not in everything
    assert "abcdef123456" not in everything
    assert not {"\\u001b", "\\u0007", "\u202e"} & set(everything.split())
    assert "\x1b" not in runbook.title


def test_code_that_is_never_closed_and_text_without_end_are_bounded(tmp_path: Path) -> None:
    text = "# T\n\n```\n" + "x" * 200_000 + "\n## Mitigation\n- no step: it is code"
    (runbook,) = reading(write(tmp_path, a=text)).runbooks
    assert len(runbook.model_dump_json()) < 40_000
    assert runbook.steps({}) == ()
