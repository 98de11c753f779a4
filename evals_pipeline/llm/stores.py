"""What the caller keeps beyond a process, as protocols; the ledger fulfils them, `memory` does for notebooks.

All methods are short, synchronous and safe to call from any thread, by many processes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evals_pipeline.core.calls import Amount, Answer, BudgetLimit, Claims, Tally

Json = dict[str, Any]
Fold = Callable[[Json, Mapping[str, Json]], Json]
"""(a topic's state, owner -> notice) -> the new state; called inside the transaction, so it must be quick and pure."""


class AnswerStore(Protocol):
    """Answers by the hash of what was asked."""

    def claim(self, keys: Collection[str], owner: str) -> Claims:
        """Look `keys` up and, of those without an answer, take the ones that no live owner has taken.

        A claim lapses when its owner has not called any method for 30 s.
        """

    def keep(self, answers: Mapping[str, Answer], spent: Tally, owner: str) -> None:
        """Make `answers` durable, end their claims and add `spent` to the run's account, in one transaction."""

    def release(self, keys: Collection[str], owner: str) -> None:
        """End claims that brought no answer; with no keys, renew the owner's other claims."""


class BudgetStore(Protocol):
    """Accounts of what has been spent and reserved."""

    def reserve(self, limits: Sequence[BudgetLimit], amount: Amount) -> str | None:
        """Add `amount` to all accounts, or, if one would exceed its limit, to none and say which scope."""

    def give_back(self, limits: Sequence[BudgetLimit], amount: Amount) -> None:
        """Take back what was reserved and not spent."""


class Board(Protocol):
    """Topics that all runs of an installation share: a state, and a notice from each run that takes part."""

    def exchange(self, topic: str, owner: str, notice: Json, fold: Fold) -> tuple[Json, Mapping[str, Json]]:
        """Post `notice`, drop the notices of owners silent for 15 s, and fold all into the state, in one transaction.

        Returns the new state and the live notices, the caller's included. A topic begins with the state `{}`. Each
        notice that `fold` and the caller see has `age_seconds`, the time since it was posted.
        """

    def leave(self, topic: str, owner: str) -> None:
        """Take the owner's notice down."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where a caller keeps things."""

    answers: AnswerStore
    budgets: BudgetStore
    board: Board
