"""Opening the ledger: SQLite beside the project or Postgres for a fleet, migrated to the newest tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from evals_pipeline.core.errors import LedgerError

NEWEST_REVISION = "0001"
_BUSY_TIMEOUT_SECONDS = 60
_MIGRATION_LOCK = 6_384_217_905
"""Any number that nobody else locks: processes that open a new database at once migrate it one after the other."""


class Database:
    """A migrated ledger database; every write is one transaction.

    Raises:
        LedgerError: When the database cannot be opened, read or written.
    """

    def __init__(self, url: str) -> None:
        self.url = _parsed(url)
        if self._is_sqlite and self.url.database:
            _make_folder(Path(self.url.database).parent)
        self._engine = _create_engine(self.url)
        self._migrate()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction that commits at the end of the block."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as cause:
            raise LedgerError(f"the ledger {self.url.render_as_string()} failed: {_first_line(cause)}") from cause

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert `rows`, or overwrite those whose primary key exists."""
        if not rows:
            return
        insert = self._insert(table).values(rows)
        keys = [column.name for column in table.primary_key]
        changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed))

    def insert_missing(self, connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
        """Insert `row`, or leave the one whose primary key exists as it is."""
        connection.execute(self._insert(table).values(row).on_conflict_do_nothing())

    def _insert(self, table: sa.Table) -> Any:
        return (sqlite if self._is_sqlite else postgresql).insert(table)

    @property
    def _is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    def _migrate(self) -> None:
        with self.begin() as connection:
            if not self._is_sqlite:  # SQLite's transactions exclude each other as they are
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            if _revision(connection) == NEWEST_REVISION:
                return
            _upgrade(connection)


def _parsed(url: str) -> sa.URL:
    """The address, with which an engine can be made; the error shows no password."""
    hint = "write EVALS_DATABASE as sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
    try:
        parsed = sa.make_url(url)
        sa.create_engine(parsed).dispose()
    except sa.exc.SQLAlchemyError as cause:
        raise LedgerError(f"the ledger's address is none: {_first_line(cause)}\nHint: {hint}") from cause
    except ImportError as cause:
        raise LedgerError(
            f"the ledger's driver is not installed: {cause}\nHint: pip install 'evals-pipeline[postgres]'"
        ) from cause
    return parsed


def _create_engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS})

    # Python's sqlite3 opens transactions as readers and upgrades them, which fails at once when two processes do it;
    # taking the write lock at the start makes the second one wait instead.
    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise LedgerError(f"the ledger's folder {str(folder)!r} cannot be made: {cause.strerror}") from cause


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command  # a third of a second to import, needed once per installation
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
