"""The three limits as one run meets them: calls in flight, requests a second, tokens a second.

What is allowed to this run is set from outside (`allow`); here calls only wait for it. `aiolimiter` does not fit:
its rate cannot change while it runs, it refuses amounts above its capacity and lets small ones overtake large ones.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

BURST_SECONDS = 0.05
"""How late a call may start without the pace falling behind; also the burst after a pause."""


LEAST_PACE = 5.0
"""Requests a second to which a run slows down by itself."""


@dataclass(frozen=True, slots=True)
class Share:
    """What this run may do until it is told otherwise.

    Attributes:
        in_flight: Calls under way at once.
        requests: Requests a second, None without limit.
        tokens: Tokens a second, None without limit.
        fallback: Requests a second after a refusal, while a higher pace is only being tried.
        is_blind: Whether nobody knows what the provider admits: a refusal slows down to what it has admitted since.
        at: Of what was known when this was worked out.
    """

    in_flight: int
    requests: float | None = None
    tokens: float | None = None
    fallback: float | None = None
    is_blind: bool = False
    at: float = 0.0


class Pace:
    """Spaces events evenly at a rate that may change; a plain count of the time at which the next may start."""

    def __init__(self) -> None:
        self.rate: float | None = None
        self._next = 0.0

    def change(self, rate: float | None, now: float) -> None:
        """Go on at `rate` a second; one that waits already does not wait longer for it."""
        if rate is None:
            self._next = 0.0
        elif self.rate is None:
            self._next = now + BURST_SECONDS
        elif rate > self.rate and self._next > now:
            self._next = now + (self._next - now) * self.rate / rate
        self.rate = rate

    def wait(self, now: float) -> float:
        """Seconds until the next may start."""
        return max(0.0, self._next - BURST_SECONDS - now) if self.rate else 0.0

    def take(self, amount: float, now: float) -> None:
        """Start one that weighs `amount`; negative when an earlier one weighed less than was thought."""
        if self.rate:
            self._next = max(self._next, now) + amount / self.rate if amount > 0 else self._next + amount / self.rate


class Limits:
    """Lets calls through one after the other, as the limits allow, none at first; counts what it let through.

    Attributes:
        in_flight: Calls under way.
        sent: Calls let through since the start.
        refused: Calls that came back with a rate limit's refusal.
        tokens_sent: Tokens of the calls let through, as estimated and later corrected.
    """

    def __init__(self) -> None:
        self.share = Share(0)
        self.in_flight = self.sent = self.refused = self.tokens_sent = 0
        self._requests, self._tokens = Pace(), Pace()
        self._since = 0, 0, 0.0
        self._has_fallen = False
        self._wake: asyncio.Future[None] | None = None

    def allow(self, share: Share) -> None:
        """Go on under `share`; a pace that has fallen since stays down until something newer is known."""
        now = asyncio.get_running_loop().time()
        if not (self._has_fallen and share.at == self.share.at):
            self._requests.change(share.requests, now)
            self._since = self.sent, self.refused, now
            self._has_fallen = False
        self._tokens.change(share.tokens, now)
        self.share = share
        self._notify()

    async def enter(self, tokens: int) -> None:
        """Wait until a call of about `tokens` may start, and start it; one caller at a time."""
        loop = asyncio.get_running_loop()
        while (pause := self._pause(loop.time())) != 0.0:
            await self._sleep(pause)
        self._requests.take(1, loop.time())
        self._tokens.take(tokens, loop.time())
        self.in_flight += 1
        self.sent += 1
        self.tokens_sent += tokens

    def leave(self, *, is_refused: bool = False, unused_tokens: int = 0) -> None:
        """A call has ended; it used so many tokens less than was thought."""
        self.in_flight -= 1
        self.tokens_sent -= unused_tokens
        self._tokens.take(-unused_tokens, asyncio.get_running_loop().time())
        if is_refused:
            self.refused += 1
            self._fall(asyncio.get_running_loop().time())
        self._notify()

    def _fall(self, now: float) -> None:
        """Slow down at once, where waiting for the others' word would cost more refusals."""
        pace = self.share.fallback
        if self.share.is_blind:
            sent, refused, at = self._since
            pace = max(pace or LEAST_PACE, (self.sent - sent - self.refused + refused) / max(now - at, 0.01))
        if pace is not None and (self._requests.rate is None or pace < self._requests.rate):
            self._requests.change(pace, now)
            self._has_fallen = True

    def _pause(self, now: float) -> float | None:
        """Seconds to wait; None until something changes."""
        if self.in_flight >= self.share.in_flight:
            return None
        return max(self._requests.wait(now), self._tokens.wait(now))

    async def _sleep(self, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        handle = loop.call_later(seconds, self._notify) if seconds is not None else None
        try:
            await self._wake
        finally:
            self._wake = None
            if handle is not None:
                handle.cancel()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
