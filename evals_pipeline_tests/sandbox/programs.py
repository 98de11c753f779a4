"""Small evaluators, the rows they see and what came of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from evals_pipeline.sandbox.program import Program

FILE = "evaluators/sample.py"
COLUMN = "attributes.output.value"

_START = """
from evals_pipeline import CodeEvaluator, EvaluationResult

class Sample(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
"""
FIRST_LINE = 6  # of the body, in FILE


def judging(body: str, **changes: Any) -> Program:
    """An evaluator whose `evaluate` has this body and sees the column as `output`."""
    source = _START + textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
    return written(source, **{"variables": {"output": COLUMN}, **changes})


def written(source: str, **changes: Any) -> Program:
    """An evaluator `Sample` with this source."""
    return Program(source=textwrap.dedent(source), file=FILE, class_name="Sample", **changes)


def batch(*outputs: str | None) -> pa.RecordBatch:
    """Rows with these outputs."""
    return pa.RecordBatch.from_arrays([pa.array(outputs, pa.string())], [COLUMN])


def labels(table: pa.Table) -> list[str | None]:
    """The label of each row, or the class of its error."""
    return [row["label"] if row["error_type"] is None else row["error_type"] for row in table.to_pylist()]


def errors(table: pa.Table) -> Sequence[str | None]:
    """The text of each row's error."""
    messages: list[str | None] = table["error_message"].to_pylist()
    return messages
