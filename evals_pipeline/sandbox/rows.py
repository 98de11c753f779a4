"""Batches as an evaluator is shown them: Python values by name, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import TYPE_CHECKING, Any

from evals_pipeline.sandbox.program import Program

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}
"""Unit of a column of times -> what its numbers are multiplied with and divided by."""


def packed(batch: pa.RecordBatch) -> bytes:
    """The batch as it is sent to a worker, its number of rows in front."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    sink.write(batch.num_rows.to_bytes(4, "little"))
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    sent: bytes = sink.getvalue().to_pybytes()
    return sent


def calls(payload: bytearray, program: Program) -> Iterator[dict[str, Any]]:
    """The arguments of `evaluate` for each row that `packed` was given.

    A value that Python cannot hold, such as a time in the year 20000, is shown as None: it must not take the other rows
    with it.
    """
    import pyarrow as pa

    count = int.from_bytes(payload[:4], "little")
    batch = pa.ipc.open_stream(pa.py_buffer(memoryview(payload)[4:])).read_next_batch()
    shown = _shown(batch, program)
    arguments = _records(list(program.variables), [shown(path) for path in program.variables.values()], count)
    if program.row_columns is None:
        return arguments
    whole_rows = _records(program.row_columns, [shown(path) for path in program.row_columns], count)
    return ({**each, "dataset_row": row} for each, row in zip(arguments, whole_rows, strict=True))


def _shown(batch: pa.RecordBatch, program: Program) -> Callable[[str], Iterable[Any]]:
    def shown(path: str) -> Iterable[Any]:
        import pyarrow as pa

        column = batch.column(path)
        if path in program.json_columns:
            return map(_parsed, column.to_pylist())
        return _times(column) if pa.types.is_timestamp(column.type) else _values(column)

    return shown


def _records(names: Sequence[str], columns: Sequence[Iterable[Any]], count: int) -> Iterator[dict[str, Any]]:
    if not columns:
        return ({} for _ in range(count))
    if len(names) == 1:
        name = names[0]
        return ({name: value} for value in columns[0])
    # No Python between the columns and the dictionaries: this is most of what a row costs besides its evaluator.
    return map(dict, map(zip, repeat(names), zip(*columns, strict=True)))


def _parsed(text: str | None) -> Any:
    """What JSON text says; other text as it stands."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _values(column: pa.Array) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        values = [_value(each) for each in column]
    return values


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return None


def _times(column: pa.Array) -> list[datetime | None]:
    """Times in UTC, a zone that needs no file; a column without a zone is taken for UTC."""
    import pyarrow as pa

    factor, divisor = _MICROSECONDS[column.type.unit]
    numbers = column.cast(pa.int64()).to_pylist()
    return [None if each is None else _time(each * factor // divisor) for each in numbers]


def _time(microseconds: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
