"""The tables of the records, as typed rows; `migrations/` makes them and a test holds the two together."""

from datetime import UTC, datetime

from sqlalchemy import (
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

HEAD = "r0002"
"""The revision that this version reads and writes."""

INCIDENT_ID = 32
"""Characters of an incident's id."""


class UtcTime(TypeDecorator[datetime]):
    """An aware time; kept in UTC where the database knows no zones (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The time as the database takes it."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The time as it was, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What all tables belong to."""


class NumberRow(Base):
    """The highest number that an incident of a year has, so that each has one of its own."""

    __tablename__ = "case_numbers"

    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(Integer)


class CaseRow(Base):
    """One incident, with what of its case file only ever grows or is replaced whole."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("year", "number", name="cases_year_number"),
        Index("cases_opened_at", "opened_at"),
        Index("cases_updated_at", "updated_at"),
    )

    incident_id: Mapped[str] = mapped_column(String(INCIDENT_ID), primary_key=True)
    year: Mapped[int] = mapped_column(Integer)
    number: Mapped[int] = mapped_column(Integer)
    service: Mapped[str | None] = mapped_column(Text)
    severity: Mapped[str | None] = mapped_column(String(2))
    state: Mapped[str] = mapped_column(String(16))
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    """When the first of its signals was noticed."""
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    revision: Mapped[int] = mapped_column(Integer)
    """How often it was written."""
    document: Mapped[str] = mapped_column(Text)
    """The case file as JSON, without diagnoses, drafts and verdicts, which have tables of their own."""


class DiagnosisRow(Base):
    """One diagnosis; never changed, never deleted."""

    __tablename__ = "diagnoses"

    incident_id: Mapped[str] = mapped_column(ForeignKey("cases.incident_id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Its place in the incident's list, from 0."""
    at: Mapped[datetime] = mapped_column(UtcTime)
    status: Mapped[str] = mapped_column(String(16))
    headline: Mapped[str] = mapped_column(Text)
    component: Mapped[str | None] = mapped_column(Text)
    """What the first hypothesis names."""
    probability: Mapped[float | None] = mapped_column(Float)
    """Of the first hypothesis."""
    since: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the symptom began."""
    occasion: Mapped[str] = mapped_column(Text)
    release: Mapped[str] = mapped_column(String(24))
    seconds: Mapped[float] = mapped_column(Float)
    """What it took."""
    document: Mapped[str] = mapped_column(Text)
    """All of it as JSON."""


class DraftRow(Base):
    """One text for the outside world; its number stays its own while it is there."""

    __tablename__ = "drafts"

    incident_id: Mapped[str] = mapped_column(ForeignKey("cases.incident_id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(32))
    audience: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    approved_by: Mapped[str | None] = mapped_column(Text)
    edited_by: Mapped[str | None] = mapped_column(Text)
    rejected_because: Mapped[str | None] = mapped_column(Text)
    facts: Mapped[str] = mapped_column(Text)
    """As JSON."""


class VerdictRow(Base):
    """One judgement; never changed, never deleted."""

    __tablename__ = "verdicts"
    __table_args__ = (Index("verdicts_incident_id", "incident_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("cases.incident_id"))
    diagnosis: Mapped[int] = mapped_column(Integer)
    judged: Mapped[str] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)
    true_cause: Mapped[str | None] = mapped_column(Text)
    true_onset: Mapped[datetime | None] = mapped_column(UtcTime)
    ticket: Mapped[str | None] = mapped_column(String(16))
    note: Mapped[str | None] = mapped_column(Text)


class PostRow(Base):
    """One body that came in with alerts, as it came."""

    __tablename__ = "alert_posts"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    source: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class AlertRow(Base):
    """One alert that came in, and what it did; never changed."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index("alerts_fingerprint", "fingerprint"),
        Index("alerts_incident_id", "incident_id"),
        Index("alerts_received_at", "received_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("alert_posts.id"))
    """None for an alert of our own watch."""
    fingerprint: Mapped[str] = mapped_column(String(128))
    status: Mapped[str] = mapped_column(String(16))
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    incident_id: Mapped[str | None] = mapped_column(ForeignKey("cases.incident_id"))
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Text)
    """The alert as JSON."""


class ParcelRow(Base):
    """One thing that is to be done outside, once."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_state", "state", "not_before"),
        Index("outbox_incident_id", "incident_id"),
        Index("outbox_updated_at", "updated_at"),
    )

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("cases.incident_id"))
    target: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer)
    not_before: Mapped[datetime] = mapped_column(UtcTime)
    claimed_by: Mapped[str | None] = mapped_column(String(128))
    """The worker that is sending it, or was the last to."""
    error: Mapped[str | None] = mapped_column(Text)
    receipt: Mapped[str | None] = mapped_column(Text)
    """As JSON."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    document: Mapped[str] = mapped_column(Text)
    """The parcel as JSON."""


class TokenRow(Base):
    """A key to the server; only its digest is kept."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256, in hexadecimal digits, of a token that holds 256 random bits."""
    scopes: Mapped[str] = mapped_column(String(64))
    """Separated by spaces."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class DeedRow(Base):
    """Who did what, when and why: appended, never changed."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_incident_id", "incident_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    by: Mapped[str] = mapped_column(Text)
    deed: Mapped[str] = mapped_column(String(32))
    incident_id: Mapped[str | None] = mapped_column(String(INCIDENT_ID))
    subject: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class WorkerRow(Base):
    """A process that carries out workflows, and when it last said that it lives."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
