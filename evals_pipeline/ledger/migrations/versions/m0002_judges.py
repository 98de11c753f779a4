"""Tables of LLM judges: answers and who is asking for them, budgets, what runs tell each other, what was spent."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    _create_answer_tables()
    op.create_table(
        "budgets",
        sa.Column("key", sa.String(500), primary_key=True),
        *_counts("nano_usd", "tokens"),
        sa.Column("updated_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "topics",
        sa.Column("topic", sa.String(500), primary_key=True),
        sa.Column("state", sa.JSON, nullable=False),
        sa.Column("updated_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "notices",
        sa.Column("topic", sa.String(500), primary_key=True),
        sa.Column("owner", sa.String(200), primary_key=True),
        sa.Column("notice", sa.JSON, nullable=False),
        sa.Column("posted_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "spending",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(200), primary_key=True),
        sa.Column("task", sa.String(63), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("evaluator", sa.String(63), primary_key=True),
        *_counts("questions", "reused", "calls", "repairs", "retries", "refusals", "unpriced"),
        *_counts("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "nano_usd"),
    )


def _create_answer_tables() -> None:
    op.create_table(
        "judge_answers",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("explanation", sa.Text),
        sa.Column("model", sa.Text, nullable=False),
        *_counts("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"),
        sa.Column("cost_nano_usd", sa.BigInteger),
        sa.Column("latency_ms", sa.Float),
        *_counts("calls"),
        sa.Column("probabilities", sa.JSON),
        sa.Column("request_id", sa.Text),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("payer", sa.String(64), nullable=False),
        sa.Column("attempt", sa.String(32), nullable=False),
        sa.Column("kept_at", sa.DateTime, nullable=False, index=True),
    )
    op.create_table(
        "claims",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(250), nullable=False),
        sa.Column("claimed_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "claim_owners",
        sa.Column("owner", sa.String(250), primary_key=True),
        sa.Column("renewed_at", sa.DateTime, nullable=False),
    )


def _counts(*names: str) -> tuple[sa.Column[Any], ...]:
    return tuple(sa.Column(name, sa.BigInteger, nullable=False) for name in names)


def downgrade() -> None:
    """Drop the tables."""
    for name in ("spending", "notices", "topics", "budgets", "claim_owners", "claims", "judge_answers"):
        op.drop_table(name)
