"""What refusals by a rate limit say: whether they are more than usual, and whether the pace is to blame."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_NOISE = 0.5
"""A larger share of refusals is never taken for noise."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What all runs together have met since the last look.

    Attributes:
        sent: Requests sent.
        refused: Of those, refused by a rate limit.
        retry_after: Longest wait that a refusal asked for, in seconds; 0 when none did.
        told: Requests a second that headers tell of; None where there are none.
        refill: Requests a second by which the allowance is renewed, told while little of it is left.
    """

    sent: int = 0
    refused: int = 0
    retry_after: float = 0.0
    told: float | None = None
    refill: float | None = None

    @property
    def share(self) -> float:
        """Refused of sent."""
        return self.refused / max(1, self.sent)

    @property
    def is_all_refused(self) -> bool:
        """Whether next to nothing is admitted."""
        return self.sent >= 3 and self.share >= 0.95

    def exceeds(self, noise: float, *, least: int = 1) -> bool:
        """Whether there are at least so many refusals, and more than `noise`, their usual share, explains."""
        expected = noise * self.sent
        return self.refused >= least and self.refused > expected + 3 * math.sqrt(expected) + (1 if noise else 0)

    def is_more_than(self, share: float) -> bool:
        """Whether clearly more than `share` was refused."""
        expected = share * self.sent
        return self.refused > 1.3 * expected + 3 * math.sqrt(expected)


def odds(seen: Seen, noise: float, limit: float) -> float:
    """The logarithm of how much better one share of refusals explains what was seen than the other does.

    Added up over time this is Wald's sequential probability ratio test: beyond ±4 it errs once in fifty times.
    """
    admitted = seen.sent - seen.refused
    return seen.refused * math.log(noise / limit) + admitted * math.log((1 - noise) / (1 - limit))


def learned(noise: float, seen: Seen) -> float:
    """The share of noise, after what was seen at a pace that is not to blame."""
    if not noise or not seen.sent:
        return noise
    after = noise + min(0.2, seen.sent / 100) * (seen.share - noise)
    return after if after > 0.003 else 0.0
