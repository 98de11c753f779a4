"""Finds out how many requests a second a provider admits, from nothing but which ones it refuses.

A small pure state machine over counts and times; all runs of an installation feed one. The idea is a token bucket seen
from outside: while it is empty, what is admitted is the limit, exactly. So refusals are not only a warning but a
measurement, and between two moments at which the bucket was empty the average of what was admitted is the limit again.

    open     no limit is known: nothing is held back
    settle   refusals came: go on just above what is admitted, for a second, and measure it
    dip      refusals that this does not explain: go so far down that a limit would refuse nothing, and count them
    hold     go on just below the measured limit
    probe    now and then a little above it: one refusal says that the limit still stands
    climb    the probe was admitted: faster and faster, until refusals come or nobody wants more
    shut     everything is refused: wait as long as the provider says

What is refused in a dip is not caused by the pace: that share is taken as `noise` and tolerated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from evals_pipeline.llm.noise import DIP_SHARE, DOUBTFUL, MOST_NOISE, explains, is_enough, is_stale, learned, measured
from evals_pipeline.llm.refusals import Seen, probe_after

STEP_SECONDS = 0.25
"""Observations are gathered for so long before they are looked at."""

LAG_SECONDS = 0.6
"""After a change of pace: other runs have not heard of it yet, and refusals of the time before are coming in."""

HOLD_SHARE = 0.99
PROBE_SHARE = 1.05
PROBE_SECONDS = 0.5
FIRST_GAIN = 0.12
SETTLE_SHARE = 1.04
SETTLE_AT_MOST = 0.92

SETTLE_SECONDS = (0.5, 1.0, 8.0)
"""For one look, for a measurement, in all."""

PAUSE_SECONDS = 10.0
"""After so long without a look nobody was there."""

SHUT_SECONDS = (1.0, 60.0)
LEAST_SENT = 24
"""Of fewer requests the refused ones say little about noise, and where few are wanted, a dip would stop all."""

LEAST_LIMIT = 0.05
"""Requests a second; less is not believed."""

FIRST_PACE = 5.0
"""Requests a second to begin with after everything was refused."""


@dataclass(frozen=True, slots=True)
class Governor:
    """The state; times are seconds of the clock that `after` is told.

    Attributes:
        pace: Requests a second that may be sent; None without limit.
        limit: Requests a second that the provider is thought to admit.
        noise: Share of requests that is refused whatever the pace.
        told: What headers said last.
        at: When observations were last looked at.
        began: When the mode began.
        since: When the pace last changed; `sent` and `refused` count from then.
        gain: By how much the next step is faster.
        tried: Pace at which refusals came, and `tried_share` of them.
        is_mended: Whether the limit has been corrected in this hold already.
        is_doubted: Whether this is a second dip, since a far lower limit looks like noise in the first.
        checked: When noise was last measured.
        empty_at: When the provider's bucket was last known to be empty, and `admitted` since then.
    """

    mode: str = "open"
    pace: float | None = None
    limit: float | None = None
    noise: float = 0.0
    told: float | None = None
    at: float = 0.0
    began: float = 0.0
    since: float = 0.0
    gain: float = 0.0
    tried: float = 0.0
    tried_share: float = 0.0
    sent: int = 0
    refused: int = 0
    is_mended: bool = False
    is_doubted: bool = False
    checked: float = 0.0
    empty_at: float | None = None
    admitted: int = 0

    @property
    def fallback(self) -> float | None:
        """The pace to return to at the first refusal, while a higher one is only being tried."""
        is_trying = self.mode in ("probe", "climb") and not self.noise
        return self.limit * HOLD_SHARE if is_trying and self.limit else None

    @property
    def is_blind(self) -> bool:
        """Whether the pace may be far too high, so that refusals should slow down at once, to what is admitted."""
        return self.mode in ("open", "climb") and not self.noise

    @property
    def _since_then(self) -> Seen:
        return Seen(self.sent, self.refused)

    def after(self, seen: Seen, now: float) -> Governor:
        """The state after what was seen since the last time, at least `STEP_SECONDS` ago."""
        seconds = now - self.at
        if not 0 < seconds < PAUSE_SECONDS:  # nobody was there; counts over a pause say nothing about a rate
            return replace(self._changed(self.pace, now), at=now, began=now, empty_at=None)
        counted = replace(
            self,
            at=now,
            sent=self.sent + seen.sent,
            refused=self.refused + seen.refused,
            admitted=self.admitted + seen.sent - seen.refused,
        )._heard(seen, now)
        rate = seen.sent / seconds
        match counted.mode:
            case "open":
                return counted._open(seen, rate, now)
            case "settle":
                return counted._settle(seen, now)
            case "dip":
                return counted._dip(seen, now)
            case "hold":
                return counted._hold(seen, rate, now)
            case "probe" | "climb":
                return counted._rise(seen, rate, now)
            case _:
                return counted._shut(now)

    def _heard(self, seen: Seen, now: float) -> Governor:
        """Take over what headers tell, when it is new: the scale of what is known changes, or there is a beginning."""
        if seen.told is None or (self.told is not None and abs(seen.told - self.told) < 0.05 * self.told):
            return self
        heard = replace(self, told=seen.told)
        if self.limit is None:
            return replace(heard._changed(seen.told, now), mode="climb", limit=seen.told, gain=FIRST_GAIN)
        return heard._holding(self.limit * seen.told / self.told, now) if self.told else heard

    def _open(self, seen: Seen, rate: float, now: float) -> Governor:
        if seen.exceeds(self.noise):
            return self._settling(seen, rate, now)
        if is_stale(self.noise, self.sent, now - self.checked):
            return self._dipping(now)
        return replace(self, noise=learned(self.noise, seen))

    def _hold(self, seen: Seen, rate: float, now: float) -> Governor:
        assert self.limit is not None and self.pace is not None
        if now - self.began < LAG_SECONDS:
            return self._changed(self.pace, now)
        if seen.exceeds(self.noise, least=6):
            return self._settling(seen, rate, now)
        is_too_fast = self._since_then.exceeds(self.noise, least=4)  # by a little, for some time
        if is_too_fast and not self.is_mended:
            limit = min(max(self._average(now), 0.95 * self.limit), 0.98 * self.limit)
            return replace(self._holding(limit, now, is_empty=True), is_mended=True)
        if (is_too_fast and self.sent >= LEAST_SENT) or is_stale(self.noise, self.sent, now - self.checked):
            return self._dipping(now)
        held = replace(self, noise=learned(self.noise, seen))
        if now - self.began >= probe_after(self.limit) and rate > 0.9 * self.pace:
            return replace(held._changed(self.limit * PROBE_SHARE, now), mode="probe")
        return held

    def _rise(self, seen: Seen, rate: float, now: float) -> Governor:
        assert self.limit is not None and self.pace is not None
        if seen.exceeds(self.noise):
            average = self._average(now)
            is_as_thought = self.empty_at is not None and 0.9 * self.limit < average < 1.12 * self.limit
            if self.mode == "probe" or is_as_thought:
                return self._holding(min(max(average, 0.95 * self.limit), 1.12 * self.limit), now, is_empty=True)
            return self._settling(seen, rate, now)
        if seen.refill is not None:
            return self._holding(max(self.limit, min(rate, seen.refill)), now)
        if rate < 0.8 * self.pace:  # nobody needs more
            return self
        if self.mode == "climb":
            return replace(self._changed(self.pace * (1 + self.gain), now), gain=min(1.0, 2 * self.gain))
        if now - self.since < PROBE_SECONDS + 0.2 * probe_after(self.limit):
            return self
        return replace(self._changed(self.pace * 1.05, now), mode="climb", gain=FIRST_GAIN)

    def _settle(self, seen: Seen, now: float) -> Governor:
        if now - self.began < LAG_SECONDS:
            return self._changed(self.pace, now)
        if self._since_then.is_more_than(self.tried_share) and not self._since_then.is_all_refused:
            # The pace is to blame, and the limit is lower than thought.
            return self._settling(self._since_then, self.sent / (now - self.since), now)
        is_late = now - self.began >= SETTLE_SECONDS[-1]
        if now - self.since < SETTLE_SECONDS[0] or (self.sent < 12 and not is_late):
            return self
        return self._narrowed(seen, now, is_late=is_late)

    def _narrowed(self, seen: Seen, now: float, *, is_late: bool) -> Governor:
        """Closer to the limit: down to what is admitted while there are refusals, up while there are none."""
        seconds, all_seen = now - self.since, self._since_then
        admitted = (self.sent - self.refused) / seconds / (1 - self.noise)
        if all_seen.is_all_refused or (self.sent and not admitted):
            return self._shutting(seen, now)
        if not all_seen.exceeds(self.noise):
            return self._sought(admitted, now, is_late=is_late)  # the limit is higher, or nobody wants more
        if self.sent < 0.5 * (self.pace or 0) * seconds:  # nobody wanted more: what was admitted is no measure
            return self._holding(self.pace or 0, now)
        if self._is_odd:
            return self._dipping(now)
        if all_seen.share < 0.12 + self.noise or is_late:
            return self if seconds < SETTLE_SECONDS[1] else self._holding(admitted, now, is_empty=True)
        slower = self._changed(max(admitted * SETTLE_SHARE, 0.5), now)
        return replace(slower, tried=self.sent / seconds, tried_share=all_seen.share, gain=0.0)

    def _sought(self, admitted: float, now: float, *, is_late: bool) -> Governor:
        assert self.pace is not None
        if admitted < 0.8 * self.pace or is_late:
            return self._holding(self.pace, now)
        gain = min(1.0, max(0.05, 2 * self.gain))
        return replace(self._changed(self.pace * (1 + gain), now), gain=gain)

    def _settling(self, seen: Seen, rate: float, now: float) -> Governor:
        admitted = rate * (1 - seen.share) / (1 - self.noise)
        pace = max(min(admitted * SETTLE_SHARE, rate * SETTLE_AT_MOST), rate / 20, 0.5)
        settling = replace(self._changed(pace, now), tried=rate, tried_share=seen.share)
        return replace(settling, mode="settle", began=now, gain=0.0)

    def _dipping(self, now: float) -> Governor:
        rate, share = self.sent / (now - self.since), self._since_then.share
        dipping = self._changed(max(DIP_SHARE * rate * (1 - share), 0.5), now)
        if self.mode == "dip":  # further down, to make sure
            return replace(dipping, began=now, is_doubted=True)
        return replace(dipping, mode="dip", began=now, tried=rate, tried_share=share, is_doubted=False)

    def _dip(self, seen: Seen, now: float) -> Governor:
        if now - self.began < LAG_SECONDS:
            return self._changed(self.pace, now)
        if self._since_then.is_all_refused:
            return self._shutting(seen, now)
        has_enough = is_enough(self._since_then, self.tried_share)
        if not has_enough and now - self.began < SETTLE_SECONDS[-1]:
            return self
        if not has_enough and self.sent < 0.5 * (self.pace or 0) * (now - self.since):
            return replace(self, tried_share=self.noise, checked=now)._risen(now)  # nobody wanted more: not known
        noise = measured(self._since_then, self.tried_share) if has_enough or not self.noise else self.noise
        if noise > DOUBTFUL and not self.noise and not self.is_doubted:
            return self._dipping(now)
        risen = replace(self, noise=noise, checked=now)._risen(now)
        if self.noise or not noise or risen.limit is None:
            return risen
        # What was measured before was too low, since the noise was not known.
        return replace(risen._changed(risen.limit * PROBE_SHARE, now), mode="climb", gain=FIRST_GAIN)

    def _risen(self, now: float) -> Governor:
        """Back to the pace before the dip, unless more was refused there than noise explains."""
        found = self.tried * (1 - self.tried_share) / (1 - self.noise)
        if self.tried_share == self.noise or explains(self.noise, self.tried_share):
            if self.limit is None:
                return replace(self._changed(None, now), mode="open")
            found = max(self.limit, found)
        return replace(self._holding(found, now), empty_at=None)

    def _shutting(self, seen: Seen, now: float) -> Governor:
        until = now + min(SHUT_SECONDS[1], max(SHUT_SECONDS[0], seen.retry_after))
        is_known = self.limit is not None and self.empty_at is not None and now - self.empty_at > 10
        limit = (self._average(now) if is_known else None) or self.limit
        shut = replace(self._changed(1.0, now), mode="shut", began=until, limit=limit)
        return replace(shut, empty_at=now, admitted=0)

    def _shut(self, now: float) -> Governor:
        if now < self.began:  # when it opens again
            return self
        return replace(self._changed(self.limit or FIRST_PACE, now), mode="settle", began=now, gain=0.0)

    def _holding(self, limit: float, now: float, *, is_empty: bool = False) -> Governor:
        limit = max(limit, LEAST_LIMIT)
        held = self._changed(limit * HOLD_SHARE, now)
        held = replace(held, mode="hold", began=now, limit=limit, gain=0.0, is_mended=False)
        return replace(held, empty_at=now, admitted=0) if is_empty else held

    @property
    def _is_odd(self) -> bool:
        """Whether about the same share is refused as at a higher pace, and more than a limit explains."""
        if self.pace is None or self.pace > 0.95 * self.tried:
            return False
        if self.tried_share > MOST_NOISE or self.sent < LEAST_SENT:
            return False
        by_limit = 1 - self.tried * (1 - self.tried_share) / self.pace
        is_alike = 0.7 * self.tried_share < self._since_then.share < 1.3 * self.tried_share
        return is_alike and self._since_then.exceeds(max(self.noise, by_limit), least=3)

    def _changed(self, pace: float | None, now: float) -> Governor:
        return replace(self, pace=pace, since=now, sent=0, refused=0)

    def _average(self, now: float) -> float:
        """Admitted a second since the bucket was last empty: as it is empty now too, that is the limit."""
        assert self.limit is not None
        if self.empty_at is None or now - self.empty_at < 2:
            return self.limit
        return self.admitted / (now - self.empty_at) / (1 - self.noise)
