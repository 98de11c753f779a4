"""Asks a stream of questions on one event loop: each is looked up, sent within the limits, retried, kept, delivered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from evals_pipeline.core.calls import Amount, BudgetLimit, OverBudget, Question
from evals_pipeline.core.errors import ProviderError
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm.budgeting import Purse
from evals_pipeline.llm.claiming import Batch, Desk
from evals_pipeline.llm.keeping import Asked, Deliver, Delivery, Keeper
from evals_pipeline.llm.limits import Limits
from evals_pipeline.llm.replies import Again, Malformed, Reply
from evals_pipeline.llm.retrying import OutageWatch, Pause, charged
from evals_pipeline.llm.sharing import Sharing
from evals_pipeline.llm.stores import Stores

GRACE_SECONDS = 10.0
"""Calls in flight may still arrive for so long after a fault has stopped the run; they are paid."""

TICK_SECONDS = 0.3
"""Between two words with the other runs."""

Intake = asyncio.Queue[Batch | None]


@dataclass(frozen=True, slots=True)
class AskingRun:
    """Who asks.

    Attributes:
        owner: Names the run among all that live, such as run id and evaluator.
        task: Runs of one task share what the task may use.
        budgets: What every call counts against.
    """

    owner: str
    task: str
    budgets: tuple[BudgetLimit, ...] = ()


class Line(Protocol):
    """A way to ask one model; `Endpoint` is the one that goes over the network."""

    @property
    def is_priced(self) -> bool:
        """Whether it is known what calls cost."""

    def key(self, question: Question) -> str:
        """What an equal question has in common with this one."""

    def most(self, question: Question, repair: Malformed | None = None) -> Amount:
        """The most that one call may cost."""

    async def ask(self, question: Question, *, repair: Malformed | None = None) -> Reply:
        """One call."""


class Caller:
    """Carries a run's questions to the model; made on a running loop, for one use.

    Attributes:
        grace_seconds: How long calls in flight may still arrive once the run has been stopped.
    """

    def __init__(self, line: Line, model: ModelSpec, stores: Stores, run: AskingRun, deliver: Deliver) -> None:
        self.grace_seconds = GRACE_SECONDS
        self._line, self._deliver = line, deliver
        self._desk = Desk(line.key, stores.answers, run.owner, model.max_attempts)
        self._keeper = Keeper(stores.answers, run.owner, self._delivered, self._desk.asking)
        self._purse = Purse(stores.budgets, run.budgets)
        self._limits = Limits()
        self._sharing = Sharing(stores.board, model, run.owner, run.task, self._limits)
        self._outage = OutageWatch()
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._is_all_in = False
        self._calls: set[asyncio.Task[None]] = set()
        self._in_flight: set[asyncio.Task[Any]] = set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, intake: Intake) -> None:
        """Answer all that comes in up to None; everything is kept and delivered when this returns or raises.

        Raises:
            ProviderError: When the provider refuses every call or has not answered for long.
            LedgerError: When answers cannot be kept.
        """
        await self._sharing.begin()
        keeping = self._watched(self._keeper.keep_up())
        works = (self._take_in(intake), self._dispatch(), self._desk.look_again(self._keeper), self._share())
        tasks = [self._watched(work) for work in works]
        try:
            await self._ended
        finally:
            await self._wind_up(tasks)
            await asyncio.wait([keeping])

    def stop(self, reason: BaseException | None = None) -> None:
        """Send nothing more; `run` ends once calls in flight have had their chance, raising `reason`."""
        if self._ended.done():
            return
        if reason is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(reason)

    async def _take_in(self, intake: Intake) -> None:
        while (batch := await intake.get()) is not None:
            await self._desk.take_in(batch, self._keeper)
        self._is_all_in = True
        self._end_when_answered()

    def _delivered(self, delivery: Delivery) -> None:
        self._deliver(delivery)
        self._end_when_answered()

    def _end_when_answered(self) -> None:
        if self._is_all_in and not self._desk.asking:
            self.stop()

    async def _dispatch(self) -> None:
        while True:
            asked = await self._desk.next()
            if (most := await self._entered(asked)) is not None:
                self._calls.add(call := self._watched(self._pursue(asked, most)))
                self._in_flight.add(call)  # at once: cancelled before its first step, it would give nothing back
                call.add_done_callback(self._calls.discard)

    async def _share(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS * random.uniform(0.9, 1.1))
            await self._sharing.tick(self._desk.waiting + self._waiting)

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose failure ends the run."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._note_failure)
        return task

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.stop(error)

    async def _entered(self, asked: Asked) -> Amount | None:
        """The most that the call may cost, once it may start; None when no budget has room for it."""
        self._waiting += 1
        try:
            async with self._turn:  # one after the other, or a dear question would starve behind cheap ones
                most = self._line.most(asked.question, asked.attempts.repair)
                if (scope := await self._purse.take(most)) is not None:
                    self._keeper.arrived(asked, asked.attempts.unrepaired(scope) or OverBudget(scope))
                    return None
                await self._let_through(most)
                return most
        finally:
            self._waiting -= 1

    async def _let_through(self, most: Amount) -> None:
        try:
            await self._limits.enter(most.tokens)
        except asyncio.CancelledError:
            self._purse.settle(most, Amount())
            raise

    async def _pursue(self, asked: Asked, most: Amount) -> None:
        """Ask until there is an outcome; a slot is taken only while a call is under way."""
        loop = asyncio.get_running_loop()
        while True:
            reply = await self._call(asked, most)
            step = asked.attempts.after(reply, loop.time())
            if not isinstance(step, Pause):
                self._keeper.arrived(asked, step)
            self._outage.after(reply, loop.time())
            if not isinstance(step, Pause) or self._ended.done():
                return
            await asyncio.sleep(step.seconds)
            if (entered := await self._entered(asked)) is None:
                return
            most = entered

    async def _call(self, asked: Asked, most: Amount) -> Reply:
        spent = most  # a call that is broken off may have been charged
        is_refused = False
        task = asyncio.current_task()
        assert task is not None
        self._in_flight.add(task)
        try:
            reply = await self._line.ask(asked.question, repair=asked.attempts.repair)
            self._sharing.heard(reply)
            spent = charged(reply, most)
            is_refused = isinstance(reply, Again) and reply.is_refusal
            return reply
        except ProviderError:
            spent = Amount()
            raise
        finally:
            self._in_flight.discard(task)
            self._purse.settle(most, spent)
            self._limits.leave(is_refused=is_refused, unused_tokens=most.tokens - spent.tokens)

    async def _wind_up(self, tasks: list[asyncio.Task[None]]) -> None:
        """End all work, keep what has arrived and give back what others may use."""
        for task in {*tasks, *(self._calls - self._in_flight)}:
            task.cancel()
        if self._in_flight:
            await asyncio.wait(set(self._in_flight), timeout=self.grace_seconds)
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*tasks, *self._calls, return_exceptions=True)
        async with AsyncExitStack() as at_last:
            for giving_back in (self._sharing.end, self._purse.close, self._desk.give_up):
                at_last.push_async_callback(giving_back)
            await self._keeper.close()
            for asked in self._desk.asking.values():  # without an outcome, but perhaps not without cost
                self._keeper.spent(asked.attempts.tally)
            await self._keeper.close()
