"""Finds out how an endpoint answers, by the first question that it is asked: no call is spent on nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from evals_pipeline.core.calls import Question, Usage
from evals_pipeline.llm.abilities import Memory
from evals_pipeline.llm.forms import FORMS, Form
from evals_pipeline.llm.replies import Again, Good, Malformed, Never, Reply

Finding = Literal["understood", "unclear", "ignored", "objected", "rejected", "broke", "other"]

_REFUSED = ("objected", "rejected")

MOST_CALLS = 3
"""Calls that finding out may be charged for: one for each form."""

_OUTAGES = 2
"""So many server errors in a row may be an outage; after that another form is tried."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call in one form.

    Attributes:
        reply: What came of it.
        finding: What it says of the form. It was `understood`; `ignored`, since prose came back; the endpoint
            `objected` to it; it `rejected` the call or the server `broke`, without saying why; the answer was
            `unclear`; or the reply was about something `other`.
    """

    reply: Reply
    finding: Finding


Attempt = Callable[[Question, Malformed | None, Form], Awaitable[Step]]


class Probe:
    """Asks in one form after the other until one works, and remembers it; other questions wait meanwhile.

    Args:
        memory: Where the finding is kept.
        attempt: Makes one call.
        patience_seconds: How long a question waits for the first one.
    """

    def __init__(self, memory: Memory, attempt: Attempt, patience_seconds: float) -> None:
        self._memory = memory
        self._attempt = attempt
        self._patience_seconds = patience_seconds
        self._turn = asyncio.Lock()
        self._broken: Counter[Form] = Counter()
        self._unclear = 0

    async def ask(self, question: Question, repair: Malformed | None) -> Reply:
        """Ask `question`; of many at once the first finds out for all."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._turn.acquire()
        except TimeoutError:
            return Again("APITimeoutError", "the endpoint has not answered any question yet")
        try:
            if self._memory.now.form is None:
                return await self._found_out(question, repair)
        finally:
            self._turn.release()
        return (await self._attempt(question, repair, self._memory.now.form)).reply

    async def _found_out(self, question: Question, repair: Malformed | None) -> Reply:
        failed: list[Reply] = []
        suspects: list[Form] = []
        for form in FORMS:
            step = await self._attempt(question, repair, form)
            if step.finding == "broke":
                self._broken[form] += 1
                suspects.append(form)
            if self._is_final(step, form):
                return _after(failed, await self._concluded(step, form, suspects, (question, repair)))
            failed.append(step.reply)
        return _after(failed[:-1], failed[-1])

    def _is_final(self, step: Step, form: Form) -> bool:
        if step.finding == "broke":
            return self._broken[form] < _OUTAGES
        return step.finding not in (*_REFUSED, "ignored") or (step.finding == "ignored" and form == FORMS[-1])

    async def _concluded(
        self, step: Step, form: Form, suspects: list[Form], asked: tuple[Question, Malformed | None]
    ) -> Reply:
        self._unclear += step.finding == "unclear"
        is_telling = step.finding in ("understood", "ignored")
        if not is_telling and not (step.finding == "unclear" and self._unclear >= _OUTAGES):
            return step.reply
        replies = [step.reply]
        for suspect in suspects:  # the outage may be over: a form is at fault only if it still fails
            check = await self._attempt(*asked, suspect)
            if check.finding == "understood":
                await self._learn(suspect)
                return _after(replies, check.reply)
            replies.append(check.reply)
            if check.finding not in (*_REFUSED, "broke", "ignored"):
                break
        else:
            await self._learn(form)
        return _after(replies[1:], step.reply)

    async def _learn(self, form: Form) -> None:
        self._broken.clear()
        self._memory.form_is(form)
        await self._memory.keep()


def _after(earlier: list[Reply], reply: Reply) -> Reply:
    """`reply` with what the `earlier` calls of the same question cost."""
    paid = [each for each in map(_paid, earlier) if each is not None]
    if not paid:
        return reply
    usage = sum((each[0] for each in paid), Usage())
    costs = [each[1] for each in paid]
    match reply:
        case Good(answer=answer):
            cost = _sum([answer.cost_nano_usd, *costs])
            calls = answer.calls + len(paid)
            return replace(reply, answer=replace(answer, usage=answer.usage + usage, cost_nano_usd=cost, calls=calls))
        case Never(failure=failure):
            cost = _sum([failure.cost_nano_usd, *costs])
            calls = failure.calls + len(paid)
            return replace(
                reply, failure=replace(failure, usage=failure.usage + usage, cost_nano_usd=cost, calls=calls)
            )
        case Malformed():
            return replace(reply, usage=reply.usage + usage, cost_nano_usd=_sum([reply.cost_nano_usd, *costs]))
        case Again():
            return replace(reply, may_be_charged=True)


def _paid(reply: Reply) -> tuple[Usage, int | None] | None:
    match reply:
        case Good(answer=answer):
            return answer.usage, answer.cost_nano_usd
        case Malformed():
            return reply.usage, reply.cost_nano_usd
        case Again() | Never():
            return None


def _sum(costs: list[int | None]) -> int | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
