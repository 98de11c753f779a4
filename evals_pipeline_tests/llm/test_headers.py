from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from evals_pipeline.llm.headers import quota, retry_after, seconds
from evals_pipeline.llm.replies import Allowed, Quota

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6m0s", 360), ("120ms", 0.12), ("1s", 1), ("1h2m3.5s", 3723.5), ("1d", 86_400), ("59", 59), ("0.25", 0.25),
        ("-3", 0), ("2026-11-22T12:00:30Z", 30), ("2026-11-22T11:00:00+00:00", 0),
        ("Sun, 22 Nov 2026 12:01:00 GMT", 60), ("1795348810", 10), ("1795348810000", 10),
        ("", None), ("soon", None), ("6m0", None), ("nan", None), ("inf", None),
    ],
)  # fmt: skip
def test_durations_and_moments_are_read_as_providers_spell_them(text: str, expected: float | None) -> None:
    assert seconds(text, NOW) == pytest.approx(expected)


@given(st.text(max_size=30))
def test_no_header_breaks_the_reading(text: str) -> None:
    found = seconds(text, NOW)

    assert found is None or found >= 0


def test_openais_headers_tell_of_requests_and_tokens() -> None:
    told = {
        "x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms", "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "29000", "x-ratelimit-reset-tokens": "6m0s",
    }  # fmt: skip

    found = quota(CIMultiDict({name.upper(): value for name, value in told.items()}))

    assert found == Quota(Allowed(500, 499, 0.12), Allowed(30_000, 29_000, 360))


def test_anthropics_headers_tell_the_same_with_points_in_time() -> None:
    told = {
        "anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:07Z",
    }  # fmt: skip

    assert quota(told, NOW) == Quota(Allowed(50, 0, 7), None)
    assert retry_after(told, now=NOW) == 7


def test_replies_without_such_headers_tell_nothing() -> None:
    assert quota({"x-ratelimit-limit-projects": "5"}) is None


@pytest.mark.parametrize(
    ("headers", "message", "expected"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:04 GMT"}, "", 4),
        ({"retry-after": "soon", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "8s"}, "", 8),
        ({"x-ratelimit-remaining-tokens": "10", "x-ratelimit-reset-tokens": "8s"}, "", None),
        ({}, "Limit 200, used 200. Please try again in 1m12.5s. Visit us", 72.5),
        ({}, "Please retry after 20 seconds.", 20),
        ({}, '{"retryDelay": "17s"}', 17),
        ({}, "no idea", None),
    ],
)
def test_the_time_to_wait_is_the_surest_that_is_told(
    headers: dict[str, str], message: str, expected: float | None
) -> None:
    assert retry_after(headers, message, NOW) == expected
