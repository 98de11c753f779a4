"""Annotations as Parquet files, replaced as a whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from evals_pipeline.core.errors import SinkError
from evals_pipeline.core.sql import literal

_STAMP = "evals_results_stamp"


@dataclass(frozen=True, slots=True)
class Stamped:
    """What a file of annotations says of itself: the newest results in it, its rows and its columns."""

    stamp: int
    units: int
    columns: tuple[str, ...]


def write_annotations(connection: duckdb.DuckDBPyConnection, query: str, path: Path, *, stamp: int) -> int:
    """Write the rows of `query` to `path` in one step and return their number; readers see the old file or the new one.

    Raises:
        SinkError: When the folder or the file cannot be written; the old file stays.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            ((written,),) = connection.execute(
                f"COPY ({query}) TO {literal(str(unfinished))} (FORMAT parquet, KV_METADATA {{{_STAMP}: '{stamp}'}})"
            ).fetchall()
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except (OSError, duckdb.IOException) as cause:
        raise SinkError(f"annotations cannot be written to {str(path)!r}: {cause}") from cause
    return int(written)


def read_stamp(connection: duckdb.DuckDBPyConnection, path: Path) -> Stamped | None:
    """What the file says of itself, or None when there is no file of ours that can be read."""
    if not path.is_file():
        return None
    name = literal(str(path))
    try:
        found = connection.execute(
            f"SELECT decode(value)::BIGINT FROM parquet_kv_metadata({name}) WHERE decode(key) = '{_STAMP}'"
        ).fetchall()
        rows = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({name})").fetchall()
        columns = connection.execute(f"DESCRIBE FROM read_parquet({name})").fetchall()
    except duckdb.Error:
        return None
    return (
        Stamped(int(found[0][0]), int(rows[0][0]), tuple(column[0] for column in columns)) if found and rows else None
    )
