"""Finding the file that is to blame when DuckDB cannot read a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb

from evals_pipeline.core.errors import LakeError
from evals_pipeline.core.sql import literal
from evals_pipeline.lake.delta import DataFile


@contextmanager
def naming_damage(connection: duckdb.DuckDBPyConnection, files: Iterable[DataFile]) -> Iterator[None]:
    """Add to a LakeError about one of `files` which of them is damaged; DuckDB does not always say.

    They are read to their end only when something has gone wrong and the error names no file.
    """
    try:
        yield
    except LakeError as error:
        damaged = (
            None if ".parquet" in str(error) else next((f.uri for f in files if not _is_whole(connection, f)), None)
        )
        if damaged is None:
            raise
        raise LakeError(f"{error}; the damaged file is {damaged}") from error


def _is_whole(connection: duckdb.DuckDBPyConnection, file: DataFile) -> bool:
    try:
        rows = connection.execute(f"SELECT * FROM read_parquet({literal(file.uri)}, hive_partitioning = false)")
        while rows.fetchmany(_ROWS):
            pass
    except duckdb.OutOfMemoryException:
        return True  # says nothing about the file
    except duckdb.Error:
        return False
    return True


_ROWS = 1_000
