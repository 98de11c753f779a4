"""The trivial custom evaluator and its rows; runs as a child, so that it can be metered alone."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.meter import Meter
from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.pool import evaluate_all
from evals_pipeline.sandbox.program import Limits, Program
from evals_pipeline.sandbox.settings import SandboxSettings

BATCH_ROWS = 10_000
SOURCE = """\
from arize.experimental.datasets.experiments.evaluators.base import CodeEvaluator, EvaluationResult


class IsLong(CodeEvaluator):
    def evaluate(self, *, text=None, **kwargs):
        is_long = len(text) > 100
        return EvaluationResult(score=1.0 if is_long else 0.0, label="long" if is_long else "short")
"""
PROGRAM = Program(SOURCE, "evaluators/is_long.py", "IsLong", variables={"text": "text"})


def write_rows(target: Path, rows: int) -> None:
    """Texts of 96 to 103 characters."""
    texts = [f"answer {number:07d} " + "word " * 16 + "." * (number % 8) for number in range(rows)]
    pq.write_table(pa.table({"text": texts}), target)


def main() -> None:
    """Judge the rows of the Parquet file that is named with so many workers; print what it cost as JSON."""
    batches = pq.read_table(sys.argv[1]).combine_chunks().to_batches(BATCH_ROWS)
    workers, tier = int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None
    began = time.perf_counter()
    with Meter() as everything, Sandbox.start(SandboxSettings(), tier=tier) as sandbox:
        server = time.perf_counter() - began
        with sandbox.session(PROGRAM) as session:
            began = time.perf_counter()
            session.evaluate(batches[0].slice(0, 1))
            ready = time.perf_counter() - began
        began, cpu = time.perf_counter(), time.process_time()
        found = evaluate_all(sandbox, PROGRAM, enumerate(batches), Limits(), workers=workers)
        true = sum(table.column("label").to_pylist().count("long") for _, table in found)
        wall, parent = time.perf_counter() - began, time.process_time() - cpu
        rows, summary = sum(batch.num_rows for batch in batches), sandbox.report.summary
    print(
        json.dumps(
            {
                "rows": rows,
                "true": true,
                "wall": wall,
                "parent_cpu": parent,
                "cpu": everything.cpu,
                "server": server,
                "ready": ready,
                "sandbox": summary,
            }
        )
    )


if __name__ == "__main__":
    main()
