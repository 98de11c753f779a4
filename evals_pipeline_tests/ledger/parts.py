"""What tests of the ledger are made of: keys, answers, a clock that is set by hand, and processes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from evals_pipeline.core.calls import Answer, Usage
from evals_pipeline.ledger.ledger import RunKey
from evals_pipeline_tests.builders import DAY

RUN = RunKey("r1", "shop", "quality", DAY)
USAGE = Usage(300, 50, 200, 20)

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["evals_pipeline.ledger.ledger", "evals_pipeline.ledger.judge_answers"])


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 12, 8, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def pass_by(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def key(number: int = 0) -> str:
    return sha256(str(number).encode()).hexdigest()


def keys(count: int, *, start: int = 0) -> list[str]:
    return [key(number) for number in range(start, start + count)]


def answer(label: str = "factual", **fields: Any) -> Answer:
    """An ordinary answer, with `fields` on top."""
    usual: dict[str, Any] = {
        "explanation": "It says so.",
        "model": "gpt-5-mini-2025-08-07",
        "usage": USAGE,
        "cost_nano_usd": 175_000,
        "latency_ms": 812.5,
        "calls": 2,
        "probabilities": {"factual": 0.75, "hallucinated": 0.2},
        "request_id": "req_1",
    }
    return Answer(label, **(usual | fields))


def in_processes(work: Callable[..., Any], *calls: tuple[Any, ...]) -> list[Any]:
    """What `work` returned in one process per call, all at work at once; each gets a barrier as its last argument."""
    barrier = _CONTEXT.Barrier(len(calls), timeout=60)
    pipes = [_CONTEXT.Pipe(duplex=False) for _ in calls]
    processes = [
        _CONTEXT.Process(target=_send, args=(sender, work, (*call, barrier)))
        for call, (_, sender) in zip(calls, pipes, strict=True)
    ]
    for process, (_, sender) in zip(processes, pipes, strict=True):
        process.start()
        sender.close()
    found = [receiver.recv() for receiver, _ in pipes]  # ends with EOFError when a process fails
    for process in processes:
        process.join()
    return found


def exit_code_of(work: Callable[..., Any], *args: Any) -> int | None:
    """How a process that did `work` ended; negative: by which signal."""
    process = _CONTEXT.Process(target=work, args=args)
    process.start()
    process.join()
    return process.exitcode


def _send(sender: Connection, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    sender.send(work(*args))
