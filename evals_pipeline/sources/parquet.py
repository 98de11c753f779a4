"""Spans in Parquet files, a few thousand rows at a time; columns that fit as they are skip the way through Python."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evals_pipeline.core import columns as c
from evals_pipeline.sources.batches import MAX_BYTES, MAX_SPANS, Batch, ProblemLog
from evals_pipeline.sources.normalise import ATTRIBUTE_COLUMNS, SPAN_SCHEMA, BadSpanError, span_row, span_table

MAGIC = b"PAR1"
_DAMAGE = (pa.ArrowException, OSError, EOFError)
"""What pyarrow raises for a broken file; an OSError with a number of its own comes from the disk or the store."""
_READ_ROWS = 1_000
_READ_BYTES = 16 * 2**20
_DIRECT = [
    c.NAME,
    c.STATUS_MESSAGE,
    *(
        column
        for column, _ in ATTRIBUTE_COLUMNS.values()
        if column not in (c.INPUT_MESSAGES, c.OUTPUT_MESSAGES, c.DOCUMENTS)
    ),
]
"""Columns that may be taken over as they stand; such a file spells them as the lake does."""


def parquet_batches(uri: str, file: IO[bytes]) -> Iterator[Batch]:
    """The spans of an open Parquet file; a row that cannot be read becomes a problem, so does a damaged page."""
    log = ProblemLog(uri)
    row_number = 0
    try:
        for records in _coalesced(_records(file)):
            spans = _spans(records, row_number, log)
            row_number += records.num_rows
            yield Batch(spans, log.take())
    except _DAMAGE as cause:
        if isinstance(cause, OSError) and cause.errno not in (None, errno.EINVAL):
            raise
        log.add(None, f"the Parquet file is damaged or cut off after row {row_number}: {_first_line(cause)}")
    problems = log.take_last()
    if problems:
        yield Batch(span_table([]), problems)


def _first_line(cause: BaseException) -> str:
    return (str(cause).splitlines() or [type(cause).__name__])[0][:200]


def _records(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(file, buffer_size=2**20, page_checksum_verification=True) as parquet:
        metadata = parquet.metadata
        size = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
        row_bytes = size // max(1, metadata.num_rows) + 1
        yield from parquet.iter_batches(batch_size=max(16, min(_READ_ROWS, _READ_BYTES // row_bytes)))


def _coalesced(records: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Small reads joined up to the size of a batch: the file's own sizes say little, its pages being compressed."""
    held: list[pa.RecordBatch] = []
    damage: Exception | None = None
    try:
        for batch in records:
            is_full = sum(part.num_rows for part in held) + batch.num_rows > MAX_SPANS
            if held and (is_full or sum(part.nbytes for part in held) + batch.nbytes > MAX_BYTES):
                yield pa.Table.from_batches(held)
                held = []
            held.append(batch)
    except _DAMAGE as cause:
        damage = cause
    if held:
        yield pa.Table.from_batches(held)
    if damage is not None:
        raise damage


def _spans(records: pa.Table, first_row: int, log: ProblemLog) -> pa.Table:
    """The rows of `records` as spans; a batch that cannot be read as a whole is halved until the bad row is found."""
    try:
        return _converted(records, first_row, log)
    except (ValueError, OverflowError) as cause:  # invalid UTF-8, times that Python has no value for
        if records.num_rows == 1:
            log.add(None, f"row {first_row + 1}: {type(cause).__name__} while reading its values")
            return span_table([])
    half = records.num_rows // 2
    before = _spans(records.slice(0, half), first_row, log)
    return pa.concat_tables([before, _spans(records.slice(half), first_row + half, log)])


def _converted(records: pa.Table, first_row: int, log: ProblemLog) -> pa.Table:
    direct = _direct_columns(records)
    rows: list[dict[str, Any]] = []
    kept: list[int] = []
    problems: list[tuple[int, str]] = []
    for index, span in enumerate(_others(records, direct)):
        try:
            rows.append(span_row(span))
            kept.append(index)
        except BadSpanError as bad:
            problems.append((first_row + index + 1, str(bad)))
    spans = _with_columns(span_table(rows), direct, kept if problems else None)
    for row_number, message in problems:
        log.add(None, f"row {row_number}: {message}")
    return spans


def _direct_columns(records: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Columns of texts and whole numbers that are what the lake wants already.

    Raises ValueError where a text is no UTF-8, which Parquet does not check.
    """
    direct = {}
    for column in _DIRECT:
        position = records.schema.get_all_field_indices(column)
        if len(position) == 1 and _fits(records.schema.field(position[0]).type, column):
            values = records.column(position[0])
            values.validate(full=True)
            direct[column] = values.cast(SPAN_SCHEMA.field(column).type)
    return direct


def _others(records: pa.Table, direct: Collection[str]) -> list[dict[str, Any]]:
    """The values of each row that go through Python; columns without any value need not."""
    chosen = [
        index
        for index, name in enumerate(records.column_names)
        if name not in direct and records.column(index).null_count < records.num_rows
    ]
    rows: list[dict[str, Any]] = records.select(chosen).to_pylist() if chosen else [{}] * records.num_rows
    return rows


def _fits(type_: pa.DataType, column: str) -> bool:
    if c.SPAN_COLUMNS[column] == c.INTEGER:
        return bool(pa.types.is_signed_integer(type_))
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def _with_columns(spans: pa.Table, direct: dict[str, pa.ChunkedArray], kept: list[int] | None) -> pa.Table:
    """`spans` with the direct columns laid over what the rows themselves held."""
    for column, values in direct.items():
        chosen = values if kept is None else values.take(pa.array(kept, pa.int64()))
        position = SPAN_SCHEMA.get_field_index(column)
        merged = chosen if chosen.null_count == 0 else pc.coalesce(chosen, spans.column(position))
        spans = spans.set_column(position, SPAN_SCHEMA.field(position), merged)
    return spans
