"""From the arrival of answers to their delivery: nothing is handed out before it is durable."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from evals_pipeline.core.calls import Answer, Failure, Question, Said, Tally, Usage
from evals_pipeline.llm.retrying import Attempts
from evals_pipeline.llm.stores import AnswerStore
from evals_pipeline.llm.threads import in_thread

KEEP_SECONDS = 0.5
KEEP_ANSWERS = 50
"""Answers are kept when so many have arrived, or so long after the first of them."""

Delivery = list[tuple[str, Said]]
Deliver = Callable[[Delivery], None]


@dataclass(slots=True, eq=False)
class Asked:
    """One question under way, and the units that wait for its answer.

    Attributes:
        units: As the caller names them; all but the first asked the same while it was under way.
        counted: Units that the kept tally knows of.
    """

    key: str
    question: Question
    attempts: Attempts
    units: list[str] = field(default_factory=list)
    counted: int = 0


def reused(answer: Answer) -> Answer:
    """The same answer for somebody who did not pay for it."""
    return replace(answer, usage=Usage(), cost_nano_usd=0, latency_ms=None, calls=0, reused=True)


class Keeper:
    """Collects what was said, makes it durable together and then delivers it."""

    def __init__(self, store: AnswerStore, owner: str, deliver: Deliver, asking: dict[str, Asked]) -> None:
        self._store, self._owner, self._deliver, self._asking = store, owner, deliver, asking
        self._arrived: list[tuple[Asked, Said]] = []
        self._tally = Tally()
        self._stirred = asyncio.Event()
        self._is_full = asyncio.Event()
        self._keeping = asyncio.Lock()
        self._is_closing = False

    def arrived(self, asked: Asked, said: Said) -> None:
        """Take what was said to `asked`."""
        self._arrived.append((asked, said))
        self._stirred.set()
        if len(self._arrived) >= min(KEEP_ANSWERS, len(self._asking)):  # as many as can be waited for
            self._is_full.set()

    def known(self, found: Sequence[tuple[str, Answer]]) -> None:
        """Deliver answers that are in the store already; the store says which of them this run has paid for."""
        self._tally += Tally(questions=len(found), reused=sum(answer.reused for _, answer in found))
        self._stirred.set()
        if found:
            self._deliver(list(found))

    def spent(self, tally: Tally) -> None:
        """Add what was spent on a question that got no outcome."""
        self._tally += tally

    async def keep_up(self) -> None:
        """Keep what arrives, until closed."""
        while not self._is_closing:
            await self._stirred.wait()
            with contextlib.suppress(TimeoutError):  # few came in that time; they are kept all the same
                await asyncio.wait_for(self._is_full.wait(), KEEP_SECONDS)
            await self._keep()

    async def close(self) -> None:
        """Keep and deliver the rest."""
        self._is_closing = True
        self._stirred.set()
        self._is_full.set()
        await self._keep()

    async def _keep(self) -> None:
        async with self._keeping:
            while self._arrived or self._tally != Tally():
                await self._keep_once()

    async def _keep_once(self) -> None:
        arrived, self._arrived = self._arrived, []
        tally, self._tally = self._tally, Tally()
        self._stirred.clear()
        self._is_full.clear()
        spent = tally
        for asked, said in arrived:
            asked.counted = len(asked.units)
            spent += asked.attempts.tally + _counts(said, asked.counted)
        is_kept = False
        try:
            is_kept = await in_thread(self._write, arrived, spent)
        finally:
            if not is_kept:
                self._arrived, self._tally = arrived + self._arrived, tally + self._tally
        self._hand_out(arrived)

    def _write(self, arrived: list[tuple[Asked, Said]], spent: Tally) -> bool:
        answers = {asked.key: said for asked, said in arrived if isinstance(said, Answer)}
        if unanswered := [asked.key for asked, said in arrived if not isinstance(said, Answer)]:
            self._store.release(unanswered, self._owner)
        self._store.keep(answers, spent, self._owner)  # last: tried again as a whole, it must not count twice
        return True

    def _hand_out(self, arrived: list[tuple[Asked, Said]]) -> None:
        delivery: Delivery = []
        for asked, said in arrived:
            del self._asking[asked.key]
            late = len(asked.units) - asked.counted
            self._tally += _counts(said, late + 1) + Tally(questions=-1) if late else Tally()
            shared = _shared(said)
            delivery += [(unit, shared if place else said) for place, unit in enumerate(asked.units)]
        if delivery:
            self._deliver(delivery)


def _counts(said: Said, units: int) -> Tally:
    """`units` asked the same and the first of them paid."""
    return Tally(questions=units, reused=units - 1 if isinstance(said, Answer) else 0)


def _shared(said: Said) -> Said:
    """What the others hear who asked the same."""
    match said:
        case Answer():
            return reused(said)
        case Failure():
            return replace(said, usage=Usage(), cost_nano_usd=0, calls=0)
        case _:
            return said
