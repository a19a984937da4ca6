"""Files in a folder, and mail."""

import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email import policy as mail_policy
from pathlib import Path

import pytest

from delivery.made_parcels import HOSTILE, INCIDENT, PAGE, file_parcel, parcel, policy
from kept_cases import NOON
from watchkeeper.delivery.files import FilesTarget
from watchkeeper.delivery.mail import EmlTarget, SmtpTarget, message_of
from watchkeeper.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain

MAIL = parcel("notice", f"{INCIDENT}/mail/notice/0", "mail")


def test_a_file_is_written_once(tmp_path: Path) -> None:
    files = FilesTarget(tmp_path)
    assert files.find(file_parcel(), None) is None
    first, second = files.deliver(file_parcel(), None), files.deliver(file_parcel(), None)
    assert (first.was_there, second.was_there) == (False, True)
    assert [path.read_text() for path in tmp_path.rglob("*.md")] == ["It is slow.\n"]
    assert first.link == str(tmp_path / INCIDENT / "ticket-01234567.md")


def test_a_file_is_for_its_owner_only(tmp_path: Path) -> None:
    FilesTarget(tmp_path / "outbox").deliver(file_parcel(), None)
    (path,) = tmp_path.rglob("*.md")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_half_a_file_that_lies_there_is_replaced(tmp_path: Path) -> None:
    files = FilesTarget(tmp_path)
    files.deliver(file_parcel(), None)
    (path,) = tmp_path.rglob("*.md")
    path.write_text("It i")
    assert not files.deliver(file_parcel(), None).was_there
    assert path.read_text() == "It is slow.\n"
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("key", [f"{INCIDENT}/files/../01234567", f"{INCIDENT}/files/a/b/01234567", f"{INCIDENT}/x"])
def test_a_key_that_names_no_file_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(DeliveryRefused):
        FilesTarget(tmp_path).deliver(parcel("file", key, "files"), None)


def test_a_folder_that_cannot_be_made_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    with pytest.raises(DeliveryFailed):
        FilesTarget(tmp_path / "outbox").deliver(file_parcel(), None)


def test_a_mail_is_plain_text_with_an_id_that_stays_its_own() -> None:
    settings = policy().mail
    one, two = (message_of(MAIL, settings, NOON, "https://watch.example.com/x") for _ in range(2))
    other = message_of(MAIL.model_copy(update={"key": f"{INCIDENT}/mail/notice/1"}), settings, NOON, None)
    assert one["Message-ID"] == two["Message-ID"] != other["Message-ID"]
    assert one["Subject"] == f"[P2] {INCIDENT}: Slow responses in cart"
    assert one.get_content() == "https://watch.example.com/x\n\nSlow\n====\n\nIt is slow.\n"
    assert one.get_content_type() == "text/plain"


@pytest.mark.parametrize(
    "title", ["x\r\nBcc: all@example.com", "=?utf-8?q?x=0D=0ABcc:all@example.com?=", HOSTILE, "é" * 300]
)
def test_no_title_becomes_another_header(title: str) -> None:
    sent = message_of(parcel("notice", MAIL.key, "mail", title=title), policy().mail, NOON, None)
    read = message_from_bytes(sent.as_bytes(policy=mail_policy.SMTP), policy=mail_policy.default)
    assert read["Bcc"] is None
    assert sorted(set(read.keys())) == sorted(set(sent.keys()))


def test_without_a_server_a_mail_is_a_file_that_is_written_once(tmp_path: Path) -> None:
    target = EmlTarget(tmp_path, policy().mail, lambda: NOON, policy(page=PAGE).page_of)
    assert target.find(MAIL, None) is None
    first, second = target.deliver(MAIL, None), target.deliver(MAIL, None)
    assert (first.was_there, second.was_there) == (False, True)
    (path,) = tmp_path.rglob("*.eml")
    assert message_from_bytes(path.read_bytes())["To"] == "team@example.com"


@contextmanager
def smtp_server(*answers: str) -> Iterator[tuple[int, list[str]]]:
    """A server that greets, takes EHLO, and gives these answers to what follows; its port, and what it heard."""
    heard: list[str] = []

    def talk(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rw", newline="\r\n") as stream:
            for answer in ("220 hello", "250 hello", *answers):
                if answer.startswith("<"):
                    while (line := stream.readline()) not in (".\r\n", ""):
                        heard.append(line)
                    continue
                stream.write(f"{answer}\r\n")
                stream.flush()
                heard.append(stream.readline())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=talk, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1], heard
        thread.join()


def sent_by(port: int) -> None:
    settings = policy(mail={"host": "127.0.0.1", "port": port, "security": "none"}).mail
    SmtpTarget(settings, "", lambda: NOON).deliver(MAIL, None)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (("451 not now", "250 ok"), DeliveryFailed),
        (("550 no", "250 ok"), DeliveryRefused),
        (("250 ok", "550 nobody here", "250 ok"), DeliveryRefused),
        (("250 ok", "250 ok", "354 go on", "<"), DeliveryUncertain),
    ],
)
def test_what_a_mail_server_says_is_told_apart(answers: tuple[str, ...], error: type[DeliveryFailed]) -> None:
    with smtp_server(*answers) as (port, _), pytest.raises(DeliveryFailed) as failed:
        sent_by(port)
    assert type(failed.value) is error


def test_a_mail_is_handed_to_the_server() -> None:
    with smtp_server("250 ok", "250 ok", "354 go on", "<", "250 taken") as (port, heard):
        sent_by(port)
    assert f"Subject: [P2] {INCIDENT}: Slow responses in cart\r\n" in heard


def test_a_server_that_is_not_there_is_tried_again_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(DeliveryFailed, match="could not be reached"):
        sent_by(port)


def test_a_mail_server_cannot_be_asked() -> None:
    assert not SmtpTarget.can_find
    with pytest.raises(LookupError):
        SmtpTarget(policy().mail, "", lambda: NOON).find(MAIL, None)
    assert issubclass(smtplib.SMTPException, OSError)
