"""A file of annotations: replaced in one step, stamped with the results it holds."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from evals_pipeline.core.errors import SinkError
from evals_pipeline.sinks.files import Stamped, read_stamp, write_annotations


def test_what_was_written_says_its_stamp_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "with 'quotes' and ü" / "day.parquet"
    with duckdb.connect() as connection:
        written = write_annotations(connection, "SELECT range AS id FROM range(3)", path, stamp=2**53 + 1)

        stamped = read_stamp(connection, path)

    assert (written, stamped) == (3, Stamped(2**53 + 1, 3, ("id",)))


def test_no_rows_are_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    with duckdb.connect() as connection:
        write_annotations(connection, "SELECT 1 AS id WHERE FALSE", path, stamp=7)

        assert read_stamp(connection, path) == Stamped(7, 0, ("id",))


def test_there_is_no_stamp_where_there_is_no_file_of_ours(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS x) TO '{foreign}' (FORMAT parquet)")

        assert read_stamp(connection, tmp_path / "none.parquet") is None
        assert read_stamp(connection, foreign) is None


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    with duckdb.connect() as connection:
        write_annotations(connection, "SELECT 1 AS id", path, stamp=1)
        before = path.read_bytes()

        with pytest.raises(duckdb.Error):
            write_annotations(connection, "SELECT error('no') AS id", path, stamp=2)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_a_sink_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with duckdb.connect() as connection, pytest.raises(SinkError, match="cannot be written"):
        write_annotations(connection, "SELECT 1", tmp_path / "file" / "day.parquet", stamp=1)
