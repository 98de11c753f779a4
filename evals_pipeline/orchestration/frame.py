"""What all assets of one definition share.

A value belongs here when every asset needs it and no task decides it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import dagster as dg

Progressed = Callable[[str, date | None, int, int], None]
"""Called with the stage (`spans` or `results`), the day (None for spans), parts done and parts to do."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The partitions, the clock, and who wants to hear of progress."""

    partitions: dg.DailyPartitionsDefinition
    now: Callable[[], datetime]
    progressed: Progressed | None = None

    def progress_of(self, stage: str, day: date | None = None) -> Callable[[int, int], None] | None:
        """The listener as the engine calls it."""
        return None if self.progressed is None else partial(self.progressed, stage, day)
