"""What judges asked and what that cost, and how long their answers stay."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from evals_pipeline.core.calls import Tally, Usage
from evals_pipeline.ledger import schema as s
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.runs import RunKey
from evals_pipeline.ledger.values import without_zone

_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_COUNTS = ("questions", "reused", "calls", "repairs", "retries", "refusals", "unpriced", "nano_usd")
_FORGOTTEN_AT_ONCE = 5_000


class Spending:
    """The part of the ledger about what judges cost."""

    database: Database

    def spending(
        self,
        *,
        run_id: str | None = None,
        project: str | None = None,
        task: str | None = None,
        day: date | None = None,
    ) -> dict[str, Tally]:
        """Evaluator -> what it asked and cost, over everything that has these values; `day` is the spans' UTC day.

        All attempts of a run count: what a killed attempt paid is in it too.
        """
        wanted = {"run_id": run_id, "project": project, "task": task, "day": day}
        where = [s.spending.c[name] == value for name, value in wanted.items() if value is not None]
        query = sa.select(s.spending.c.evaluator, *_sums()).where(*where).group_by(s.spending.c.evaluator)
        with self.database.begin() as connection:
            return {row.evaluator: _tally(row) for row in connection.execute(query)}

    def spending_of_runs(self, run_ids: Collection[str]) -> dict[tuple[str, str, str], Tally]:
        """(run id, project, task) -> what its judges asked and cost, all days and evaluators together."""
        columns = (s.spending.c.run_id, s.spending.c.project, s.spending.c.task)
        query = sa.select(*columns, *_sums()).where(s.spending.c.run_id.in_(run_ids)).group_by(*columns)
        with self.database.begin() as connection:
            rows = connection.execute(query).all()
        return {(row.run_id, row.project, row.task): _tally(row) for row in rows}

    def forget_answers(self, before: datetime) -> int:
        """Forget what models answered before that moment, so that it is asked and paid again; returns how many."""
        table = s.judge_answers
        some = sa.select(table.c.key).where(table.c.kept_at < without_zone(before)).limit(_FORGOTTEN_AT_ONCE)
        forgotten = 0
        while True:  # a transaction each, so that those who keep answers wait for milliseconds only
            with self.database.begin() as connection:
                count = connection.execute(table.delete().where(table.c.key.in_(some))).rowcount
            forgotten += count
            if count < _FORGOTTEN_AT_ONCE:
                return forgotten


def spending_row(key: RunKey, evaluator: str, tally: Tally) -> dict[str, Any]:
    """The row of table `spending` for what an evaluator asked and cost in a run."""
    counts = {name: getattr(tally, name) for name in _COUNTS}
    return {**asdict(key), "evaluator": evaluator, **counts, **asdict(tally.usage)}


def _sums() -> list[sa.Label[Any]]:
    return [sa.func.sum(s.spending.c[name]).label(name) for name in (*_COUNTS, *_USAGE)]


def _tally(row: Any) -> Tally:
    """The sums of some rows; Postgres gives them as decimals."""
    usage = Usage(**{name: int(getattr(row, name)) for name in _USAGE})
    return Tally(**{name: int(getattr(row, name)) for name in _COUNTS}, usage=usage)
