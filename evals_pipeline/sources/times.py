"""Times of foreign spans: text, numbers of any unit, pairs and datetimes, made into UTC datetimes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Times at or before it are what exporters write for no time: 0, or the year 1 of Go and .NET."""
_LATEST = datetime(2262, 1, 1, tzinfo=UTC)
"""Nanoseconds since 1970 end here in 64 bits, and with them pandas and most exporters."""
_UNITS = ((10**11, 10**6), (10**14, 10**3), (10**17, 1))
"""A number below the first is worth so many microseconds: seconds, milliseconds, microseconds. Above: nanoseconds."""
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]*)?")
_DURATION = re.compile(
    r"P(?:(?P<days>\d{1,6})D)?(?:T(?:(?P<hours>\d{1,8})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,12}(?:\.\d+)?)S)?)?"
)


def timestamp(value: Any) -> datetime | None:
    """A UTC datetime, or None for what is no time between 1970 and 2262; a time without a zone is UTC.

    Numbers and texts of digits count since 1970; their size tells the unit, nanoseconds being OTLP's.
    """
    try:
        found = _read(value)
    except (ValueError, OverflowError, TypeError):
        return None
    return found if found is not None and _EARLIEST < found < _LATEST else None


def _read(value: Any) -> datetime | None:
    match value:
        case bool() | None:
            return None
        case datetime():
            return _in_utc(value)
        case str():
            return _read_text(value.strip())
        case int():
            return _EARLIEST + timedelta(microseconds=_microseconds(value))
        case float():
            return _EARLIEST + timedelta(microseconds=round(value * _factor(value)))
        case [int(seconds), int(nanoseconds)]:  # JavaScript's hrtime
            return _EARLIEST + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
    return _read(value.item()) if hasattr(value, "item") else None


def _read_text(value: str) -> datetime | None:
    if not _NUMBER.fullmatch(value):
        return _in_utc(datetime.fromisoformat(value))
    return _read(float(value) if "." in value else int(value))


def _in_utc(value: datetime) -> datetime:
    """`value` as a plain datetime in UTC; pandas Timestamps lose their nanoseconds."""
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime(warn=False)
    if value.tzinfo is UTC:
        return value
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _factor(value: float) -> float:
    return next((factor for bound, factor in _UNITS if value < bound), 0.001)


def _microseconds(value: int) -> int:
    return next((value * factor for bound, factor in _UNITS if value < bound), value // 1000)


def duration(value: Any) -> timedelta | None:
    """The length of an ISO-8601 duration such as `PT5M54.567S`."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    parts = {unit: float(number) for unit, number in match.groupdict().items() if number} if match else {}
    return timedelta(**parts) if parts else None


def end_after(start: datetime, length: timedelta) -> datetime | None:
    """The end of something that began at `start`."""
    try:
        end = start + length
    except OverflowError:
        return None
    return end if end < _LATEST else None
