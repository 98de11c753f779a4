"""Gold rows as custom code is shown them: values in their own types, and the whole row as `dataset_row`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from evals_pipeline.engine.answers import UNIT
from evals_pipeline.engine.gold_rows import GoldRow
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.sandbox.program import Program

_VARIABLE = "value of "
"""What the column of a variable begins with, to be another than that of a column of the file."""


@dataclass(frozen=True, slots=True)
class CodeRows:
    """How the rows of one file become batches.

    Attributes:
        times: Columns that hold nothing but times; all others go as the text of their JSON.
    """

    custom: Custom
    columns: tuple[str, ...]
    row_columns: tuple[str, ...]
    times: frozenset[str]

    @classmethod
    def of(cls, custom: Custom, rows: Sequence[GoldRow]) -> CodeRows:
        """For `rows`, of which there is at least one."""
        takes_row = custom.definition.takes_row
        shown = [_shown(row, takes_row=takes_row) for row in rows]
        found = {name: [row[name] for row in shown if row[name] is not None] for name in shown[0]}
        times = frozenset(name for name, values in found.items() if values and all(map(_is_time, values)))
        return cls(custom, tuple(found), tuple(rows[0].record) if takes_row else (), times)

    @property
    def program(self) -> Program:
        """What a worker runs on the batches."""
        variables = {name.removeprefix(_VARIABLE): name for name in self.columns if name not in self.row_columns}
        return self.custom.program(
            variables, self.row_columns, [each for each in self.columns if each not in self.times]
        )

    def batch(self, rows: Sequence[GoldRow]) -> pa.RecordBatch:
        """What a worker is shown of some of the rows."""
        shown = [_shown(row, takes_row=bool(self.row_columns)) for row in rows]
        arrays = {name: self._array(name, [row[name] for row in shown]) for name in self.columns}
        units = pa.array([str(row.number) for row in rows], pa.string())
        return pa.RecordBatch.from_arrays([units, *arrays.values()], names=[UNIT, *arrays])

    def _array(self, name: str, values: Sequence[Any]) -> pa.Array:
        if name in self.times:
            return pa.array([None if value is None else _utc(value) for value in values], pa.timestamp("us", "UTC"))
        texts = [None if value is None else json.dumps(value, default=str) for value in values]
        return pa.array(texts, pa.string())


def _shown(row: GoldRow, *, takes_row: bool) -> Mapping[str, Any]:
    values = {f"{_VARIABLE}{name}": value for name, value in row.values.items()}
    return {**(row.record if takes_row else {}), **values}


def _is_time(value: object) -> bool:
    return isinstance(value, datetime)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
