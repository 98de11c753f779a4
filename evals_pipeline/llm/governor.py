"""Finds out how many requests a second a provider admits, from nothing but which ones it refuses.

A small pure state machine over counts and times; all runs of an installation feed one. The idea is a token bucket seen
from outside: while it is empty, what is admitted is the limit, exactly. So refusals are not only a warning but a
measurement, and between two moments at which the bucket was empty the average of what was admitted is the limit again.

    open     no limit is known: nothing is held back
    settle   refusals came: go on just above what is admitted, for a second, and measure it
    hold     go on just below the measured limit
    probe    now and then a little above it: one refusal says that the limit still stands
    climb    the probe was admitted: faster and faster, until refusals come or nobody wants more
    shut     everything is refused: wait as long as the provider says

Refusals that do not become fewer at a lower pace are not caused by the pace: they are taken as `noise` and tolerated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from evals_pipeline.llm.refusals import MOST_NOISE, Seen, learned, odds

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
"""Of the pace that was refused: low enough to tell whether refusals depend on the pace."""

SETTLE_SECONDS = (0.5, 1.0, 8.0)
"""For one look, for a measurement, in all."""

PAUSE_SECONDS = 10.0
"""After so long without a look nobody was there."""

SHUT_SECONDS = (1.0, 60.0)
FIRST_PACE = 5.0
"""Requests a second to begin with after everything was refused."""

CHECK_NOISE_SECONDS = 30.0
SURE = 4.0
"""Log-likelihood ratio at which noise and limit are told apart: one error in fifty."""


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
        odds: Speak for noise when positive, for a limit when negative.
        is_mended: Whether the limit has been corrected in this hold already.
        is_doubted: Whether they have spoken for noise once, at a higher pace; `checked` is when they last did so twice.
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
    odds: float = 0.0
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
        """What was met since the pace last changed."""
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
        if self._should_check(now):
            return self._settling_again(now)
        return replace(self, noise=learned(self.noise, seen))

    def _hold(self, seen: Seen, rate: float, now: float) -> Governor:
        assert self.limit is not None and self.pace is not None
        if now - self.began < LAG_SECONDS:
            return self._changed(self.pace, now)
        if seen.exceeds(self.noise, least=6):
            return self._settling(seen, rate, now)
        is_too_fast = self._since_then.exceeds(self.noise, least=4)  # by a little, for some time
        if is_too_fast and not self.is_mended:
            mended = self._holding(max(self._average(now), 0.9 * self.limit), now, is_empty=True)
            return replace(mended, is_mended=True)
        if is_too_fast or self._should_check(now):
            return self._settling_again(now)
        held = replace(self, noise=learned(self.noise, seen))
        if now - self.began >= _hold_seconds(self.limit) and rate > 0.9 * self.pace:
            return replace(held._changed(self.limit * PROBE_SHARE, now), mode="probe")
        return held

    def _rise(self, seen: Seen, rate: float, now: float) -> Governor:
        assert self.limit is not None and self.pace is not None
        if seen.exceeds(self.noise):
            average = self._average(now)
            if self.mode == "probe" or 0.9 * self.limit < average < 1.12 * self.limit:
                return self._holding(min(max(average, 0.95 * self.limit), 1.12 * self.limit), now, is_empty=True)
            return self._settling(seen, rate, now)
        if seen.refill is not None:
            return self._holding(max(self.limit, min(rate, seen.refill)), now)
        if rate < 0.8 * self.pace:  # nobody needs more
            return self
        if self.mode == "climb":
            return replace(self._changed(self.pace * (1 + self.gain), now), gain=min(1.0, 2 * self.gain))
        if now - self.since < PROBE_SECONDS + 0.2 * _hold_seconds(self.limit):
            return self
        return replace(self._changed(self.pace * 1.05, now), mode="climb", gain=FIRST_GAIN)

    def _settle(self, seen: Seen, now: float) -> Governor:
        if now - self.began < LAG_SECONDS:
            return self._changed(self.pace, now)
        weighed = self._weighed(seen)
        if self._since_then.is_more_than(self.tried_share) and not self._since_then.is_all_refused:
            return self._settling_again(now)  # the pace is to blame, and the limit is lower than thought
        if weighed.odds > SURE:
            if self.is_doubted:
                return weighed._tolerating(now)
            return replace(self._settling_again(now), is_doubted=True)  # a far lower limit looks the same at first
        if weighed.odds < -SURE:
            weighed = replace(weighed, noise=0.0)
        is_late = now - self.began >= SETTLE_SECONDS[-1]
        if now - self.since < SETTLE_SECONDS[0] or (self.sent < 12 and not is_late):
            return weighed
        return weighed._narrowed(seen, now, is_late=is_late)

    def _narrowed(self, seen: Seen, now: float, *, is_late: bool) -> Governor:
        """Closer to the limit: down to what is admitted while there are refusals, up while there are none."""
        seconds, all_seen = now - self.since, self._since_then
        if all_seen.is_all_refused:
            return self._shutting(seen, now)
        if self.refused and self._tells_noise() and abs(self.odds) < SURE and not is_late:
            return self  # noise or limit: not known yet
        admitted = (self.sent - self.refused) / seconds / (1 - self.noise)
        if not all_seen.exceeds(self.noise):
            return self._sought(admitted, now, is_late=is_late)
        if all_seen.share < 0.12 + self.noise or is_late:
            return self if seconds < SETTLE_SECONDS[1] else self._holding(admitted, now, is_empty=True)
        return replace(self._changed(max(admitted * SETTLE_SHARE, 0.5), now), gain=0.0)

    def _sought(self, admitted: float, now: float, *, is_late: bool) -> Governor:
        """No refusal: the limit is higher, or nobody wants more."""
        assert self.pace is not None
        if admitted < 0.8 * self.pace or is_late:
            return self._holding(self.pace, now)
        gain = min(1.0, max(0.05, 2 * self.gain))
        return replace(self._changed(self.pace * (1 + gain), now), gain=gain)

    def _settling_again(self, now: float) -> Governor:
        return self._settling(self._since_then, self.sent / (now - self.since), now)

    def _settling(self, seen: Seen, rate: float, now: float) -> Governor:
        admitted = rate * (1 - seen.share) / (1 - self.noise)
        pace = max(min(admitted * SETTLE_SHARE, rate * SETTLE_AT_MOST), rate / 20, 0.5)
        changed = replace(self._changed(pace, now), is_doubted=False)
        return replace(changed, mode="settle", began=now, tried=rate, tried_share=seen.share, odds=0.0, gain=0.0)

    def _shutting(self, seen: Seen, now: float) -> Governor:
        least, most = SHUT_SECONDS
        until = now + min(most, max(least, seen.retry_after))
        limit = self._average(now) if self.empty_at is not None and now - self.empty_at > 10 else self.limit
        shut = replace(self._changed(1.0, now), mode="shut", began=until, limit=limit)
        return replace(shut, empty_at=now, admitted=0)

    def _shut(self, now: float) -> Governor:
        if now < self.began:  # when it opens again
            return self
        pace = self.limit or FIRST_PACE
        return replace(self._changed(pace, now), mode="settle", began=now, odds=0.0, gain=0.0)

    def _holding(self, limit: float, now: float, *, is_empty: bool = False) -> Governor:
        held = replace(self._changed(limit * HOLD_SHARE, now), mode="hold", began=now, limit=limit)
        held = replace(held, gain=0.0, is_mended=False)
        return replace(held, empty_at=now, admitted=0) if is_empty else held

    def _tolerating(self, now: float) -> Governor:
        """Fewer requests did not mean a smaller share of refusals: back to the pace before."""
        self = replace(self, noise=min(MOST_NOISE, self.tried_share), checked=now)
        if self.limit is None:
            return replace(self._changed(None, now), mode="open")
        return self._holding(self.limit, now)

    def _weighed(self, seen: Seen) -> Governor:
        """Add what `seen` says for noise, whose share would be as before, and against a limit."""
        if not self._tells_noise():
            return self
        noise = max(self.tried_share, 0.01)
        limit = min(max(self._above(), self.noise) + 0.005, noise / 2)
        return replace(self, odds=self.odds + odds(seen, noise, limit))

    def _should_check(self, now: float) -> bool:
        """Whether to look once more if what is taken for noise is really none of the pace's doing."""
        return self.noise > 0 and now - self.checked > CHECK_NOISE_SECONDS

    def _above(self) -> float:
        """The share that a limit would refuse at this pace, if it is what was admitted when the pace was cut."""
        assert self.pace is not None
        return max(0.0, 1 - self.tried * (1 - self.tried_share) / self.pace)

    def _tells_noise(self) -> bool:
        """Whether this pace is so much lower than the one tried that only noise would be refused as often."""
        return self.pace is not None and self.pace < 0.95 * self.tried and self.tried_share <= MOST_NOISE

    def _changed(self, pace: float | None, now: float) -> Governor:
        return replace(self, pace=pace, since=now, sent=0, refused=0)

    def _average(self, now: float) -> float:
        """Admitted a second since the bucket was last empty: as it is empty now too, that is the limit."""
        assert self.limit is not None
        if self.empty_at is None or now - self.empty_at < 2:
            return self.limit
        return self.admitted / (now - self.empty_at) / (1 - self.noise)


def _hold_seconds(limit: float) -> float:
    """So long that a refused probe is about 0.3% of the requests, and yet a raised limit is found within 10 s."""
    return min(60.0, max(4.0, 230.0 / limit))
