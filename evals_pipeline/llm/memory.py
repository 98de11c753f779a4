"""Stores that last as long as the process: for notebooks and tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence

from evals_pipeline.core.calls import Amount, Answer, BudgetLimit, Claims, Tally
from evals_pipeline.llm.keeping import reused
from evals_pipeline.llm.stores import Fold, Json, Stores

CLAIM_SECONDS = 30
NOTICE_SECONDS = 15


def in_memory_stores() -> Stores:
    """Fresh stores, empty and of this process only."""
    return Stores(MemoryAnswers(), MemoryBudgets(), MemoryBoard())


class MemoryAnswers:
    """Answers, claims and the tally of what was spent, in dictionaries."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.spent = Tally()
        self._owners: dict[str, str] = {}
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def claim(self, keys: Collection[str], owner: str) -> Claims:
        """Look `keys` up and take those that nobody alive has taken."""
        with self._lock:
            self._seen[owner] = time.monotonic()
            known = {key: reused(self.answers[key]) for key in keys if key in self.answers}
            mine = frozenset(key for key in keys if key not in known and self._may_take(key, owner))
            self._owners.update(dict.fromkeys(mine, owner))
            return Claims(known, mine)

    def keep(self, answers: Mapping[str, Answer], spent: Tally, owner: str) -> None:
        """Remember `answers`, end their claims and add `spent`."""
        with self._lock:
            self._seen[owner] = time.monotonic()
            self.answers.update(answers)
            self._forget(answers)
            self.spent += spent

    def release(self, keys: Collection[str], owner: str) -> None:
        """End claims; with no keys, say that the owner is alive."""
        with self._lock:
            self._seen[owner] = time.monotonic()
            self._forget(key for key in keys if self._owners.get(key) == owner)

    def _may_take(self, key: str, owner: str) -> bool:
        holder = self._owners.get(key, owner)
        return holder == owner or self._seen[holder] < time.monotonic() - CLAIM_SECONDS

    def _forget(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self._owners.pop(key, None)


class MemoryBudgets:
    """Accounts in a dictionary."""

    def __init__(self) -> None:
        self.accounts: dict[str, Amount] = {}
        self._lock = threading.Lock()

    def reserve(self, limits: Sequence[BudgetLimit], amount: Amount) -> str | None:
        """Add `amount` to all accounts or to none; the scope of the first that it would exceed, or None."""
        with self._lock:
            after = {limit.key: self.accounts.get(limit.key, Amount()) + amount for limit in limits}
            for limit in limits:
                if not _fits(after[limit.key], limit):
                    return limit.scope
            self.accounts.update(after)
            return None

    def give_back(self, limits: Sequence[BudgetLimit], amount: Amount) -> None:
        """Take `amount` off all accounts."""
        with self._lock:
            for limit in limits:
                self.accounts[limit.key] = self.accounts.get(limit.key, Amount()) - amount


def _fits(spent: Amount, limit: BudgetLimit) -> bool:
    return (limit.nano_usd is None or spent.nano_usd <= limit.nano_usd) and (
        limit.tokens is None or spent.tokens <= limit.tokens
    )


class MemoryBoard:
    """Topics in a dictionary; threads of one process share them."""

    def __init__(self) -> None:
        self._states: dict[str, Json] = {}
        self._notices: dict[str, dict[str, tuple[float, Json]]] = {}
        self._lock = threading.Lock()

    def exchange(self, topic: str, owner: str, notice: Json, fold: Fold) -> tuple[Json, Mapping[str, Json]]:
        """Post `notice` and fold all live ones into the topic's state."""
        with self._lock:
            now = time.monotonic()
            posted = self._notices.setdefault(topic, {})
            posted[owner] = (now, notice)
            for silent in [who for who, (at, _) in posted.items() if at < now - NOTICE_SECONDS]:
                del posted[silent]
            live = {who: {**said, "age_seconds": now - at} for who, (at, said) in posted.items()}
            state = self._states[topic] = fold(self._states.get(topic, {}), live)
            return state, live

    def leave(self, topic: str, owner: str) -> None:
        """Take the owner's notice down."""
        with self._lock:
            self._notices.get(topic, {}).pop(owner, None)
