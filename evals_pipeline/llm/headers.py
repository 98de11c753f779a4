"""What a reply's headers say of limits and of waiting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from evals_pipeline.llm.replies import Allowed, Quota

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|d|h|m|s))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|d|h|m|s)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SAID = re.compile(
    r'(?:try again in|retry after|"?retrydelay"?:) *"?(\d+(?:\.\d+)?(?:(?:ms|s|m|h)(?:\d+(?:\.\d+)?(?:ms|s|m|h))*)?)',
    re.I,
)
_EPOCH = 1_000_000_000.0
"""A number beyond this many seconds is a point in time."""

_FAMILIES = (
    ("x-ratelimit-limit-{}", "x-ratelimit-remaining-{}", "x-ratelimit-reset-{}"),
    ("anthropic-ratelimit-{}-limit", "anthropic-ratelimit-{}-remaining", "anthropic-ratelimit-{}-reset"),
)
_NAMES = {what: [tuple(each.format(what) for each in family) for family in _FAMILIES] for what in ("requests", "tokens")}  # fmt: skip  # noqa: E501


def quota(headers: Mapping[str, str], now: datetime | None = None) -> Quota | None:
    """The limits that `headers` tell, as OpenAI and most others spell them or as Anthropic does; None without any.

    Args:
        headers: A reply's headers, looked up without regard to case.
        now: The time of the reply; absent: the present.
    """
    requests, tokens = _allowed(headers, "requests", now), _allowed(headers, "tokens", now)
    return Quota(requests, tokens) if requests or tokens else None


def retry_after(headers: Mapping[str, str], message: str = "", now: datetime | None = None) -> float | None:
    """Seconds to wait before the next try; None where neither headers nor `message` say.

    `retry-after-ms` counts first, then `retry-after` in seconds or as a date, then when an exhausted limit is renewed,
    then what the error's text says ("try again in 20s").
    """
    if (millis := _number(headers.get("retry-after-ms"))) is not None:
        return max(0.0, millis / 1000)
    if (after := headers.get("retry-after")) is not None and (told := seconds(after, now)) is not None:
        return told
    if (limits := quota(headers, now)) is not None and (waits := _exhausted(limits)):
        return max(waits)
    said = _SAID.search(message)
    return seconds(said[1].lower(), now) if said else None


def seconds(text: str, now: datetime | None = None) -> float | None:
    """Seconds from now, of `6m0s`, `120ms`, `1.5`, an RFC 3339 time, an HTTP date or an epoch; else None."""
    text = text.strip()
    if (number := _number(text)) is not None:
        return _of_number(number, now)
    if _DURATION.fullmatch(text):
        return sum(float(part[1]) * _UNITS[part[2]] for part in _PART.finditer(text))
    if (moment := _moment(text)) is None:
        return None
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _allowed(headers: Mapping[str, str], what: str, now: datetime | None) -> Allowed | None:
    for limit, remaining, reset in _NAMES[what]:
        told, left, until = headers.get(limit), headers.get(remaining), headers.get(reset)
        if told is not None or left is not None:
            return Allowed(_number(told), _number(left), None if until is None else seconds(until, now))
    return None


def _exhausted(limits: Quota) -> list[float]:
    both = (each for each in (limits.requests, limits.tokens) if each is not None)
    return [each.reset_seconds for each in both if each.reset_seconds is not None and each.remaining == 0]


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < float("inf") else None


def _of_number(number: float, now: datetime | None) -> float:
    if number < _EPOCH:
        return max(0.0, number)
    epoch = number / 1000 if number > _EPOCH * 1000 else number
    return max(0.0, epoch - (now or datetime.now(UTC)).timestamp())


def _moment(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, TypeError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
