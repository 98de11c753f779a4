"""Rows as a table, CSV, JSON lines, one JSON document or Parquet, to the terminal or into a file."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evals_pipeline.cli import screen
from evals_pipeline.core.errors import ConfigError, SinkError

if TYPE_CHECKING:
    import duckdb

CELL_LENGTH = 60
_PORTION = 2_000
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Row = tuple[Any, ...]
Write = Callable[[str], object]


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


FormatOption = Annotated[Format, typer.Option("--format", help="How rows are written; parquet needs --output.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write a file, not to stdout.")]
RowLimit = Annotated[int, typer.Option("--rows", min=1, metavar="N", help="Rows that the table shows.")]


def print_rows(found: duckdb.DuckDBPyRelation, chosen: Format, output: Path | None, *, as_json: bool = False) -> None:
    """Write all rows, for every format but the table.

    Raises:
        ConfigError: For Parquet without a file.
        SinkError: When the file cannot be written; one that was there before stays as it was.
    """
    if chosen is Format.PARQUET and not as_json:
        if output is None:
            raise ConfigError("Parquet is no text to print", hint="add --output FILE")
        with _replaced(output) as unfinished:
            _write_parquet(found, unfinished)
        screen.note(f"wrote {output}")
        return
    lines = _json_document(found) if as_json else _LINES[chosen](found)
    if output is None:
        for text in lines:
            screen.write(text)
        return
    with _replaced(output) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)
    screen.note(f"wrote {output}")


def print_table(found: duckdb.DuckDBPyRelation, limit: int) -> None:
    """The first rows with shortened cells, how many there are, and which columns are empty."""
    rows = found.limit(limit + 1).fetchall()
    empty = screen.table(found.columns, table_cells(rows[:limit]))
    if empty:
        screen.note(f"left out, empty in these rows: {', '.join(map(screen.clean, empty))}")
    if len(rows) > limit:
        (total,) = found.aggregate("count(*)").fetchall()[0]
        note_cut(f"{limit} of {screen.counted(total, 'row')}")


def table_cells(rows: Iterable[Row]) -> list[list[str]]:
    """What a table shows of these rows."""
    return [[_cell(value) for value in row] for row in rows]


def note_cut(shown: str) -> None:
    """Say how many rows a table has `shown` of all, and how to see the others."""
    screen.note(f"{shown}; more with --rows N, all with --format csv or --json")


def csv_cell(value: object) -> object:
    """A value that a spreadsheet shows and does not compute; numbers stay numbers."""
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    text = json_text(value) if isinstance(value, Mapping | list) else str(screen.plain(value))
    printed = screen.clean(text, one_line=False)  # first: what it removes may hide the beginning of a formula
    return "'" + printed if printed.startswith(_FORMULA_STARTS) or text.startswith(_FORMULA_STARTS) else printed


def json_text(value: object) -> str:
    """`value` as JSON on one line; numbers that JSON lacks become null."""
    try:
        return json.dumps(value, default=screen.plain, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), default=screen.plain)


def _finite(value: object) -> object:
    match value:
        case float():
            return value if value - value == 0 else None
        case Mapping():
            return {str(key): _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return screen.clean(value, limit=CELL_LENGTH)


def _rows(found: duckdb.DuckDBPyRelation) -> Iterator[list[Row]]:
    with found.to_arrow_reader(_PORTION) as reader:
        for batch in reader:
            columns = [column.to_pylist(maps_as_pydicts="lossy") for column in batch.columns]
            yield list(zip(*columns, strict=True))


def _csv(found: duckdb.DuckDBPyRelation) -> Iterator[str]:
    yield _csv_text([found.columns])
    for portion in _rows(found):
        yield _csv_text([csv_cell(value) for value in row] for row in portion)


def _csv_text(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _jsonl(found: duckdb.DuckDBPyRelation) -> Iterator[str]:
    names = found.columns
    for portion in _rows(found):
        yield "".join(json_text(dict(zip(names, row, strict=True))) + "\n" for row in portion)


def _json_document(found: duckdb.DuckDBPyRelation) -> Iterator[str]:
    yield "["
    separator = "\n"
    for text in _jsonl(found):
        yield separator + ",\n".join(text.splitlines())
        separator = ",\n"
    yield "\n]\n"


_LINES: Mapping[Format, Callable[[duckdb.DuckDBPyRelation], Iterator[str]]] = {Format.CSV: _csv, Format.JSONL: _jsonl}


def _write_parquet(found: duckdb.DuckDBPyRelation, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    with found.to_arrow_reader(_PORTION) as reader, parquet.ParquetWriter(path, reader.schema) as writer:
        for batch in reader:
            writer.write_table(pa.Table.from_batches([batch]))


@contextmanager
def _replaced(output: Path) -> Iterator[Path]:
    """A name beside `output` that takes its place when the block ends well and is removed when it does not."""
    unfinished = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        yield unfinished
        unfinished.replace(output)
    except OSError as cause:
        raise SinkError(f"{str(output)!r} cannot be written: {cause.strerror or cause}") from cause
    finally:
        if unfinished.parent.is_dir():
            unfinished.unlink(missing_ok=True)
