"""Making a DuckDB connection ready for the lake."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from evals_pipeline.core.errors import LakeError
from evals_pipeline.core.paths import JSON_PATH_FUNCTION, PATH_FUNCTION, find_json, find_text
from evals_pipeline.lake.limits import MEMORY_LIMIT

_UNPRINTABLE = r"\x1b\[[0-9;]*m|[\x00-\x1f\x7f]"
_REASON_LENGTH = 500


def prepare(connection: duckdb.DuckDBPyConnection, root: str) -> duckdb.DuckDBPyConnection:
    """Set UTC, register the path functions and, for a lake that is not a local folder, its file system."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    # Without it whole row groups wait for their turn in memory, and files cannot bound their row groups by bytes.
    connection.execute("SET preserve_insertion_order = false")
    for name, find in ((PATH_FUNCTION, find_text), (JSON_PATH_FUNCTION, find_json)):
        connection.create_function(
            name,
            partial(_find_all, find),
            ["VARCHAR", "VARCHAR"],
            "VARCHAR",
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )
    if "://" in root:
        import fsspec

        connection.register_filesystem(fsspec.filesystem(root.partition("://")[0]))
    return connection


@contextmanager
def in_memory(root: str, *, memory_limit: str = MEMORY_LIMIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private in-memory connection for as long as the block lasts."""
    with duckdb.connect(config={"memory_limit": memory_limit}) as connection:
        yield prepare(connection, root)


@contextmanager
def beside(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A second connection to the same database, to read from while the first one is used for other work."""
    with connection.cursor() as second:
        second.execute("SET TimeZone = 'UTC'")  # a setting of the connection, unlike the functions
        yield second


@contextmanager
def lake_errors(doing: str) -> Iterator[None]:
    """Turn what DuckDB, Delta and the file system raise into a LakeError that says what was being done."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (duckdb.Error, DeltaError, OSError) as cause:
        raise LakeError(f"{doing} failed: {_reason(cause)}") from cause


@contextmanager
def hashing_second_side(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Joins in the block hash their second side; DuckDB guesses which is smaller and would sometimes hash all texts."""
    connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    try:
        yield
    finally:
        connection.execute("RESET disabled_optimizers")


def _find_all(
    find: Callable[[str | None, str], str | None], containers: pa.ChunkedArray, paths: pa.ChunkedArray
) -> pa.Array:
    pairs = zip(containers.to_pylist(), paths.to_pylist(), strict=True)
    return pa.array([find(container, path) for container, path in pairs], pa.string())


def _reason(error: Exception) -> str:
    """The error's text on one line: delta-rs colours the causes below its first, DuckDB may quote damaged bytes."""
    lines = [re.sub(_UNPRINTABLE, "", line).strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if line)[:_REASON_LENGTH] or type(error).__name__


def one_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The only row of `query`. `fetchone` would leave the result open, and the connection refuses other work then."""
    (row,) = connection.execute(query).fetchall()
    return tuple(row)
