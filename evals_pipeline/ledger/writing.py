"""Rows into tables where some of them may be already.

SQLite and Postgres spell it alike. The statements are text, because SQLAlchemy compiles its own ones with ON CONFLICT
anew at every call, which takes longer than to write fifty rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

Row = dict[str, Any]


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert `rows`, or overwrite those whose primary key exists."""
    _write(connection, table, rows, _overwriting)


def insert_missing(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert `rows`, but leave those whose primary key exists as they are."""
    _write(connection, table, rows, _leaving)


def add(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert `rows`, or add their counts to those whose primary key exists; what is no count is overwritten."""
    _write(connection, table, rows, _adding)


_Conflict = Callable[[sa.Table, Sequence[str]], str]


def _write(connection: sa.Connection, table: sa.Table, rows: Sequence[Row], conflict: _Conflict) -> None:
    if rows:
        connection.execute(_insert(table, tuple(rows[0]), conflict), list(rows))


@cache
def _insert(table: sa.Table, names: tuple[str, ...], conflict: _Conflict) -> sa.TextClause:
    columns, values = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    does = conflict(table, [name for name in names if not table.c[name].primary_key])
    statement = sa.text(f'INSERT INTO "{table.name}" ({columns}) VALUES ({values}) ON CONFLICT ({keys}) DO {does}')
    return statement.bindparams(*(sa.bindparam(name, type_=table.c[name].type) for name in names))


def _leaving(table: sa.Table, names: Sequence[str]) -> str:
    return "NOTHING"


def _overwriting(table: sa.Table, names: Sequence[str]) -> str:
    return "UPDATE SET " + ", ".join(f'"{name}" = excluded."{name}"' for name in names)


def _adding(table: sa.Table, names: Sequence[str]) -> str:
    old = {
        name: f'"{table.name}"."{name}" + ' if isinstance(table.c[name].type, sa.BigInteger) else "" for name in names
    }
    return "UPDATE SET " + ", ".join(f'"{name}" = {before}excluded."{name}"' for name, before in old.items())
