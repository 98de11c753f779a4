"""The first tables: settings, source files and problems, runs, outcomes, progress."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "settings",
        sa.Column("key", sa.String(100), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "source_files",
        sa.Column("project", sa.String(200), primary_key=True),
        sa.Column("uri", sa.String(1000), primary_key=True),
        sa.Column("version", sa.String(200), nullable=False),
        sa.Column("spans", sa.BigInteger, nullable=False),
        sa.Column("problems", sa.BigInteger, nullable=False),
        sa.Column("read_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "source_problems",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("project", sa.String(200), nullable=False, index=True),
        sa.Column("uri", sa.String(1000), nullable=False),
        sa.Column("line", sa.BigInteger),
        sa.Column("message", sa.Text, nullable=False),
    )
    _create_run_tables()


def _create_run_tables() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(64), primary_key=True),
        *_task_and_day(),
        sa.Column("started_at", sa.DateTime, nullable=False, index=True),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("candidates", sa.BigInteger),
        sa.Column("selection", sa.JSON),
    )
    op.create_table(
        "outcomes",
        sa.Column("run_id", sa.String(64), primary_key=True),
        *_task_and_day(),
        sa.Column("evaluator", sa.String(63), primary_key=True),
        sa.Column("outcome", sa.String(20), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "progress",
        *_task_and_day(),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("spans_stamp", sa.BigInteger, nullable=False),
        sa.Column("results_stamp", sa.BigInteger, nullable=False),
        sa.Column("is_complete", sa.Boolean, nullable=False),
        sa.Column("summary", sa.JSON, nullable=False),
    )


def _task_and_day() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("project", sa.String(200), primary_key=True),
        sa.Column("task", sa.String(63), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("progress", "outcomes", "runs", "source_problems", "source_files", "settings"):
        op.drop_table(name)
