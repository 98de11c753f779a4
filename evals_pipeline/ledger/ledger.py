"""The ledger's verbs: what a room asks or tells it, without SQL."""

from __future__ import annotations

import sqlalchemy as sa

from evals_pipeline.ledger import schema as s
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.files import FileRead, Files, SourceProblem
from evals_pipeline.ledger.runs import OutcomeCounts, Progress, Run, RunKey, Runs, conserved
from evals_pipeline.ledger.spending import Spending
from evals_pipeline.ledger.writing import insert_missing

__all__ = ["FileRead", "Ledger", "OutcomeCounts", "Progress", "Run", "RunKey", "SourceProblem", "conserved"]


class Ledger(Files, Runs, Spending):
    """What happened, for everyone on the installation to read; each base holds the verbs of one subject.

    What judges keep while they ask is not here but in `judge_answers`, `budgets` and `board`, on the same `database`.

    Raises:
        LedgerError: From every method, when the database cannot be read or written.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)

    def close(self) -> None:
        """Give all connections back."""
        self.database.close()

    def setting(self, key: str, default: str) -> str:
        """The value written under `key`; the first caller's `default` is written and stands for good."""
        with self.database.begin() as connection:
            insert_missing(connection, s.settings, [{"key": key, "value": default}])
            query = sa.select(s.settings.c.value).where(s.settings.c.key == key)
            return str(connection.execute(query).scalar_one())
