"""Many batches over several workers of one evaluator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from evals_pipeline.sandbox.session import Session
from evals_pipeline.sandbox.standing import Standing

if TYPE_CHECKING:
    import pyarrow as pa

    from evals_pipeline.sandbox.parent import Sandbox
    from evals_pipeline.sandbox.program import Limits, Program

T = TypeVar("T")


def evaluate_all(
    sandbox: Sandbox,
    program: Program,
    batches: Iterable[tuple[T, pa.RecordBatch]],
    limits: Limits,
    *,
    workers: int,
) -> Iterator[tuple[T, pa.Table]]:
    """Evaluate batches side by side.

    Args:
        sandbox: Where.
        program: The evaluator; what it costs in one worker counts for all of them.
        batches: Tokens with their rows; drawn in the caller's thread, at most `workers` + 1 of them at a time.
        limits: Of each worker.
        workers: Processes at a time; each is made when it has something to do.

    Yields:
        Token and results of each batch, as they are ready. Leaving early ends the workers.

    Raises:
        SandboxError: The sandbox itself fails.
    """
    standing = Standing()
    idle: SimpleQueue[Session] = SimpleQueue()

    def judge(token: T, rows: pa.RecordBatch) -> tuple[T, pa.Table]:
        session = idle.get()
        try:
            return token, session.evaluate(rows)
        finally:
            idle.put(session)

    with ThreadPoolExecutor(workers, "sandbox") as threads, ExitStack() as sessions:
        for _ in range(workers):
            idle.put(sessions.enter_context(Session(sandbox, program, limits, standing)))
        under_way: set[Future[tuple[T, pa.Table]]] = set()
        sessions.callback(lambda: [each.cancel() for each in under_way])
        for token, rows in batches:
            under_way.add(threads.submit(judge, token, rows))
            while len(under_way) > workers:
                yield from _ready(under_way)
        while under_way:
            yield from _ready(under_way)


def _ready(under_way: set[Future[tuple[T, pa.Table]]]) -> Iterator[tuple[T, pa.Table]]:
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for each in done:
        under_way.remove(each)
        yield each.result()
