"""Real rows of a task, to try one of its evaluators on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from evals_pipeline.core.columns import INGESTED_AT, SPAN_ID, START_TIME
from evals_pipeline.core.paths import Path, text_sql
from evals_pipeline.core.sql import identifier
from evals_pipeline.engine.answers import UNIT
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.lake.connection import lake_errors
from evals_pipeline.lake.tables import SPANS


@dataclass(frozen=True, slots=True)
class Samples:
    """Units of a task with what an evaluator is shown of them.

    Attributes:
        table: `UNIT` and a column per path, by its dotted name: for a custom evaluator in its own type, or as the text
            of its JSON; for others as text.
        json_columns: Those that hold JSON.
    """

    table: pa.Table
    json_columns: frozenset[str]

    def rows(self) -> dict[str, dict[str, Any]]:
        """Unit -> path -> value in its natural type, None where there is none."""
        return {
            str(row.pop(UNIT)): {path: self._natural(path, value) for path, value in row.items()}
            for row in self.table.to_pylist()
        }

    def _natural(self, path: str, value: Any) -> Any:
        if path not in self.json_columns or not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value


def sample_rows(here: Installation, plan: TaskPlan, use: PlannedUse, *, limit: int) -> Samples:
    """The newest units that the filters of the task and the evaluator admit, `limit` at most; raises LakeError.

    Sampling and settled results are left out of account: what is tried is not kept.
    """
    snapshot = here.lake.snapshot(SPANS)
    relation = snapshot.relation(snapshot.files_of(project=plan.task.project))
    is_natural = isinstance(use.evaluator, Custom)
    shown = [f"{_sql(path, is_natural=is_natural)} AS {identifier(path.dotted)}" for path in use.shown_paths]
    columns = ", ".join([f"{identifier(SPAN_ID)} AS {identifier(UNIT)}", *shown])
    admitted = " AND ".join(f"({chosen.sql})" for chosen in (plan.filter, use.filter) if chosen is not None)
    newest = f"ORDER BY {identifier(INGESTED_AT)} DESC, {identifier(START_TIME)} DESC, {identifier(SPAN_ID)}"
    query = f"SELECT {columns} FROM {relation} WHERE {admitted or 'TRUE'} {newest} LIMIT {limit}"
    with here.connect() as connection, lake_errors(f"taking rows of task {plan.task.name!r}"):
        table = connection.sql(query).to_arrow_table()
    is_json = frozenset(path.dotted for path in use.shown_paths if is_natural and path.is_json)
    return Samples(table, is_json)


def missing(use: PlannedUse, row: Mapping[str, Any]) -> str:
    """Why the row would be skipped; empty where all that is mapped has a value."""
    for variable, path in use.paths.items():
        if row[path.dotted] is None:
            return f"variable {variable!r} is missing: {path.dotted!r} has no value"
    return ""


def _sql(path: Path, *, is_natural: bool) -> str:
    if is_natural:
        return path.natural_sql
    return text_sql(path) if path.is_column else path.sql
