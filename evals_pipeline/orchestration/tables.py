"""Short tables on asset pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

Metadata = dict[str, dg.MetadataValue]
Cell = str | int | float | bool | None


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> dg.MetadataValue:
    """A table in the order of `rows`."""
    records = [dg.TableRecord({name: _cell(value) for name, value in zip(columns, row, strict=True)}) for row in rows]
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in columns])
    return dg.MetadataValue.table(records, schema=schema)


def table_if(key: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Metadata:
    """The table under `key`, nothing where it has no rows."""
    return {key: table(columns, rows)} if rows else {}


def _cell(value: Cell) -> str | int | float | bool:
    if isinstance(value, str):
        return "".join(character if character.isprintable() else "�" for character in value)
    return "" if value is None else value
