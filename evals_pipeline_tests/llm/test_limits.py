from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals_pipeline.llm.limits import BURST_SECONDS, Limits, Pace, Share


def starts(pace: Pace, until: float, now: float = 0.0) -> list[float]:
    """When events start that wait no longer than they must."""
    at = []
    while (now := now + pace.wait(now)) < until:
        pace.take(1, now)
        at.append(now)
    return at


@given(st.floats(0.5, 5_000))
def test_a_pace_is_kept_and_begins_without_a_burst(rate: float) -> None:
    pace = Pace()
    pace.change(rate, 0.0)

    started = starts(pace, 10.0)

    assert len(started) == pytest.approx(10 * rate, abs=2 + BURST_SECONDS * rate)
    assert sum(at < 0.01 for at in started) <= 2 + 0.01 * rate


def test_a_late_start_is_made_up_for() -> None:
    pace = Pace()
    pace.change(100.0, 0.0)
    now = 0.0
    for _ in range(1_000):
        now += pace.wait(now) + 0.004  # the loop wakes late, every time
        pace.take(1, now)

    assert now == pytest.approx(10.0, abs=0.1)


def test_a_change_of_pace_counts_at_once() -> None:
    pace = Pace()
    pace.change(1_000.0, 0.0)
    starts(pace, 1.0)

    pace.change(2.0, 1.0)
    slow = starts(pace, 11.0, 1.0)
    pace.change(1_000.0, 11.0)
    fast = starts(pace, 12.0, 11.0)

    assert 19 <= len(slow) <= 22
    assert 900 <= len(fast) <= 1_100


def test_what_was_estimated_too_high_is_made_up_for() -> None:
    pace = Pace()
    pace.change(1_000.0, 0.0)
    now, started = 0.0, 0
    while (now := now + pace.wait(now)) < 10:
        pace.take(500, now)
        pace.take(-400, now)  # it turned out to be a fifth
        started += 1

    assert started == pytest.approx(100, abs=5)


async def entered(limits: Limits, within: float = 0.05) -> bool:
    try:
        await asyncio.wait_for(limits.enter(1), within)
    except TimeoutError:
        return False
    return True


def test_nothing_is_let_through_before_anything_is_allowed() -> None:
    async def ask() -> None:
        limits = Limits()

        assert not await entered(limits)

    asyncio.run(ask())


def test_a_slot_is_free_again_when_a_call_has_ended() -> None:
    async def ask() -> None:
        limits = Limits()
        limits.allow(Share(2))
        assert await entered(limits) and await entered(limits) and not await entered(limits)

        limits.leave()

        assert await entered(limits)
        assert (limits.in_flight, limits.sent) == (2, 3)

    asyncio.run(ask())


def test_a_refusal_slows_down_what_was_only_being_tried() -> None:
    async def ask() -> None:
        limits = Limits()
        limits.allow(Share(100, requests=1_000.0, fallback=2.0, at=1.0))
        assert await entered(limits)

        limits.leave(is_refused=True)
        limits.allow(Share(100, requests=1_000.0, fallback=2.0, at=1.0))  # nothing newer is known

        assert [await entered(limits) for _ in range(3)].count(True) <= 1
        limits.allow(Share(100, requests=1_000.0, at=2.0))
        assert [await entered(limits, 1.0) for _ in range(3)] == [True] * 3

    asyncio.run(ask())


def test_tokens_are_a_limit_of_their_own() -> None:
    async def ask() -> None:
        limits = Limits()
        limits.allow(Share(100, tokens=1_000.0))
        await limits.enter(10_000)

        assert not await entered(limits)

        limits.leave(unused_tokens=9_990)
        assert await entered(limits, 1.0)

    asyncio.run(ask())
