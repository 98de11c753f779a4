"""Refusals that have nothing to do with the pace, as a provider's share of random 429s: measured, learned, tolerated.

They are measured in a dip: the pace goes so far down that a limit would refuse nothing, so what is refused is noise.
"""

from __future__ import annotations

from evals_pipeline.llm.refusals import Seen

MOST_NOISE = 0.5
"""A larger share of refusals is never taken for noise."""

DIP_SHARE = 0.7
"""Of what was admitted."""

DOUBTFUL = 0.1
"""More noise than this, newly found, may be a limit far below what it was: a second dip makes sure."""

_CHECK_SECONDS = 30.0
_CHECK_REQUESTS = 40

_DIP_REQUESTS = 40
_DIP_REFUSALS = 4
"""A dip lasts for so many requests, and for so many that this many refusals can be expected."""


def is_enough(seen: Seen, suspected: float) -> bool:
    """Whether a dip has lasted long enough, when the share `suspected` was refused before it."""
    return seen.sent >= max(_DIP_REQUESTS, _DIP_REFUSALS / max(suspected, 0.01))


def measured(seen: Seen, suspected: float) -> float:
    """The share of noise, after what was seen in a dip; a few stragglers of the time before are none."""
    return min(MOST_NOISE, seen.share) if seen.share > 0.2 * suspected else 0.0


def explains(noise: float, share: float) -> bool:
    """Whether `noise` is about all that was refused when `share` was."""
    return noise > 0 and share <= 1.5 * noise + 0.02


def learned(noise: float, seen: Seen) -> float:
    """The share of noise, after what was seen at a pace that is not to blame."""
    if not noise or not seen.sent:
        return noise
    after = noise + min(0.1, seen.sent / 400) * (seen.share - noise)
    return after if after > 0.003 else 0.0


def is_stale(noise: float, sent: int, seconds: float) -> bool:
    """Whether to measure it once more, as the pace may be to blame by now, after so long and so many requests."""
    return noise > 0 and sent >= _CHECK_REQUESTS and seconds > _CHECK_SECONDS
