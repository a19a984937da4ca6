"""Alerts that came in, what is to be delivered, tokens, who did what, and workers that live."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision: str | None = "r0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the tables, and room for who edited or rejected a draft."""
    time = sa.DateTime(timezone=True)
    op.add_column("drafts", sa.Column("edited_by", sa.Text(), nullable=True))
    op.add_column("drafts", sa.Column("rejected_because", sa.Text(), nullable=True))
    op.create_index("cases_updated_at", "cases", ["updated_at"])
    op.execute("UPDATE drafts SET rejected_because = 'no reason was given' WHERE state = 'rejected'")
    _make_alerts(time)
    _make_outbox(time)
    _make_access(time)
    op.create_table(
        "workers",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("seen_at", time, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _make_alerts(time: sa.DateTime) -> None:
    op.create_table(
        "alert_posts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("received_at", time, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=True),
        sa.Column("fingerprint", sa.String(128), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("received_at", time, nullable=False),
        sa.Column("incident_id", sa.String(32), nullable=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["post_id"], ["alert_posts.id"]),
        sa.ForeignKeyConstraint(["incident_id"], ["cases.incident_id"]),
    )
    for column in ("fingerprint", "incident_id", "received_at"):
        op.create_index(f"alerts_{column}", "alerts", [column])


def _make_outbox(time: sa.DateTime) -> None:
    op.create_table(
        "outbox",
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", time, nullable=False),
        sa.Column("claimed_by", sa.String(128), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("created_at", time, nullable=False),
        sa.Column("updated_at", time, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sa.ForeignKeyConstraint(["incident_id"], ["cases.incident_id"]),
    )
    op.create_index("outbox_state", "outbox", ["state", "not_before"])
    op.create_index("outbox_incident_id", "outbox", ["incident_id"])
    op.create_index("outbox_updated_at", "outbox", ["updated_at"])


def _make_access(time: sa.DateTime) -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(64), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("expires_at", time, nullable=True),
        sa.Column("revoked_at", time, nullable=True),
        sa.Column("used_at", time, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("deed", sa.String(32), nullable=False),
        sa.Column("incident_id", sa.String(32), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_incident_id", "audit", ["incident_id"])


def downgrade() -> None:
    """Drop the tables, and with them what came in and what was to be delivered."""
    for table in ("workers", "audit", "tokens", "outbox", "alerts", "alert_posts"):
        op.drop_table(table)
    op.drop_index("cases_updated_at", "cases")
    with op.batch_alter_table("drafts") as drafts:
        drafts.drop_column("rejected_because")
        drafts.drop_column("edited_by")
