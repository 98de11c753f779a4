"""What refusals by a rate limit say: whether they are more than usual."""

from __future__ import annotations

import math
from dataclasses import dataclass


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
        return self.sent >= 8 and self.share >= 0.95

    def exceeds(self, noise: float, *, least: int = 1) -> bool:
        """Whether there are at least so many refusals, and more than `noise`, their usual share, explains."""
        expected = noise * self.sent
        return self.refused >= least and self.refused > expected + 3 * math.sqrt(expected) + (1 if noise else 0)

    def is_more_than(self, share: float) -> bool:
        """Whether clearly more than `share` was refused."""
        expected = share * self.sent
        return self.refused > 1.3 * expected + 3 * math.sqrt(expected)


def probe_after(limit: float) -> float:
    """Seconds until a limit is probed again.

    So long that a refused probe is about 0.3% of the requests, and yet a raised limit is found within 10 s.
    """
    return min(60.0, max(4.0, 230.0 / limit))
