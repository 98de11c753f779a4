from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from evals_pipeline.ledger.board import Board
from evals_pipeline.ledger.budgets import Budgets
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.judge_answers import JudgeAnswers
from evals_pipeline.ledger.runs import RunKey
from evals_pipeline.llm.asking import ask_all
from evals_pipeline.llm.memory import MemoryAnswers
from evals_pipeline.llm.stores import Stores
from evals_pipeline_tests.llm.asking import batches, run, said, stores
from evals_pipeline_tests.llm.endpoints import model
from evals_pipeline_tests.llm.provider import Provider, hang, ordinary

IN_FLIGHT = 20
COUNT = 1_500

pytestmark = pytest.mark.usefixtures("key")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")


def in_ledger(url: str, run_id: str) -> Stores:
    database = Database(url)
    answers = JudgeAnswers(database, RunKey(run_id, "bot", "quality", date(2026, 5, 4)), "hallucination")
    return Stores(answers, Budgets(database), Board(database))


def ask_apart(url: str, base_url: str, into: multiprocessing.Queue[int]) -> None:
    """What a killed process was doing; says how many answers it has handed out when it is interrupted."""
    heard = 0
    try:
        for delivery in ask_all(
            model(base_url, max_in_flight=IN_FLIGHT), batches(COUNT), in_ledger(url, "run1"), run=run()
        ):
            heard += len(delivery)
    except KeyboardInterrupt:
        into.put(heard)


def stopped_by(number: int, provider: Provider, url: str) -> multiprocessing.Queue[int]:
    """Where the process says what it had heard, which was sent the signal in the middle of its work."""
    context = multiprocessing.get_context("spawn")
    into: multiprocessing.Queue[int] = context.Queue()
    process = context.Process(target=ask_apart, args=(url, provider.base_url, into))
    process.start()
    wait_for(lambda: len(provider.asked) > 300)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join()
    return into


def wait_for(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0.005)


def kept(url: str) -> int:
    from sqlalchemy import func, select

    from evals_pipeline.ledger import schema

    with Database(url).begin() as connection:
        return connection.execute(select(func.count()).select_from(schema.judge_answers)).scalar_one()


def test_answers_are_kept_while_others_are_still_awaited(provider: Provider) -> None:
    said(model(provider), batches(1, text="warm up"))
    provider.next(*[ordinary()] * 5, hang)
    keep = MemoryAnswers()
    asking = threading.Thread(target=said, args=(model(provider, timeout_seconds=3), batches(6), stores(keep)))

    asking.start()
    wait_for(lambda: len(keep.answers) == 5)
    was_waiting = provider.in_flight == 1
    asking.join()

    assert was_waiting
    assert len(keep.answers) == 6


def test_an_interrupted_run_has_kept_every_answer_that_came(provider: Provider, tmp_path: Path) -> None:
    provider.latency_seconds = 0.05
    url = f"sqlite:///{tmp_path}/ledger.db"

    heard = stopped_by(signal.SIGINT, provider, url).get(timeout=60)

    answered = sum(asked.status == 200 for asked in provider.asked)
    assert 0 < heard <= kept(url) == answered < COUNT


@pytest.mark.slow
@pytest.mark.faults
def test_after_a_kill_only_what_was_in_flight_or_had_just_come_is_paid_again(
    provider: Provider, tmp_path: Path
) -> None:
    provider.latency_seconds = 0.05
    url = f"sqlite:///{tmp_path}/ledger.db"
    stopped_by(signal.SIGKILL, provider, url)

    heard = said(model(provider, max_in_flight=IN_FLIGHT), batches(COUNT), in_ledger(url, "run2"), by=run("run2"))

    assert len(heard) == COUNT
    assert len(provider.asked) <= COUNT + IN_FLIGHT + 100
