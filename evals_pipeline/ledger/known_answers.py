"""Which questions have an answer already, for those who only want to know what asking would cost."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from evals_pipeline.ledger import schema as s
from evals_pipeline.ledger.database import Database


def known_answers(database: Database, keys: Collection[str]) -> set[str]:
    """Those of `keys` that have an answer; nothing is claimed. Raises LedgerError."""
    column = s.judge_answers.c.key
    with database.begin() as connection:
        return set(connection.execute(sa.select(column).where(database.among(column, keys))).scalars())
