"""The ledger's tables. Times are UTC, stored without a zone; counts are rows."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

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
)
"""One row per Dagster run, task and day. `selection` says what the run's inputs stand on."""

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
