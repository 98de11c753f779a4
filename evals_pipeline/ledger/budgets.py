"""Accounts of what has been spent and reserved, which no number of processes can overdraw."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from evals_pipeline.core.calls import Amount, BudgetLimit
from evals_pipeline.ledger import schema as s
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.writing import add


class Budgets:
    """All budgets of the installation; a `BudgetStore`.

    What a killed process had reserved stays spent: its calls may have been charged.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(self, limits: Sequence[BudgetLimit], amount: Amount) -> str | None:
        """Add `amount` to all accounts, or, if one would exceed its limit, to none and say which scope."""
        if not limits:
            return None
        keys = {limit.key for limit in limits}
        with self._database.begin() as connection:
            self._lock(connection, keys)
            spent = _spent(connection, keys)
            for limit in limits:
                if not _fits(spent.get(limit.key, Amount()) + amount, limit):
                    return limit.scope
            self._add(connection, keys, amount)
        return None

    def give_back(self, limits: Sequence[BudgetLimit], amount: Amount) -> None:
        """Take back what was reserved and not spent; a negative `amount` is what was spent beyond it."""
        keys = {limit.key for limit in limits}
        if not keys:
            return
        with self._database.begin() as connection:
            self._lock(connection, keys)
            self._add(connection, keys, Amount() - amount)

    def spent(self, keys: Collection[str]) -> Mapping[str, Amount]:
        """Account -> what has been spent and reserved; nothing where there is no account yet."""
        with self._database.begin() as connection:
            return dict.fromkeys(keys, Amount()) | _spent(connection, keys)

    def _lock(self, connection: sa.Connection, keys: Collection[str]) -> None:
        self._database.lock(connection, [f"budget {key}" for key in keys])

    def _add(self, connection: sa.Connection, keys: Collection[str], amount: Amount) -> None:
        change: dict[str, Any] = {
            "nano_usd": amount.nano_usd,
            "tokens": amount.tokens,
            "updated_at": self._database.moment(connection),
        }
        add(connection, s.budgets, [{"key": key, **change} for key in sorted(keys)])


def _spent(connection: sa.Connection, keys: Collection[str]) -> dict[str, Amount]:
    rows = connection.execute(s.budgets.select().where(s.budgets.c.key.in_(keys)))
    return {row.key: Amount(row.nano_usd, row.tokens) for row in rows}


def _fits(amount: Amount, limit: BudgetLimit) -> bool:
    return (limit.nano_usd is None or amount.nano_usd <= limit.nano_usd) and (
        limit.tokens is None or amount.tokens <= limit.tokens
    )
