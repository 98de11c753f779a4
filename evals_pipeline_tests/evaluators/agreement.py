"""Runs a check both ways over many texts: what the agreement tests share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from evals_pipeline.core.errors import EvaluatorError
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.python_rows import evaluate_rows

DATABASE = duckdb.connect()
VERDICTS = {1.0: True, 0.0: False}


@dataclass(frozen=True)
class Comparison:
    """How often DuckDB judged, was in doubt and was wrong."""

    rows: int
    doubts: int
    differences: list[tuple[dict[str, str], bool, bool]]
    """Variables, DuckDB's verdict, the definition's."""


def in_duckdb(check: PrebuiltCheck, rows: Sequence[dict[str, str]]) -> list[bool | None]:
    names = [variable.name for variable in check.variables]
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in names}
    columns["place"] = pa.array(range(len(rows)))
    cursor = DATABASE.cursor()
    cursor.register("rows", pa.table(columns))
    verdict = check.sql({name: name for name in names})
    answer = cursor.execute(f"SELECT {verdict} FROM rows ORDER BY place").fetchall()
    cursor.unregister("rows")
    return [verdict for (verdict,) in answer]


def compare(check: PrebuiltCheck, rows: Sequence[dict[str, str]]) -> Comparison:
    """A row on which the definition fails, as by its time limit, is not compared."""
    found = in_duckdb(check, rows)
    judged = [(row, quick) for row, quick in zip(rows, found, strict=True) if quick is not None]
    truths = evaluate_rows(check, [row for row, _ in judged])
    differences = [
        (row, quick, VERDICTS[truth.score or 0.0])
        for (row, quick), truth in zip(judged, truths, strict=True)
        if not isinstance(truth, EvaluatorError) and VERDICTS[truth.score or 0.0] is not quick
    ]
    return Comparison(len(rows), len(rows) - len(judged), differences)


def texts(*values: str) -> list[dict[str, str]]:
    return [{"text": value} for value in values]
