"""Budgets as one run meets them: nothing is sent that has not been reserved in full before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from evals_pipeline.core.calls import Amount, BudgetLimit
from evals_pipeline.llm.stores import BudgetStore
from evals_pipeline.llm.threads import in_thread, to_its_end

logger = logging.getLogger(__name__)

CALLS_AT_ONCE = 50
"""Calls' worth that is reserved together, to spare the database; exact amounts once that no longer fits."""

MOST_OF_LIMIT = 0.05
"""Share of a budget that is reserved together, so that little of it lies idle in one process while others need it."""

REFUSED_SECONDS = 5.0
"""For so long the accounts are not asked again for as much as they have just refused."""


class Purse:
    """What this run has reserved and not yet spent.

    A call takes the most that it may cost, and what it did not use goes back in. What does not fit while calls are in
    flight waits for them, since they mostly cost less than the most.
    """

    def __init__(self, store: BudgetStore, limits: Sequence[BudgetLimit]) -> None:
        self._store, self._limits = store, tuple(limits)
        self._here = Amount()
        self._out = 0
        self._settled = 0
        self._is_tight = False
        self._refused: tuple[Amount, str, float] | None = None
        self._stirred = asyncio.Event()

    async def take(self, most: Amount) -> str | None:
        """Set `most` aside for a call; or the scope of the budget that it does not fit. One caller at a time."""
        if not self._limits:
            return None
        while not _covers(self._here, most):
            if (scope := self._refused_lately(most)) is not None:
                return scope
            settled = self._settled
            if (scope := await self._reserve(most)) is None or settled != self._settled:
                continue
            if not self._out:
                self._refused = most, scope, asyncio.get_running_loop().time()
                return scope
            self._stirred.clear()
            await self._stirred.wait()
        self._here -= most
        self._out += 1
        return None

    def settle(self, most: Amount, spent: Amount) -> None:
        """A call that took `most` has ended and cost `spent`."""
        if not self._limits:
            return
        self._here += most - spent
        self._out -= 1
        self._settled += 1
        self._refused = None
        self._stirred.set()

    async def close(self) -> None:
        """Give back what was not spent."""
        left, self._here = self._here, Amount()
        if left.nano_usd < 0 or left.tokens < 0:
            logger.warning(
                "calls cost more than thought possible: %d nano USD, %d tokens", -left.nano_usd, -left.tokens
            )
        if left != Amount():
            await in_thread(self._store.give_back, self._limits, left)

    async def _reserve(self, most: Amount) -> str | None:
        missing = _not_negative(most - self._here)
        if not self._is_tight:
            more = self._spare_calls(most)
            plenty = missing + Amount(most.nano_usd * more, most.tokens * more)
            if await to_its_end(self._get(plenty)) is None:
                return None
            self._is_tight = True
        return await to_its_end(self._get(missing))

    async def _get(self, amount: Amount) -> str | None:
        """Reserve and note it in one go, so that a caller that is cancelled between the two leaves nothing reserved."""
        scope = await asyncio.to_thread(self._store.reserve, self._limits, amount)
        if scope is None:
            self._here += amount
        return scope

    def _spare_calls(self, most: Amount) -> int:
        """How many calls more are reserved for, beside the one."""
        sizes = [(limit.nano_usd, most.nano_usd) for limit in self._limits]
        sizes += [(limit.tokens, most.tokens) for limit in self._limits]
        fit = [int(MOST_OF_LIMIT * whole / one) for whole, one in sizes if whole is not None and one]
        return max(0, min([CALLS_AT_ONCE, *fit]) - 1)

    def _refused_lately(self, most: Amount) -> str | None:
        if self._refused is None or self._out:
            return None
        amount, scope, at = self._refused
        is_fresh = asyncio.get_running_loop().time() - at < REFUSED_SECONDS
        return scope if is_fresh and _covers(most, amount) else None


def _covers(one: Amount, other: Amount) -> bool:
    return one.nano_usd >= other.nano_usd and one.tokens >= other.tokens


def _not_negative(amount: Amount) -> Amount:
    return Amount(max(0, amount.nano_usd), max(0, amount.tokens))
