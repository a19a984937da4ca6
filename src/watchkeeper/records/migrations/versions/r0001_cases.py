"""Cases, their diagnoses, drafts and verdicts, and the numbers that are taken."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the tables."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "case_numbers",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year"),
    )
    op.create_table(
        "cases",
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("severity", sa.String(2), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("opened_at", time, nullable=False),
        sa.Column("updated_at", time, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id"),
        sa.UniqueConstraint("year", "number", name="cases_year_number"),
    )
    op.create_index("cases_opened_at", "cases", ["opened_at"])
    _make_what_belongs_to_a_case(time)


def _make_what_belongs_to_a_case(time: sa.DateTime) -> None:
    op.create_table(
        "diagnoses",
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("since", time, nullable=True),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("release", sa.String(24), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "number"),
        sa.ForeignKeyConstraint(["incident_id"], ["cases.incident_id"]),
    )
    op.create_table(
        "drafts",
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("audience", sa.String(16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "number"),
        sa.ForeignKeyConstraint(["incident_id"], ["cases.incident_id"]),
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("diagnosis", sa.Integer(), nullable=False),
        sa.Column("judged", sa.String(16), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("true_cause", sa.Text(), nullable=True),
        sa.Column("true_onset", time, nullable=True),
        sa.Column("ticket", sa.String(16), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["incident_id"], ["cases.incident_id"]),
    )
    op.create_index("verdicts_incident_id", "verdicts", ["incident_id"])


def downgrade() -> None:
    """Drop the tables, and with them every case."""
    for table in ("verdicts", "drafts", "diagnoses", "cases", "case_numbers"):
        op.drop_table(table)
