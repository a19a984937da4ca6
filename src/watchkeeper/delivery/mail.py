"""Mail: by SMTP, or as a file that a mail program opens."""

import hashlib
import smtplib
import ssl
from collections.abc import Callable
from datetime import datetime
from email import policy as mail_policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from watchkeeper.delivery import markup
from watchkeeper.delivery.files import write_whole
from watchkeeper.delivery.policy import Mail
from watchkeeper.delivery.target import mark
from watchkeeper.domain import Parcel, Receipt
from watchkeeper.drafts import escaping
from watchkeeper.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain

SUBJECT = 200
TRANSIENT = range(400, 500)


class SmtpTarget:
    """One SMTP server."""

    can_find = False
    settles_seconds = 0.0

    def __init__(
        self,
        settings: Mail,
        password: str,
        clock: Callable[[], datetime],
        page_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._settings, self._password, self._clock, self._page_of = settings, password, clock, page_of

    def find(self, parcel: Parcel, ticket: str | None) -> Receipt | None:
        """A mail server cannot be asked."""
        raise LookupError("a mail server cannot be asked what it took")

    def deliver(self, parcel: Parcel, ticket: str | None) -> Receipt:
        """Send the mail; what broke off while it was being handed over is uncertain."""
        message = message_of(parcel, self._settings, self._clock(), self._page_of(parcel.incident_id))
        try:
            connection = self._signed_in()
        except smtplib.SMTPResponseException as error:
            raise self._said(error.smtp_code) from None
        except (OSError, smtplib.SMTPException):
            raise DeliveryFailed(f"{self._named} could not be reached") from None
        try:
            connection.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise self._said(max(code for code, _ in error.recipients.values())) from None
        except smtplib.SMTPResponseException as error:
            raise self._said(error.smtp_code) from None
        except (OSError, smtplib.SMTPException):
            raise DeliveryUncertain(f"{self._named} broke off while it was handed the mail: it may have it") from None
        finally:
            connection.close()
        return Receipt(reference=message["Message-ID"])

    def _signed_in(self) -> smtplib.SMTP:
        settings = self._settings
        context = ssl.create_default_context()
        make = smtplib.SMTP_SSL if settings.security == "tls" else smtplib.SMTP
        connection = make(settings.host, settings.port, timeout=settings.timeout_seconds)
        try:
            if settings.security == "starttls":
                connection.starttls(context=context)
            if settings.user:
                connection.login(settings.user, self._password)
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def _named(self) -> str:
        return f"the mail server {self._settings.host}:{self._settings.port}"

    def _said(self, code: int) -> DeliveryFailed:
        if code in TRANSIENT:
            return DeliveryFailed(f"{self._named} cannot take it now ({code})")
        return DeliveryRefused(f"{self._named} does not take it ({code})")


class EmlTarget:
    """A folder of mails as files."""

    can_find = True
    settles_seconds = 0.0

    def __init__(
        self,
        folder: Path,
        settings: Mail,
        clock: Callable[[], datetime],
        page_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._folder, self._settings, self._clock, self._page_of = folder, settings, clock, page_of

    def find(self, parcel: Parcel, ticket: str | None) -> Receipt | None:
        """The file, where it is there."""
        path = self._path(parcel)
        return Receipt(reference=path.name, link=str(path), was_there=True) if path.exists() else None

    def deliver(self, parcel: Parcel, ticket: str | None) -> Receipt:
        """Write the mail as a file."""
        if (found := self.find(parcel, ticket)) is not None:
            return found
        path = self._path(parcel)
        message = message_of(parcel, self._settings, self._clock(), self._page_of(parcel.incident_id))
        write_whole(path, message.as_bytes(policy=mail_policy.SMTP))
        return Receipt(reference=path.name, link=str(path))

    def _path(self, parcel: Parcel) -> Path:
        return self._folder / parcel.incident_id / f"mail-{_digest(parcel)[:8]}.eml"


def message_of(parcel: Parcel, settings: Mail, now: datetime, page: str | None) -> EmailMessage:
    """The mail: plain text, and a Message-ID that is the same whenever the same mail is meant."""
    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    title = f"[{parcel.severity}] {parcel.incident_id}: {parcel.title}" if parcel.severity else parcel.title
    message["Subject"] = escaping.mail_header(title, SUBJECT)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{_digest(parcel)}@{settings.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    link = f"{page}\n\n" if page else ""
    message.set_content(link + markup.plain(parcel.text))
    return message


def _digest(parcel: Parcel) -> str:
    return hashlib.sha256(f"{parcel.key} {mark(parcel)}".encode()).hexdigest()[:32]
