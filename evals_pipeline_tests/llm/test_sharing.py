from __future__ import annotations

import asyncio
import random
import threading
import time
from typing import Any

import pytest

from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm.limits import Limits, Share
from evals_pipeline.llm.memory import MemoryBoard
from evals_pipeline.llm.replies import Allowed, Good, Quota
from evals_pipeline.llm.sharing import ALL, Sharing, _rates, folded, share_of
from evals_pipeline_tests.llm.asking import batches, run, said, stores
from evals_pipeline_tests.llm.endpoints import model
from evals_pipeline_tests.llm.provider import Provider
from evals_pipeline_tests.llm.test_retrying import ANSWER


def notice(task: str = "quality", **details: Any) -> dict[str, Any]:
    ordinary = {
        "task": task, "at": 1_000.0, "in_flight": 0, "calls": 1_000, "rate": ALL,
        "token_rate": ALL, "sent": 0, "refused": 0, "retry_after": 0.0, "age_seconds": 0.0,
    }  # fmt: skip
    return {**ordinary, **details}


def shares(spec: ModelSpec, notices: dict[str, dict[str, Any]]) -> dict[str, Share]:
    """What each may do, when all have posted their notices twice."""
    state: dict[str, Any] = {}
    for owner in [*notices, *notices]:
        state = folded(owner, spec.max_in_flight, state, notices)
    return {owner: share_of(owner, spec, state, notices) for owner in notices}


def test_one_run_alone_may_do_all() -> None:
    spec = ModelSpec(name="m", max_in_flight=20, requests_per_minute=600, tokens_per_minute=6_000)

    assert shares(spec, {"a": notice()})["a"] == Share(20, 10.0, 100.0, is_blind=True, at=1_000.0)


def test_two_tasks_get_a_half_each_and_the_runs_of_one_share_its_half() -> None:
    spec = ModelSpec(name="m", max_in_flight=20, requests_per_minute=600)

    found = shares(spec, {"a": notice("day"), "b1": notice("night"), "b2": notice("night")})

    assert {owner: (share.in_flight, share.requests) for owner, share in found.items()} == {
        "a": (10, 5.0),
        "b1": (5, 2.5),
        "b2": (5, 2.5),
    }


def test_what_a_run_does_not_need_goes_to_the_others() -> None:
    spec = ModelSpec(name="m", max_in_flight=20, requests_per_minute=600)

    found = shares(spec, {"a": notice("day", calls=2, rate=1.0), "b": notice("night")})

    assert (found["b"].in_flight, found["b"].requests) == (18, 9.0)


def test_a_newcomer_takes_only_what_the_others_have_left() -> None:
    old, new = notice("day", in_flight=20), notice("night")
    alone = folded("old", 20, {}, {"old": old})

    came = folded("new", 20, alone, {"old": old, "new": new})
    heard = folded("old", 20, came, {"old": old, "new": new})
    drained = folded("new", 20, heard, {"old": notice("day", in_flight=12), "new": new})
    settled = folded("new", 20, drained, {"old": notice("day", in_flight=9), "new": new})

    assert [state["grants"].get("old") for state in (alone, came, heard)] == [20, 20, 10]
    assert [state["grants"]["new"] for state in (came, heard, drained, settled)] == [0, 0, 8, 10]


def test_of_two_newcomers_the_later_one_gives_way() -> None:
    board, spec = MemoryBoard(), ModelSpec(name="m", max_in_flight=20)

    async def ask() -> list[int]:
        limits = [Limits() for _ in range(3)]
        for number, mine in enumerate(limits):
            await Sharing(board, spec, f"run{number}", "day", mine).begin()
        return [mine.share.in_flight for mine in limits]

    assert asyncio.run(ask()) == [20, 0, 0]


def test_runs_that_come_and_go_never_have_more_calls_than_allowed() -> None:
    board, spec = MemoryBoard(), ModelSpec(name="m", max_in_flight=20)
    chance = random.Random(5)

    async def ask() -> list[int]:
        together: dict[Sharing, Limits] = {}
        under_way = []
        for number in range(400):
            if len(together) < 5 and chance.random() < 0.1:
                limits = Limits()
                together[Sharing(board, spec, f"run{number}", f"task{number % 2}", limits)] = limits
                await list(together)[-1].begin()
            for sharing in chance.sample(list(together), k=len(together)):
                if chance.random() < 0.5:
                    await sharing.tick(chance.choice([0, 100]))
                fill(together[sharing], chance)
            under_way.append(sum(limits.in_flight for limits in together.values()))
            for sharing in [
                each for each, limits in together.items() if not limits.in_flight and chance.random() < 0.1
            ]:
                await sharing.end()
                del together[sharing]
        return under_way

    under_way = asyncio.run(ask())

    assert max(under_way) == 20
    assert sum(under_way) / len(under_way) > 8


def fill(limits: Limits, chance: random.Random) -> None:
    """Some calls end, and as many as allowed begin, or none."""
    limits.in_flight -= chance.randint(0, limits.in_flight)
    if chance.random() < 0.8:
        limits.in_flight = max(limits.in_flight, limits.share.in_flight)


def test_what_a_killed_run_held_is_free_after_a_while() -> None:
    state = folded("killed", 20, {}, {"killed": notice(in_flight=20)})

    state = folded("new", 20, state, {"killed": notice(in_flight=20, age_seconds=6.0), "new": notice()})

    assert state["grants"]["new"] == 20


def test_what_each_run_has_met_counts_once() -> None:
    state = folded("a", 20, {}, {"a": notice(sent=10, refused=1, at=1_000.0)})
    state = folded("b", 20, state, {"a": notice(sent=10, refused=1, at=1_000.0), "b": notice(sent=5, at=1_000.1)})
    state = folded("a", 20, state, {"a": notice(sent=14, refused=3, at=1_000.2), "b": notice(sent=5, at=1_000.1)})

    assert state["gathered"]["sent"] == 5 + 4
    assert state["gathered"]["refused"] == 2


def test_counts_of_a_run_that_began_anew_are_not_negative() -> None:
    state = folded("a", 20, {}, {"a": notice(sent=100, at=1_000.0)})

    state = folded("a", 20, state, {"a": notice(sent=3, at=1_000.1)})

    assert state["gathered"]["sent"] == 3


def test_a_clock_that_was_set_back_does_not_stop_the_governor() -> None:
    state = folded("a", 20, {}, {"a": notice(at=9_000.0)})

    state = folded("a", 20, state, {"a": notice(at=1_000.0)})

    assert state["governor"]["at"] == 1_000.0


def test_headers_are_heard_by_all_runs() -> None:
    board, spec = MemoryBoard(), ModelSpec(name="m")

    async def ask() -> Share:
        first, second = Limits(), Limits()
        one, two = Sharing(board, spec, "one", "day", first), Sharing(board, spec, "two", "night", second)
        await one.begin()
        await two.begin()
        one.heard(Good(ANSWER, Quota(Allowed(6_000, 5_900, 1.0), Allowed(600_000, 590_000, 1.0))))
        await asyncio.sleep(0.3)
        await one.tick(10)
        await two.tick(10)
        return second.share

    share = asyncio.run(ask())

    assert share.requests == pytest.approx(50, rel=0.3)
    assert share.tokens == pytest.approx(5_000, rel=0.3)


def test_who_leaves_leaves_everything_to_the_others() -> None:
    board, spec = MemoryBoard(), ModelSpec(name="m", max_in_flight=20)

    async def ask() -> tuple[int, int]:
        first, second = Limits(), Limits()
        one, two = Sharing(board, spec, "one", "day", first), Sharing(board, spec, "two", "night", second)
        await one.begin()
        await two.begin()
        for _ in range(2):
            await one.tick(100)
            await two.tick(100)
        before = second.share.in_flight
        await one.end()
        await two.tick(100)
        return before, second.share.in_flight

    assert asyncio.run(ask()) == (10, 20)


class SlowBoard(MemoryBoard):
    """Agrees at once, but is long in telling `late` what was agreed."""

    def __init__(self, late: str) -> None:
        super().__init__()
        self.late, self.may_tell = late, threading.Event()
        self.may_tell.set()
        self.agreed = threading.Event()

    def exchange(self, topic: str, owner: str, notice: Any, fold: Any) -> Any:
        found = super().exchange(topic, owner, notice, fold)
        if owner == self.late:
            self.agreed.set()
            self.may_tell.wait(10)
        return found


def test_calls_that_a_run_has_given_up_but_does_not_know_of_yet_are_not_granted_to_another() -> None:
    board, spec = SlowBoard(late="one"), ModelSpec(name="m", max_in_flight=10)

    async def ask() -> tuple[int, int, int]:
        first, second = Limits(), Limits()
        one, two = Sharing(board, spec, "one", "day", first), Sharing(board, spec, "two", "night", second)
        await one.begin()
        await two.begin()
        board.may_tell.clear()
        board.agreed.clear()
        telling = asyncio.create_task(one.tick(100))
        await asyncio.to_thread(board.agreed.wait, 10)
        await two.tick(100)
        together = first.share.in_flight + second.share.in_flight
        board.may_tell.set()
        await telling
        await one.tick(100)
        await two.tick(100)
        return together, first.share.in_flight, second.share.in_flight

    assert asyncio.run(ask()) == (10, 5, 5)


def test_two_tasks_together_keep_to_the_calls_in_flight(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    provider.latency_seconds = 0.05
    together = stores()
    spec = model(provider, max_in_flight=10)
    threads = [
        threading.Thread(target=said, args=(spec, batches(300, text=task), together), kwargs={"by": run(task, task)})
        for task in ("day", "night")
    ]

    threads[0].start()
    time.sleep(0.3)
    threads[1].start()
    for thread in threads:
        thread.join()

    assert len(provider.asked) == 600
    assert provider.peak_in_flight == 10


def test_a_limit_that_headers_tell_is_kept_with_hardly_a_refusal(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    provider.rate, provider.burst, provider.announces = 100.0, 50.0, True

    heard = said(model(provider), batches(400))

    assert len(heard) == 400
    assert sum(asked.status == 429 for asked in provider.asked[150:]) < 40


def test_a_limit_below_nothing_is_none() -> None:
    assert _rates("requests", Allowed(-1.0, -1.0, None)) == {}
