"""The partitions: UTC days from a first one that never moves up to today.

How a run's days are read, written as tags and cut into ranges is answered here. Which days are worth running is
`schedules`; how long ago a sink takes annotations is the sink's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from evals_pipeline.core.errors import ConfigError, WindowError
from evals_pipeline.core.window import parse_day
from evals_pipeline.ledger.ledger import Ledger

FIRST_DAY_VARIABLE = "EVALS_FIRST_DAY"
DAYS_BEFORE_FIRST_DEPLOY = 14

_SETTING = "first_day"
_PARTITION_TAG = "dagster/partition"
_RANGE_START_TAG = "dagster/asset_partition_range_start"
_RANGE_END_TAG = "dagster/asset_partition_range_end"


def first_day(ledger: Ledger, *, now: datetime, environment: Mapping[str, str] = os.environ) -> date:
    """The first partition; written to the ledger by whoever asks first, and the same for good from then on.

    A start that moves would invalidate running backfills and forget what is materialized.

    Raises:
        ConfigError: When `EVALS_FIRST_DAY` asks for another day than the one written.
    """
    chosen = environment.get(FIRST_DAY_VARIABLE)
    default = _chosen(chosen) if chosen else now.astimezone(UTC).date() - timedelta(days=DAYS_BEFORE_FIRST_DEPLOY)
    written = date.fromisoformat(ledger.setting(_SETTING, default.isoformat()))
    if chosen and default != written:
        raise ConfigError(
            f"{FIRST_DAY_VARIABLE} is {default}, but the first partition of this installation is {written} for good",
            hint=f"unset {FIRST_DAY_VARIABLE}, or start an installation of its own for earlier days",
        )
    return written


def _chosen(text: str) -> date:
    try:
        return parse_day(text)
    except WindowError as cause:
        raise ConfigError(f"{FIRST_DAY_VARIABLE}: {cause}") from cause


def daily(start: date) -> dg.DailyPartitionsDefinition:
    """UTC days from `start` on; today, which has not ended, is one of them."""
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), timezone="UTC", end_offset=1)


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """The days that the run works on, earliest first."""
    return [date.fromisoformat(key) for key in context.partition_keys]


def days_of_run(tags: Mapping[str, str]) -> list[date]:
    """The days that a run with these tags is about; none when it says nothing of days."""
    start = tags.get(_RANGE_START_TAG) or tags.get(_PARTITION_TAG)
    end = tags.get(_RANGE_END_TAG) or start
    if not start or not end:
        return []
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def range_tags(days: Sequence[date]) -> dict[str, str]:
    """Tags that make one run of these days, which must follow one another."""
    return {_RANGE_START_TAG: days[0].isoformat(), _RANGE_END_TAG: days[-1].isoformat()}


def ranges(days: Iterable[date]) -> list[list[date]]:
    """The days in runs that follow one another without a gap, each day once."""
    found: list[list[date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][-1] == timedelta(days=1):
            found[-1].append(day)
        else:
            found.append([day])
    return found
