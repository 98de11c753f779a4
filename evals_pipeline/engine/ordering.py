"""Rows with long texts in the order of their texts, a bounded amount of text at a time.

DuckDB sorts more than fits in memory, but hands on what it sorted two thousand rows at once, whatever these weigh. So
rows are sorted by how their texts begin, and fetched in portions of that order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from evals_pipeline.core.sql import identifier
from evals_pipeline.lake.connection import one_row

PORTION_BYTES = 40_000_000
"""Text that is sorted at once; each portion takes a scan of its own."""

_BEGINNING = 200
"""Characters by which rows are told apart in the order of portions; inside a portion all count."""

_SIZE = identifier("text bytes")
"""A column beside those of a judge's variables, whose names hold no blank."""


def in_order(
    reader: duckdb.DuckDBPyConnection, rows: str, key: str, order: Sequence[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """The rows of a query, those side by side that begin alike.

    Args:
        reader: A connection that is used for nothing else meanwhile.
        rows: The query; the columns in `order` are text.
        key: Its column that tells rows apart.
        order: The columns to sort by.
        batch_rows: Rows of a batch.
    """
    unit, columns = identifier(key), [identifier(name) for name in order]
    beginnings = ", ".join(f"left({column}, {_BEGINNING}) AS {column}" for column in columns)
    size = " + ".join(f"strlen({column})" for column in columns)
    # A table in between, since a window over the rows themselves would hold their texts.
    reader.execute(
        f"CREATE OR REPLACE TEMP TABLE beginnings AS SELECT {unit}, {size} AS {_SIZE}, {beginnings} FROM ({rows})"
    )
    before = f"sum({_SIZE}) OVER (ORDER BY {', '.join([*columns, unit])} ROWS UNBOUNDED PRECEDING)"
    reader.execute(
        "CREATE OR REPLACE TEMP TABLE portions AS"
        f" SELECT {unit}, ({before} // {PORTION_BYTES})::BIGINT AS portion FROM beginnings"
    )
    reader.execute("DROP TABLE beginnings")
    (last,) = one_row(reader, "SELECT coalesce(max(portion), 0) FROM portions")
    for portion in range(last + 1):
        mine = f"SELECT {unit} FROM portions WHERE portion = {portion}"
        chosen = f"SELECT * FROM ({rows}) WHERE {unit} IN ({mine})" if last else rows
        yield from reader.sql(f"{chosen} ORDER BY {', '.join([*columns, unit])}").to_arrow_reader(batch_rows)
    reader.execute("DROP TABLE portions")
