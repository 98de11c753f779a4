"""Gold rows as custom code is shown them: values in their own types, and the whole row as `dataset_row`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from evals_pipeline.engine.answers import UNIT
from evals_pipeline.engine.gold.rows import GoldRow
from evals_pipeline.engine.natural import Form, column_of, form_of
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.sandbox.program import Program

_VARIABLE = "value of "
"""What the column of a variable begins with, to be another than that of a column of the file."""


@dataclass(frozen=True, slots=True)
class CodeRows:
    """How the rows of one file become batches.

    Attributes:
        forms: Column -> how it goes to a worker, the same in every batch.
    """

    custom: Custom
    row_columns: tuple[str, ...]
    forms: Mapping[str, Form]

    @classmethod
    def of(cls, custom: Custom, rows: Sequence[GoldRow]) -> CodeRows:
        """For `rows`, of which there is at least one."""
        takes_row = custom.definition.takes_row
        shown = [_shown(row, takes_row=takes_row) for row in rows]
        forms = {name: form_of(row[name] for row in shown) for name in shown[0]}
        return cls(custom, tuple(rows[0].record) if takes_row else (), forms)

    @property
    def program(self) -> Program:
        """What a worker runs on the batches."""
        variables = {name.removeprefix(_VARIABLE): name for name in self.forms if name not in self.row_columns}
        json_columns = [name for name, form in self.forms.items() if form == "json"]
        return self.custom.program(variables, self.row_columns, json_columns)

    def batch(self, rows: Sequence[GoldRow]) -> pa.RecordBatch:
        """What a worker is shown of some of the rows."""
        shown = [_shown(row, takes_row=bool(self.row_columns)) for row in rows]
        arrays = {name: column_of([row[name] for row in shown], form) for name, form in self.forms.items()}
        units = pa.array([str(row.number) for row in rows], pa.string())
        return pa.RecordBatch.from_arrays([units, *arrays.values()], names=[UNIT, *arrays])


def _shown(row: GoldRow, *, takes_row: bool) -> Mapping[str, Any]:
    values = {f"{_VARIABLE}{name}": value for name, value in row.values.items()}
    return {**(row.record if takes_row else {}), **values}
