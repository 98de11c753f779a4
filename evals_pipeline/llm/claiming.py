"""Who asks what: known answers are handed out, equal questions are asked once, the rest is ours to ask."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from evals_pipeline.core.calls import Question
from evals_pipeline.llm.keeping import Asked, Keeper, reused
from evals_pipeline.llm.retrying import Attempts
from evals_pipeline.llm.stores import AnswerStore
from evals_pipeline.llm.threads import in_thread

CLAIM_AT_ONCE = 500
"""Questions that one transaction looks up."""

LOOK_AGAIN_SECONDS = 0.5
RENEW_SECONDS = 10.0

Batch = Sequence[tuple[str, Question]]


class Desk:
    """Where questions come in; `next` gives those that are to be sent, in the order in which they came."""

    def __init__(self, key: Callable[[Question], str], store: AnswerStore, owner: str, attempts: int) -> None:
        self.asking: dict[str, Asked] = {}
        self._key, self._store, self._owner, self._attempts = key, store, owner, attempts
        self._ready: deque[Asked] = deque()
        self._elsewhere: dict[str, Asked] = {}
        self._stirred = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Questions that are ready to be sent."""
        return len(self._ready)

    async def next(self) -> Asked:
        """The next question to send."""
        while not self._ready:
            self._stirred.clear()
            await self._stirred.wait()
        return self._ready.popleft()

    async def take_in(self, batch: Batch, keeper: Keeper) -> None:
        """Look the batch up and claim what is not known."""
        for start in range(0, len(batch), CLAIM_AT_ONCE):
            fresh = [
                asked
                for unit, question in batch[start : start + CLAIM_AT_ONCE]
                if (asked := self._joined(unit, question))
            ]
            await self._claim(fresh, keeper)
            await asyncio.sleep(0)  # calls under way go on between two parts

    async def look_again(self, keeper: Keeper) -> None:
        """Look up what other runs are asking, and keep our own claims alive, until cancelled."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            if self._elsewhere:
                waiting = list(self._elsewhere.values())
                self._elsewhere.clear()
                for start in range(0, len(waiting), CLAIM_AT_ONCE):
                    await self._claim(waiting[start : start + CLAIM_AT_ONCE], keeper)
            if loop.time() - renewed >= RENEW_SECONDS:
                renewed = loop.time()
                await in_thread(self._store.release, (), self._owner)

    async def give_up(self) -> None:
        """Let others ask what we have claimed and not asked."""
        if claimed := [key for key in self.asking if key not in self._elsewhere]:
            await in_thread(self._store.release, claimed, self._owner)

    def _joined(self, unit: str, question: Question) -> Asked | None:
        """The question, when nobody here is asking the same."""
        key = self._key(question)
        if (asked := self.asking.get(key)) is not None:
            asked.units.append(unit)
            return None
        asked = self.asking[key] = Asked(key, question, Attempts(self._attempts), [unit])
        return asked

    async def _claim(self, wanted: Sequence[Asked], keeper: Keeper) -> None:
        if not wanted:
            return
        claims = await in_thread(self._store.claim, [asked.key for asked in wanted], self._owner)
        found = [
            (unit, reused(answer) if place else answer)
            for asked in wanted
            if (answer := claims.answers.get(asked.key)) is not None
            for place, unit in enumerate(asked.units)
        ]
        for asked in wanted:
            if asked.key in claims.answers:
                del self.asking[asked.key]
            elif asked.key not in claims.mine:
                self._elsewhere[asked.key] = asked
        self._send(asked for asked in wanted if asked.key in claims.mine)
        keeper.known(found)

    def _send(self, mine: Iterable[Asked]) -> None:
        self._ready.extend(mine)
        self._stirred.set()
