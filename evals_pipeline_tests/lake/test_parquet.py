"""Files whose row groups fit in memory."""

from __future__ import annotations

from pathlib import Path

import duckdb
import fsspec
import pyarrow.parquet as pq
import pytest

from evals_pipeline.lake.connection import in_memory
from evals_pipeline.lake.parquet import ROW_GROUP_BYTES, write_parquet

ROWS = 5_000


@pytest.mark.parametrize("length", [10, 20_000], ids=["short texts", "long texts"])
def test_no_row_group_is_larger_than_a_reader_may_hold(tmp_path: Path, length: int) -> None:
    target = tmp_path / "rows.parquet"
    query = f"SELECT i AS number, repeat(chr(65 + i::INT % 26), {length}) AS text FROM range({ROWS}) AS numbers(i)"

    with in_memory(str(tmp_path)) as connection:
        written = write_parquet(connection, query, str(target), fsspec.filesystem("file"), row_bytes=length)

    groups = pq.ParquetFile(target).metadata
    assert written == groups.num_rows == ROWS
    assert max(groups.row_group(n).num_rows for n in range(groups.num_row_groups)) * length <= ROW_GROUP_BYTES
    assert duckdb.sql(f"SELECT sum(number), sum(strlen(text)) FROM '{target}'").fetchall() == [
        (ROWS * (ROWS - 1) // 2, ROWS * length)
    ]
