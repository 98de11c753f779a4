"""The tables of the lake, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from evals_pipeline.core import columns as c

_ARROW_TYPES: Mapping[str, pa.DataType] = {
    c.TEXT: pa.string(),
    c.JSON_TEXT: pa.string(),
    c.INTEGER: pa.int64(),
    c.REAL: pa.float64(),
    c.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    c.DATE: pa.date32(),
    c.BOOLEAN: pa.bool_(),
    c.TEXT_LIST: pa.list_(pa.string()),
    c.TEXT_MAP: pa.map_(pa.string(), pa.string()),
}


@dataclass(frozen=True, slots=True)
class LakeTable:
    """A table: its columns (DuckDB types), the columns it is partitioned by, and the column that holds the stamp.

    The stamp column says when a row's commit was made. Stamps of one key never repeat and never go back.
    """

    name: str
    columns: Mapping[str, str]
    partition_by: tuple[str, ...]
    stamp_column: str

    @property
    def stored_columns(self) -> tuple[str, ...]:
        """Columns inside the files; those of the partition are in the file's place instead."""
        return tuple(name for name in self.columns if name not in self.partition_by)

    @property
    def arrow_schema(self) -> pa.Schema:
        """The table's schema; JSON is stored as text."""
        return pa.schema([(name, _ARROW_TYPES[kind]) for name, kind in self.columns.items()])


SPANS = LakeTable("spans", {**c.SPAN_COLUMNS, **c.ADDED_SPAN_COLUMNS}, (c.PROJECT, c.DAY), c.INGESTED_AT)
INPUTS = LakeTable("evaluator_inputs", c.INPUT_COLUMNS, ("project", "day", "task"), "selected_at")
RESULTS = LakeTable("evaluation_results", c.RESULT_COLUMNS, ("project", "day", "evaluator"), "evaluated_at")

TABLES = (SPANS, INPUTS, RESULTS)
