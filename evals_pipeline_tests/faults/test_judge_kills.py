"""`kill -9` of runs that ask a model, and runs that ask at the same time: what is paid is paid once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from aiohttp import web

from evals_pipeline.engine.installation import opened
from evals_pipeline.lake.delta import Lake
from evals_pipeline.ledger.judge_answers import JudgeAnswers
from evals_pipeline.ledger.ledger import Ledger
from evals_pipeline.ledger.schema import claim_owners, notices
from evals_pipeline_tests.builders import JUDGE_AND_CHECK_TASK, deliver, history, judged_folder, talks, walk
from evals_pipeline_tests.faults.processes import Child, Point, assert_exactly_once
from evals_pipeline_tests.llm import provider as p
from evals_pipeline_tests.llm.provider import Asked, Provider

pytestmark = pytest.mark.faults

IN_FLIGHT = 4
MODEL = f"max_in_flight: {IN_FLIGHT}, price: {{input: 1, output: 2}}"
LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00")  # UTC without a zone, as the ledger has it
UNKEPT = 50
"""Answers that may have arrived and not be durable yet."""

POINTS = [
    Point(JudgeAnswers, "claim", is_after=True),
    Point(JudgeAnswers, "keep"),
    Point(JudgeAnswers, "keep", is_after=True),
    Point(Lake, "write", 2, is_after=True),
    Point(Lake, "commit", 3),
    Point(Lake, "commit", 3, is_after=True),
    Point(Ledger, "finish_run"),
]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


def shop(tmp_path: Path, provider: Provider, count: int) -> tuple[Path, set[str]]:
    """A folder whose only task has a judge and a check, and the ids of its spans, whose answers all differ."""
    found = talks(count)
    folder = judged_folder(tmp_path, provider.base_url, found, model=MODEL, format=JUDGE_AND_CHECK_TASK)
    return folder, {f"s{n}" for n in range(count)}


def paid(provider: Provider) -> int:
    return sum(asked.status == 200 for asked in list(provider.asked))


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert what()


def let_the_dead_be_forgotten(folder: Path) -> None:
    """Make the killed run's last signs of life older than a minute, so that nobody waits for it."""
    with opened(folder) as here, here.ledger.database.begin() as connection:
        connection.execute(claim_owners.update().values(renewed_at=LONG_AGO))
        connection.execute(notices.update().values(posted_at=LONG_AGO))


async def answer(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
    return await provider.answered(asked)


def test_after_a_kill_only_the_calls_in_flight_are_paid_again(tmp_path: Path, provider: Provider) -> None:
    folder, ids = shop(tmp_path, provider, 60)
    provider.next(*[answer] * 30, *[p.hang] * IN_FLIGHT)
    child = Child(folder, "killed")
    wait_for(lambda: provider.in_flight == IN_FLIGHT and paid(provider) == 30)
    time.sleep(1.5)  # what has arrived is durable within a second

    child.process.kill()
    child.wait()
    let_the_dead_be_forgotten(folder)
    walked = walk(folder, run_id="next")

    assert paid(provider) == 60
    assert len(provider.asked) == 60 + IN_FLIGHT
    assert walked.evaluated.spent["politeness"].reused == 30
    assert_exactly_once(folder, ids, ids)


def test_the_same_run_started_again_carries_what_it_had_paid(tmp_path: Path, provider: Provider) -> None:
    folder, ids = shop(tmp_path, provider, 40)
    provider.next(*[answer] * 20, *[p.hang] * IN_FLIGHT)
    child = Child(folder, "same")
    wait_for(lambda: provider.in_flight == IN_FLIGHT and paid(provider) == 20)
    time.sleep(1.5)
    child.process.kill()
    child.wait()
    let_the_dead_be_forgotten(folder)

    walked = walk(folder, run_id="same")

    cost = sum(row["cost_usd"] for row in history(folder) if row["evaluator"] == "politeness")
    assert paid(provider) == 40
    assert cost == pytest.approx(40 * 180 / 1e6)
    assert walked.evaluated.spent["politeness"].calls == 40
    assert_exactly_once(folder, ids, ids)


def test_runs_killed_at_random_moments_lose_nothing_and_pay_little_twice(tmp_path: Path, provider: Provider) -> None:
    provider.latency_seconds = 0.02
    folder, ids = shop(tmp_path, provider, 40)
    kills = 0

    for number in range(6):
        kills += Child(folder, f"killed{number}").kill_after(random.uniform(0.05, 1.2))
        let_the_dead_be_forgotten(folder)
        more = talks(10, prefix=f"more{number}_")
        deliver(folder, f"more{number}", more)
        ids |= {f"more{number}_{n}" for n in range(10)}
    walk(folder, run_id="last")

    assert paid(provider) <= len(ids) + kills * (UNKEPT + IN_FLIGHT)
    assert_exactly_once(folder, ids, ids)


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_judged_run_killed_at_the_worst_moment_is_completed_by_the_next(
    tmp_path: Path, provider: Provider, point: Point
) -> None:
    folder, ids = shop(tmp_path, provider, 12)

    code = Child(folder, "killed", dies=point).wait()
    let_the_dead_be_forgotten(folder)
    walk(folder, run_id="next")

    assert code == -9
    assert paid(provider) <= 12 + 12
    assert_exactly_once(folder, ids, ids)


def test_two_runs_on_the_same_day_ask_equal_questions_once(tmp_path: Path, provider: Provider) -> None:
    provider.latency_seconds = 0.2
    folder, ids = shop(tmp_path, provider, 40)

    children = [Child(folder, name) for name in ("one", "two")]
    codes = [child.wait() for child in children]

    assert codes == [0, 0]
    assert paid(provider) == 40
    assert_exactly_once(folder, ids, ids)
    cost = sum(row["cost_usd"] for row in history(folder) if row["evaluator"] == "politeness")
    assert cost == pytest.approx(40 * 180 / 1e6)


def test_two_runs_at_once_never_exceed_a_budget_together(tmp_path: Path, provider: Provider) -> None:
    provider.latency_seconds = 0.05
    folder, ids = shop(tmp_path, provider, 80)
    model = f"answers: json_schema, max_output_tokens: 50, {MODEL}"
    judged_folder(
        folder, provider.base_url, model=model, format=JUDGE_AND_CHECK_TASK + "budget: {task: {tokens: 9_000}}\n"
    )

    codes = [child.wait() for child in [Child(folder, name) for name in ("one", "two")]]

    assert codes == [0, 0]
    assert 0 < 150 * paid(provider) <= 9_000
