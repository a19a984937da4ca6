"""What can be wrong with a database, each told in one sentence."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event

from kept_cases import case, verdict
from watchkeeper.errors import ConfigError, RecordsUnavailable
from watchkeeper.records.address import address
from watchkeeper.records.store import Records


def refused(where: str | Path) -> str:
    with pytest.raises(RecordsUnavailable) as told:
        Records.open(where)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite"
    file.write_text("something else entirely\n" * 1000)
    assert refused(file) == (f"{file} is not watchkeeper's records: it is no SQLite file; move it away to begin anew")
    assert file.read_text().startswith("something else"), "what is not ours is not touched"


def test_a_database_of_another_program(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    assert "another program's SQLite file, with the table bookmarks" in refused(file)


def test_a_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite"
    with Records.open(file) as records:
        records.save(case(1))
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(RecordsUnavailable, match=r"is damaged; restore it from a copy"), Records.open(file) as records:
        records.case("INC-2026-0001")


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    assert "cannot be opened: expected a file in a folder" in refused(tmp_path)


def test_a_file_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be opened: expected a file in a folder" in refused(tmp_path / "gone" / "records.sqlite")


def test_a_read_only_file_can_be_read_and_says_why_it_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite"
    with Records.open(file) as records:
        records.save(case(1))
    with Records.open(f"sqlite:///file:{file}?mode=ro&uri=true") as records:
        assert len(records.cases()) == 1
        for writing in (
            lambda: records.save(case(2)),
            lambda: records.add_verdict("INC-2026-0001", verdict()),
            lambda: records.next_incident_id(2026),
        ):
            with pytest.raises(RecordsUnavailable, match="cannot be written: the file or its folder is read-only"):
                writing()


def test_a_read_only_file_that_is_not_there_yet(tmp_path: Path) -> None:
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    assert "is read-only" in refused(f"sqlite:///file:{empty}?mode=ro&uri=true")


def test_a_full_disk_loses_nothing_that_was_acknowledged(own_records: Records) -> None:
    own_records.save(case(1))

    @event.listens_for(own_records._reading, "connect")
    def shrink(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    with pytest.raises(RecordsUnavailable, match="cannot take more: the disk is full"):
        own_records.save(case(2, service="x" * 100_000))
    assert own_records.case("INC-2026-0001").latest is not None


def test_a_document_that_does_not_fit_this_version_is_named(own_records: Records) -> None:
    own_records.save(case(1))
    file = sqlite3.connect(own_records.name)
    with file:
        file.execute("UPDATE cases SET document = '{\"incident\": 7}'")
    file.close()
    with pytest.raises(RecordsUnavailable, match=r"a case cannot be read as this version writes it \(incident\)"):
        own_records.case("INC-2026-0001")


def test_postgresql_that_does_not_answer_is_told_without_the_password() -> None:
    said = refused("postgresql://ada:s3cret-word@127.0.0.1:9/records?sslpassword=other-secret")
    assert said.startswith("the PostgreSQL database records on 127.0.0.1 port 9 cannot be used for records:")
    assert "refused" in said
    assert "secret" not in said.replace("records", "")
    assert "s3cret-word" not in said


@pytest.mark.parametrize(
    "url",
    ["mysql://ada:s3cret@host/db", "sqlite://", "sqlite:///:memory:", "postgresql://ada:s3cret@host", "s3cret", ""],
)
def test_an_address_of_another_kind_is_a_setting_that_is_wrong(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^records\.url: expected sqlite:///FILE or postgresql://") as told:
        address(url)
    assert "s3cret" not in str(told.value)


def test_a_path_may_hold_what_means_something_in_a_url(tmp_path: Path) -> None:
    odd = tmp_path / "a?b#c %20.sqlite"
    with Records.open(odd) as records:
        records.save(case(1))
    assert odd.exists()
