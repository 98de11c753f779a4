"""What to do after a reply: it is final, or the same question is asked again after a while.

A refusal by a rate limit is no fault of the question: it waits as long as the provider says and is not counted as an
attempt. Everything else that may pass is tried again with jittered exponential back-off, `max_attempts` times in all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import assert_never

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt, wait_random_exponential

from evals_pipeline.core.calls import Amount, Answer, Failure, Tally, Usage
from evals_pipeline.core.errors import ProviderError
from evals_pipeline.llm.replies import Again, Good, Malformed, Never, Reply

REFUSED_FOR_SECONDS = 15 * 60
"""A question that rate limits refuse for so long is given up."""

OUTAGE_CALLS = 50
OUTAGE_SECONDS = 120
"""So many calls in a row without an answer, over at least so long, are an outage: the run ends."""

_BACK_OFF = wait_random_exponential(multiplier=0.5, max=60)  # full jitter below 0.5 s, 1 s, 2 s … 60 s
_REFUSED_BACK_OFF = wait_random_exponential(multiplier=1, max=30)


@dataclass(frozen=True, slots=True)
class Pause:
    """Ask the same again after `seconds`."""

    seconds: float


@dataclass(slots=True)
class Attempts:
    """How far one question has come, and what it has cost."""

    most: int
    repair: Malformed | None = None
    tally: Tally = field(default_factory=Tally)
    _faults: RetryCallState | None = None
    _refused: RetryCallState | None = None
    _refused_since: float = 0.0

    def after(self, reply: Reply, now: float) -> Pause | Answer | Failure:
        """What follows from `reply`, which came at `now` (seconds of a monotonic clock)."""
        match reply:
            case Good(answer):
                return self._answered(answer)
            case Malformed():
                return self._malformed(reply)
            case Again(is_refusal=True):
                return self._refusal(reply, now)
            case Again():
                return self._fault(reply)
            case Never(failure):
                self._count(failure.usage, failure.cost_nano_usd, failure.calls)
                return self._failure(failure.error_type, failure.message)
            case _:
                assert_never(reply)

    def unrepaired(self, scope: str) -> Failure | None:
        """The outcome when no budget is left for another call: a malformed answer has been paid and stays one."""
        if self.repair is None:
            return None
        return self._failure("MalformedAnswer", f"{self.repair.problem}; the {scope} budget has no room for a repair")

    def _answered(self, answer: Answer) -> Answer:
        self._count(answer.usage, answer.cost_nano_usd, answer.calls)
        if self.repair is None:
            return answer
        return replace(answer, usage=self.tally.usage, cost_nano_usd=self.cost_nano_usd, calls=self.tally.calls)

    def _malformed(self, reply: Malformed) -> Pause | Failure:
        self._count(reply.usage, reply.cost_nano_usd, 1)
        if self.repair is not None:
            return self._failure("MalformedAnswer", f"{reply.problem}; it said, asked twice: {reply.said}")
        self.repair = reply
        self.tally += Tally(repairs=1)
        return Pause(0.0)

    def _refusal(self, reply: Again, now: float) -> Pause | Failure:
        if self._refused is None:
            self._refused, self._refused_since = _state(), now
        else:
            self._refused.attempt_number += 1
        self.tally += Tally(refusals=1)
        left = REFUSED_FOR_SECONDS - (now - self._refused_since)
        if left <= 0:
            return self._failure(reply.error_type, f"refused for {REFUSED_FOR_SECONDS // 60} minutes: {reply.message}")
        if reply.retry_after is None:
            return Pause(_REFUSED_BACK_OFF(self._refused))
        # A day's quota may be renewed tomorrow; a run that waited for it would not end.
        return Pause(min(reply.retry_after, left) * random.uniform(1.0, 1.1) + random.uniform(0.0, 0.05))

    def _fault(self, reply: Again) -> Pause | Failure:
        self._refused = None
        if self._faults is None:
            self._faults = _state()
        else:
            self._faults.attempt_number += 1
        if stop_after_attempt(self.most)(self._faults):
            return self._failure(reply.error_type, f"{reply.message} (tried {self.most} times)")
        self.tally += Tally(retries=1)
        return Pause(max(_BACK_OFF(self._faults), min(reply.retry_after or 0.0, 60.0)))

    def _failure(self, error_type: str, message: str) -> Failure:
        return Failure(error_type, message, self.tally.usage, self.cost_nano_usd, self.tally.calls)

    def _count(self, usage: Usage, nano_usd: int | None, calls: int) -> None:
        unpriced = calls if nano_usd is None else 0
        self.tally += Tally(calls=calls, unpriced=unpriced, usage=usage, nano_usd=nano_usd or 0)

    @property
    def cost_nano_usd(self) -> int | None:
        """Of all calls so far; null when the price of one is unknown."""
        return None if self.tally.unpriced else self.tally.nano_usd


def _state() -> RetryCallState:
    return RetryCallState(AsyncRetrying(), fn=None, args=(), kwargs={})


def charged(reply: Reply, most: Amount) -> Amount:
    """What a call is taken to have cost: all that it might have, when nobody can say."""
    match reply:
        case Good(answer):
            return _amount(answer.usage, answer.cost_nano_usd, most)
        case Malformed(usage=usage, cost_nano_usd=nano_usd):
            return _amount(usage, nano_usd, most)
        case Never(failure):
            return _amount(failure.usage, failure.cost_nano_usd, most) if failure.calls else Amount()
        case Again(may_be_charged=may_be_charged):
            return most if may_be_charged else Amount()
        case _:
            assert_never(reply)


def _amount(usage: Usage, nano_usd: int | None, most: Amount) -> Amount:
    """Some servers do not tell what they used, and what is not known is not free."""
    is_untold = usage == Usage() or (nano_usd is None and most.nano_usd > 0)
    return most if is_untold else Amount(nano_usd or 0, usage.prompt_tokens + usage.completion_tokens)


class OutageWatch:
    """Notices when a provider has not answered anything for long, so that a run ends instead of burning hours.

    The rule: `OUTAGE_CALLS` calls in a row came to nothing (time-outs, broken connections, 5xx) and the first of them
    was `OUTAGE_SECONDS` ago; or every call has been refused by a rate limit for `REFUSED_FOR_SECONDS`.
    """

    def __init__(self) -> None:
        self._in_vain = 0
        self._since = 0.0
        self._has_faults = False

    def after(self, reply: Reply, now: float) -> None:
        """Take note of `reply`, which came at `now` (seconds of a monotonic clock).

        Raises:
            ProviderError: When the rule is met.
        """
        if not isinstance(reply, Again):
            self._in_vain, self._has_faults = 0, False
            return
        if not self._in_vain:
            self._since = now
        self._in_vain += 1
        self._has_faults |= not reply.is_refusal
        patience = OUTAGE_SECONDS if self._has_faults else REFUSED_FOR_SECONDS
        if self._in_vain >= OUTAGE_CALLS and now - self._since >= patience:
            raise ProviderError(
                f"the model has not answered {self._in_vain} calls in a row over {now - self._since:.0f} s; the last"
                f" one: {reply.error_type}: {reply.message}\nHint: what is not judged is taken up by the next run"
            )
