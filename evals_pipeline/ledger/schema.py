"""The ledger's tables. Times are UTC, stored without a zone; counts are rows, unless the name says tokens or calls.

Money is in whole billionths of a USD (`nano_usd`). What a model was asked is never stored, only its SHA-256.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


def _counts(*names: str) -> tuple[sa.Column[Any], ...]:
    return tuple(sa.Column(name, sa.BigInteger, nullable=False) for name in names)


settings = sa.Table(
    "settings",
    metadata,
    sa.Column("key", sa.String(100), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""Facts written once per installation, such as the first partition."""

source_files = sa.Table(
    "source_files",
    metadata,
    sa.Column("project", sa.String(200), primary_key=True),
    sa.Column("uri", sa.String(1000), primary_key=True),
    sa.Column("version", sa.String(200), nullable=False),
    sa.Column("spans", sa.BigInteger, nullable=False),
    sa.Column("problems", sa.BigInteger, nullable=False),
    sa.Column("read_at", sa.DateTime, nullable=False),
)
"""Files that have been read to their end; `version` changes when the file does."""

source_problems = sa.Table(
    "source_problems",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("project", sa.String(200), nullable=False, index=True),
    sa.Column("uri", sa.String(1000), nullable=False),
    sa.Column("line", sa.BigInteger),
    sa.Column("message", sa.Text, nullable=False),
)
"""Lines and files that could not be read; replaced whenever their file is read again."""

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("project", sa.String(200), primary_key=True),
    sa.Column("task", sa.String(63), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("started_at", sa.DateTime, nullable=False, index=True),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("candidates", sa.BigInteger),
    sa.Column("selection", sa.JSON(none_as_null=True)),
    sa.Column("sandbox", sa.JSON(none_as_null=True)),
)
"""One row per Dagster run, task and day.

`selection` says what the run's inputs stand on, `sandbox` how well custom code was confined; null without any.
"""

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("project", sa.String(200), primary_key=True),
    sa.Column("task", sa.String(63), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("evaluator", sa.String(63), primary_key=True),
    sa.Column("outcome", sa.String(20), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)
"""How many candidates of a run met which outcome, per evaluator."""

progress = sa.Table(
    "progress",
    metadata,
    sa.Column("project", sa.String(200), primary_key=True),
    sa.Column("task", sa.String(63), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("spans_stamp", sa.BigInteger, nullable=False),
    sa.Column("results_stamp", sa.BigInteger, nullable=False),
    sa.Column("is_complete", sa.Boolean, nullable=False),
    sa.Column("summary", sa.JSON, nullable=False),
)
"""How far a task has come on a day: the newest arrival it has seen, and what its results look like."""

judge_answers = sa.Table(
    "judge_answers",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("explanation", sa.Text),
    sa.Column("model", sa.Text, nullable=False),
    *_counts("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"),
    sa.Column("cost_nano_usd", sa.BigInteger),
    sa.Column("latency_ms", sa.Float),
    *_counts("calls"),
    sa.Column("probabilities", sa.JSON(none_as_null=True)),
    sa.Column("request_id", sa.Text),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("payer", sa.String(64), nullable=False),
    sa.Column("attempt", sa.String(32), nullable=False),
    sa.Column("kept_at", sa.DateTime, nullable=False, index=True),
)
"""What models answered, by the SHA-256 of what was asked. `payer` is the hash of the run's key and evaluator that paid,
`attempt` the one of its attempts whose results carry the cost."""

claims = sa.Table(
    "claims",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(250), nullable=False),
    sa.Column("claimed_at", sa.DateTime, nullable=False),
)
"""Questions that someone is asking at the moment."""

claim_owners = sa.Table(
    "claim_owners",
    metadata,
    sa.Column("owner", sa.String(250), primary_key=True),
    sa.Column("renewed_at", sa.DateTime, nullable=False),
)
"""When those who hold claims last gave a sign of life."""

budgets = sa.Table(
    "budgets",
    metadata,
    sa.Column("key", sa.String(500), primary_key=True),
    *_counts("nano_usd", "tokens"),
    sa.Column("updated_at", sa.DateTime, nullable=False),
)
"""What has been spent and reserved, per account."""

topics = sa.Table(
    "topics",
    metadata,
    sa.Column("topic", sa.String(500), primary_key=True),
    sa.Column("state", sa.JSON, nullable=False),
    sa.Column("updated_at", sa.DateTime, nullable=False),
)
"""What all runs know together: a model's abilities, a provider's quota."""

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("topic", sa.String(500), primary_key=True),
    sa.Column("owner", sa.String(200), primary_key=True),
    sa.Column("notice", sa.JSON, nullable=False),
    sa.Column("posted_at", sa.DateTime, nullable=False),
)
"""What each run that takes part in a topic tells the others."""

spending = sa.Table(
    "spending",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("project", sa.String(200), primary_key=True),
    sa.Column("task", sa.String(63), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("evaluator", sa.String(63), primary_key=True),
    *_counts("questions", "reused", "calls", "repairs", "retries", "refusals", "unpriced"),
    *_counts("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "nano_usd"),
)
"""What a run's judges asked and cost, over all attempts of the run."""

evaluator_versions = sa.Table(
    "evaluator_versions",
    metadata,
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
"""What was pushed to the hub. Rows are only ever added; `number` counts from 1 per name, without gaps."""

evaluator_deletions = sa.Table(
    "evaluator_deletions",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("deleted_at", sa.DateTime, nullable=False),
)
"""Names that were deleted when `number` was their newest version: hidden until a newer one is pushed."""
