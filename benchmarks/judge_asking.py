"""One process that judges rows as a task does, with a ledger on disk: prints what it cost as JSON."""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.judge_rows import questions, tone_judge
from benchmarks.meter import Child, Meter, run_child
from evals_pipeline.core.calls import Answer, BudgetLimit, Failure
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.ledger.board import Board
from evals_pipeline.ledger.budgets import Budgets
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.judge_answers import JudgeAnswers
from evals_pipeline.ledger.runs import RunKey
from evals_pipeline.llm.asking import AskingRun, ask_all
from evals_pipeline.llm.stores import Stores

_MOST_SECONDS = 900
"""A process that takes longer says where it hangs, and fails."""

_WARM_UP = 10_000_000
"""The number of the first row that only warms up."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a process has to do.

    Attributes:
        folder: Where the ledger is, or will be made.
        in_flight: Calls under way at once.
        seconds: After which it stops, 0 when all rows are to be judged.
        first: Number of the first row; rows of different numbers differ.
        warm_up: Rows judged before the meter runs, for imports and for what is found out once.
    """

    base_url: str
    folder: str
    rows: int
    in_flight: int
    seconds: float = 0.0
    task: str = "tone"
    first: int = 0
    warm_up: int = 50


def run(work: Work) -> Child:
    """Do `work` in a process of its own.

    The report has `wall` and `cpu` in seconds and `ended_at` since the epoch, all without the warm-up; `start_mib`,
    resident memory after it, and `peak_mib`; `said`, kind of what was said -> times; `error`, an example; `arrived`,
    second since the epoch -> answers.
    """
    return run_child("-m", "benchmarks.judge_asking", json.dumps(asdict(work)))


@contextmanager
def running(*works: Work) -> Iterator[list[Future[Child]]]:
    """Do `works` side by side, each in a process of its own, while the block runs; waits for all in the end."""
    with ThreadPoolExecutor(len(works)) as pool:
        yield [pool.submit(run, work) for work in works]


@contextmanager
def ledger_folder() -> Iterator[str]:
    """A folder for a fresh ledger."""
    with tempfile.TemporaryDirectory() as place:
        yield place


def judge_rows(work: Work) -> dict[str, object]:
    """Do `work` in this process."""
    judge = tone_judge(work.base_url, work.in_flight)
    database = Database(f"sqlite:///{Path(work.folder) / 'ledger.db'}")
    for _ in _judged(judge, database, work, range(_WARM_UP + work.first, _WARM_UP + work.first + work.warm_up)):
        pass
    said: Counter[str] = Counter()
    arrived: Counter[int] = Counter()
    example, start_mib = "", _memory_mib("VmRSS")
    with Meter() as meter:
        deadline = time.monotonic() + work.seconds
        judged = _judged(judge, database, work, range(work.first, work.first + work.rows))
        for kinds, error in judged:
            said.update(kinds)
            arrived[int(time.time())] += kinds["Answer"]
            example = example or error
            if work.seconds and time.monotonic() >= deadline:
                judged.close()
                break
    database.close()
    cost = {"wall": meter.wall, "cpu": meter.cpu, "ended_at": time.time(), "start_mib": start_mib}
    cost["peak_mib"] = _memory_mib("VmHWM")
    return {**cost, "said": said, "error": example, "arrived": arrived}


def _judged(judge: Judge, database: Database, work: Work, numbers: range) -> Generator[tuple[Counter[str], str]]:
    """Kinds of what was said, as it comes, and an error; every answer is read as a result."""
    day = datetime.now(UTC).date()
    key = RunKey(f"run of {work.task}", "benchmark", work.task, day)
    stores = Stores(JudgeAnswers(database, key, judge.name), Budgets(database), Board(database))
    plenty = BudgetLimit("day", f"{work.task} {day}", nano_usd=10**15, tokens=None)
    run = AskingRun(owner=f"{work.task} {os.getpid()}", task=work.task, budgets=(plenty,))
    asked = questions(judge, len(numbers), first=numbers.start)
    for batch in ask_all(judge.model, asked, stores, run=run):
        for _, said in batch:
            if isinstance(said, Answer):
                judge.result(said)
        errors = [f"{said.error_type}: {said.message}" for _, said in batch if isinstance(said, Failure)]
        yield Counter(type(said).__name__ for _, said in batch), "".join(errors[:1])


def _memory_mib(field: str) -> float:
    """`VmRSS`, what is resident, or `VmHWM`, its peak; a child's `ru_maxrss` would also count its parent's memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


if __name__ == "__main__":
    faulthandler.dump_traceback_later(_MOST_SECONDS, exit=True)
    print(json.dumps(judge_rows(Work(**json.loads(sys.argv[1])))))
