import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.pool import evaluate_all
from evals_pipeline.sandbox.program import Limits
from evals_pipeline.sandbox.settings import SandboxSettings
from evals_pipeline_tests.sandbox.processes import comes_true, marked, processes_of
from evals_pipeline_tests.sandbox.programs import batch, judging, labels

ECHO = judging("return EvaluationResult(label=output)")


def numbered(count: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    return ((number, batch(f"{number}a", f"{number}b")) for number in range(count))


def test_every_batch_comes_back_with_its_token(sandbox: Sandbox) -> None:
    found = dict(evaluate_all(sandbox, ECHO, numbered(20), Limits(), workers=3))

    assert {token: labels(table) for token, table in found.items()} == {
        number: [f"{number}a", f"{number}b"] for number in range(20)
    }


def test_batches_are_drawn_one_ahead_and_in_the_thread_of_the_caller(unsafe: Sandbox) -> None:
    drawn: list[str] = []
    in_hand: list[int] = []

    def batches() -> Iterator[tuple[int, pa.RecordBatch]]:
        for number, rows in numbered(12):
            drawn.append(threading.current_thread().name)
            yield number, rows

    for done, _ in enumerate(evaluate_all(unsafe, ECHO, batches(), Limits(), workers=2)):
        in_hand.append(len(drawn) - done)

    assert set(drawn) == {threading.current_thread().name}
    assert max(in_hand) <= 3


def test_a_batch_that_never_ends_does_not_stop_the_others(unsafe: Sandbox) -> None:
    program = judging("while output == '0a': pass\nreturn EvaluationResult(label=output)")

    found = dict(evaluate_all(unsafe, program, numbered(6), Limits(row_seconds=0.3), workers=2))

    assert labels(found.pop(0)) == ["TimeoutError", "0b"]
    assert {token: labels(table) for token, table in found.items()} == {
        number: [f"{number}a", f"{number}b"] for number in range(1, 6)
    }


def test_what_an_evaluator_costs_in_one_worker_counts_for_all(unsafe: Sandbox) -> None:
    program = judging("import os; os._exit(1)")

    found = [labels(table) for _, table in evaluate_all(unsafe, program, numbered(20), Limits(strikes=4), workers=2)]

    crashed = [label for each in found for label in each].count("WorkerCrashed")
    assert 4 <= crashed <= 5  # one may have been under way in the other worker


def test_an_error_of_the_source_of_batches_ends_the_workers(unsafe: Sandbox) -> None:
    def batches() -> Iterator[tuple[int, pa.RecordBatch]]:
        yield from numbered(1)
        raise LookupError("no more rows")

    with pytest.raises(LookupError, match="no more rows"):
        list(evaluate_all(unsafe, ECHO, batches(), Limits(), workers=2))


def test_a_sandbox_that_fails_is_an_error_of_the_whole() -> None:
    with Sandbox.start(SandboxSettings(is_unsafe=True)) as sandbox:
        results = evaluate_all(sandbox, ECHO, numbered(10**9), Limits(), workers=2)
        next(results)
        sandbox._process.kill()

        with pytest.raises(SandboxError):
            for _ in results:
                pass


def test_leaving_early_leaves_no_worker(tmp_path: Path) -> None:
    program = judging("while output[0] != '0': pass\nreturn EvaluationResult(label=output)")
    with Sandbox.start(SandboxSettings(is_unsafe=True), host=marked(tmp_path)) as sandbox:
        results = evaluate_all(sandbox, program, numbered(50), Limits(row_seconds=60), workers=2)
        next(results)
        at_work = processes_of(tmp_path)

        results.close()

        assert len(at_work) > 1
        assert comes_true(5, lambda: len(processes_of(tmp_path)) == 1)
    assert processes_of(tmp_path) == []
