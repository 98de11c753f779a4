"""Answers about units that DuckDB cannot decide: their table, and a check's plain definition as who gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import duckdb
import pyarrow as pa

from evals_pipeline.core.errors import EvaluatorError
from evals_pipeline.core.evaluator import EXPLANATION_LENGTH, EvaluationResult
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.python_rows import evaluate_rows

UNIT = "unit id"
"""The column that names the unit among the variables, which cannot hold a blank."""

ANSWERS = pa.schema(
    [
        ("unit_id", pa.string()),
        ("outcome", pa.string()),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("explanation", pa.string()),
        ("error_type", pa.string()),
        ("error_message", pa.string()),
        ("truncated", pa.bool_()),
        ("reused", pa.bool_()),
        ("model", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("cost_usd", pa.float64()),
        ("latency_ms", pa.float64()),
        ("metadata", pa.string()),
    ]
)
"""What was said of a unit: a label and a score, an error, or that a budget does not allow to ask."""


class Asker(Protocol):
    """Whoever answers the rows in doubt of one evaluator."""

    @property
    def order(self) -> tuple[str, ...]:
        """Variables by whose values the rows are to be sorted; none where the order does not matter."""

    @property
    def batch_rows(self) -> int:
        """Rows that are to be read at once."""

    def answers(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        """Tables of `ANSWERS`, as they come, in any order. `rows` have the `UNIT` and what `shown_sql` says.

        Raises:
            ProviderError: When whoever is asked refuses everything; all answers there are have been given by then.
            SandboxError: When nobody can run code in confinement; the same holds.
        """


class DefinitionAsker:
    """Asks the plain definition of a check."""

    order: tuple[str, ...] = ()
    batch_rows = 2_000

    def __init__(self, check: PrebuiltCheck) -> None:
        self._check = check
        self._variables = [variable.name for variable in check.variables]

    def answers(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        """One table per batch."""
        for batch in rows:
            judged = evaluate_rows(self._check, batch.select(self._variables).to_pylist())
            units = batch.column(UNIT).to_pylist()
            yield pa.Table.from_pylist([answer_row(*pair) for pair in zip(units, judged, strict=True)], schema=ANSWERS)


def answer_row(unit_id: str, said: EvaluationResult | EvaluatorError) -> dict[str, object]:
    """A row of `ANSWERS`."""
    if isinstance(said, EvaluationResult):
        return {
            "unit_id": unit_id,
            "outcome": Outcome.EVALUATED,
            "label": said.label,
            "score": said.score,
            "explanation": said.explanation,
        }
    kind = type(said.__cause__ or said).__name__
    message = str(said)[:EXPLANATION_LENGTH]
    return {"unit_id": unit_id, "outcome": Outcome.ERRORED, "error_type": kind, "error_message": message}


def create_answers(connection: duckdb.DuckDBPyConnection) -> None:
    """Make table `answers`, empty."""
    connection.register("answered", ANSWERS.empty_table())
    connection.execute("CREATE OR REPLACE TABLE answers AS SELECT * FROM answered")
    connection.unregister("answered")


def keep_answers(connection: duckdb.DuckDBPyConnection, found: pa.Table) -> None:
    """Add rows of `ANSWERS` to table `answers`."""
    connection.register("answered", found)
    connection.execute("INSERT INTO answers SELECT * FROM answered")
    connection.unregister("answered")
