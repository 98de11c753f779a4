"""Tables of the hub, and how well a run's custom code was confined."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables and add the column."""
    op.create_table(
        "evaluator_versions",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("pushed_at", sa.DateTime, nullable=False),
        sa.Column("variables", sa.JSON, nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("granularity", sa.String(20), nullable=False),
        sa.Column("filter", sa.Text),
    )
    op.create_table(
        "evaluator_deletions",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("deleted_at", sa.DateTime, nullable=False),
    )
    op.add_column("runs", sa.Column("sandbox", sa.JSON))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("runs", "sandbox")
    for name in ("evaluator_deletions", "evaluator_versions"):
        op.drop_table(name)
