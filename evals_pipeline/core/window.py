"""Days and half-open ranges of days, all in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from evals_pipeline.core.errors import WindowError


@dataclass(frozen=True, slots=True)
class Window:
    """The UTC days from `start` up to, not including, `end`."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise WindowError(
                f"the window [{self.start}, {self.end}) holds no day"
                "\nHint: the end is exclusive and must be later than the start"
            )

    def __iter__(self) -> Iterator[date]:
        """Each day, earliest first."""
        day = self.start
        while day < self.end:
            yield day
            day += timedelta(days=1)

    def __len__(self) -> int:
        """Number of days."""
        return (self.end - self.start).days

    @classmethod
    def last(cls, days: int, *, now: datetime) -> Window:
        """The last `days` days, today included."""
        if days < 1:
            raise WindowError(f"a window of {days} days holds no day\nHint: give at least 1d")
        tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
        return cls(tomorrow - timedelta(days=days), tomorrow)

    @classmethod
    def of_day(cls, day: date) -> Window:
        """That one day."""
        return cls(day, day + timedelta(days=1))


def parse_day(text: str) -> date:
    """A day from `YYYY-MM-DD`; raises WindowError for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError as cause:
        raise WindowError(f"{text!r} is no day\nHint: write it as YYYY-MM-DD, for example 2026-01-31") from cause


def parse_days(text: str) -> int:
    """A number of days from `7d` or `2w`; raises WindowError for anything else."""
    number, unit = text[:-1], text[-1:]
    if not number.isascii() or not number.isdigit() or unit not in ("d", "w"):
        raise WindowError(f"{text!r} is no length of time\nHint: write days as 7d or weeks as 2w")
    return int(number) * (7 if unit == "w" else 1)
