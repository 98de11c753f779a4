"""Runs of the corridor in child processes that can be killed, and what must hold afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from evals_pipeline.core import columns as c
from evals_pipeline.engine.installation import opened
from evals_pipeline.lake.delta import Lake
from evals_pipeline.lake.tables import RESULTS, SPANS
from evals_pipeline.ledger.ledger import Ledger, conserved
from evals_pipeline_tests.builders import DAY, TASK, lake_rows, task_of, walk

TWO_CHECKS = r"""
project: shop
filter: "span_kind = 'LLM'"
evaluators:
  - evaluator: json_parseable
    mapping: {text: attributes.output.value}
  - evaluator: matches_regex
    as: in_python
    parameters: {pattern: "(?=ORD)ORD-[0-9]{6}"}
    mapping: {text: attributes.output.value}
"""
"""One check that DuckDB judges and one that needs Python."""

# The server has everything imported; each child is a fork of it and starts within milliseconds.
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Point:
    """A place in the code: before or after the n-th call of a method."""

    owner: type[Any]
    method: str
    call: int = 1
    is_after: bool = False

    def __str__(self) -> str:
        moment = "after" if self.is_after else "before"
        return f"{moment} {self.owner.__name__}.{self.method} {self.call}"


class Child:
    """One run in a process of its own, started at once; it is inside the corridor when `__init__` returns."""

    def __init__(self, folder: Path, run_id: str, *, dies: Point | None = None) -> None:
        receiver, sender = _CONTEXT.Pipe(duplex=False)
        self.process: ForkServerProcess = _CONTEXT.Process(target=_run, args=(folder, run_id, sender, dies))
        self.process.start()
        sender.close()
        receiver.recv_bytes()
        receiver.close()
        self.started = time.monotonic()

    def kill_after(self, seconds: float) -> bool:
        """Kill the run that many seconds after it began, and say whether it was still at work."""
        self.process.join(max(0.0, self.started + seconds - time.monotonic()))
        self.process.kill()
        return self.wait() == -signal.SIGKILL

    def wait(self) -> int | None:
        self.process.join()
        code = self.process.exitcode
        self.process.close()
        return code


def seconds_of_a_run(folder: Path, run_id: str) -> float:
    """How long an undisturbed run takes."""
    child = Child(folder, run_id)
    assert child.wait() == 0
    return time.monotonic() - child.started


def _run(folder: Path, run_id: str, started: Connection, dies: Point | None) -> None:
    if dies is not None:
        setattr(dies.owner, dies.method, _deadly(getattr(dies.owner, dies.method), dies))
    started.send_bytes(b"go")
    walk(folder, run_id=run_id)


def _deadly(method: Callable[..., Any], point: Point) -> Callable[..., Any]:
    calls = 0

    def call(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == point.call and not point.is_after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = method(*args, **named)
        if calls == point.call and point.is_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return call


def assert_exactly_once(folder: Path, delivered: set[str], admitted: set[str]) -> None:
    """Every delivered span is stored once, every admitted one judged once by each evaluator, in the whole history."""
    stored = Counter(row[c.SPAN_ID] for row in lake_rows(folder, SPANS))
    assert stored == Counter(delivered)
    judged = Counter((row["evaluator"], row["unit_id"]) for row in lake_rows(folder, RESULTS))
    assert judged == Counter((use.name, unit) for use in task_of(folder).uses for unit in admitted)
    with opened(folder) as here:
        finished = [run for run in here.ledger.runs(limit=100_000) if run.status == "finished"]
        progress = here.ledger.progress("shop", TASK, DAY)
    assert finished
    assert [run for run in finished if conserved(run.candidates or 0, run.outcomes)] == []
    assert progress is not None
    evaluated = {name: sum(of["outcomes"].values()) for name, of in progress.summary.items()}
    assert evaluated == {use.name: len(admitted) for use in task_of(folder).uses}


POINTS = [
    *(Point(Lake, "commit", call, is_after=after) for call in (1, 2, 3) for after in (False, True)),
    *(Point(Lake, "write", call, is_after=True) for call in (1, 2, 3, 4)),
    Point(Ledger, "record_file"),
    Point(Ledger, "start_run", is_after=True),
    Point(Ledger, "record_selection"),
    Point(Ledger, "record_selection", is_after=True),
    Point(Ledger, "finish_run"),
    Point(Ledger, "finish_run", is_after=True),
]
"""Every step of a run that leaves something behind; random moments rarely fall between two of them."""
