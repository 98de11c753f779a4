"""Writing Parquet files whose row groups fit in memory, however long the texts are."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow.parquet as pq

from evals_pipeline.core.sql import literal
from evals_pipeline.lake.connection import one_row

ROW_GROUP_BYTES = 16 * 2**20
"""A reader holds a row group or two per thread; those of spans with long texts would not fit if rows were counted."""

_VECTOR_ROWS = 2048


def write_parquet(
    connection: duckdb.DuckDBPyConnection, query: str, target: str, filesystem: Any, *, row_bytes: int
) -> int:
    """Write the rows of `query` to `target` and return their number.

    DuckDB writes at least a vector of 2,048 rows per row group; rows so long that this would be too much are handed to
    Arrow, which is slower and writes groups of any size.
    """
    if row_bytes * _VECTOR_ROWS > ROW_GROUP_BYTES:
        return _write_few(connection, query, target, filesystem, rows=max(1, ROW_GROUP_BYTES // row_bytes))
    options = f"FORMAT parquet, CODEC 'snappy', PARQUET_VERSION v2, ROW_GROUP_SIZE_BYTES {ROW_GROUP_BYTES}"
    (written,) = one_row(connection, f"COPY ({query}) TO {literal(target)} ({options})")
    return int(written)


def _write_few(connection: duckdb.DuckDBPyConnection, query: str, target: str, filesystem: Any, *, rows: int) -> int:
    written = 0
    reader = connection.sql(query).to_arrow_reader(rows)
    with filesystem.open(target, "wb") as file, pq.ParquetWriter(file, reader.schema, compression="snappy") as writer:
        for batch in reader:
            for start in range(0, batch.num_rows, rows):
                writer.write_batch(batch.slice(start, rows), row_group_size=rows)
            written += batch.num_rows
    return written
