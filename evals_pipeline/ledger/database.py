"""Opening the ledger: SQLite beside the project or Postgres for a fleet, migrated to the newest tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from evals_pipeline.core.errors import LedgerError
from evals_pipeline.ledger.values import without_zone

NEWEST_REVISION = "0003"
_BUSY_TIMEOUT_SECONDS = 60
_MIGRATION_LOCK = 6_384_217_905
"""Any number that nobody else locks: processes that open a new database at once migrate it one after the other."""


class Database:
    """A migrated ledger database; every write is one transaction.

    Args:
        url: Where it is.
        now: The clock for claims, notices and accounts, with a time zone. Absent: the machine's for SQLite, which all
            processes that share the file have; the server's for Postgres, so that hosts need not agree on the time.

    Raises:
        LedgerError: When the database cannot be opened, read or written.
    """

    def __init__(self, url: str, *, now: Callable[[], datetime] | None = None) -> None:
        self.url = _parsed(url)
        self._now = now
        if self._is_sqlite and self.url.database:
            _make_folder(Path(self.url.database).parent)
        self._engine = _create_engine(self.url)
        try:
            self._migrate()
        except LedgerError:
            self.close()
            raise

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

    def moment(self, connection: sa.Connection) -> datetime:
        """Now, in UTC without a zone."""
        if self._now is not None:
            return without_zone(self._now())
        if self._is_sqlite:
            return without_zone(datetime.now(UTC))
        clock = sa.func.timezone("UTC", sa.func.clock_timestamp(), type_=sa.DateTime)
        return connection.execute(sa.select(clock)).scalar_one()

    def lock(self, connection: sa.Connection, names: Iterable[str], *, is_shared: bool = False) -> None:
        """Wait until no other transaction holds one of `names`, then hold them to the end of this one.

        Those who share a name exclude only those who do not. SQLite's transactions exclude each other as they are.
        """
        if self._is_sqlite:
            return
        take = sa.func.pg_advisory_xact_lock_shared if is_shared else sa.func.pg_advisory_xact_lock
        # One order for all, so that nobody waits in a circle.
        for number in sorted({_lock_number(name) for name in names}):
            connection.execute(sa.select(take(sa.literal(number, sa.BigInteger))))

    def among(self, column: sa.Column[Any], values: Collection[str]) -> sa.ColumnElement[bool]:
        """`column` is one of `values`, however many: they travel as one parameter, unlike those of `in_`."""
        if self._is_sqlite:
            each = sa.func.json_each(json.dumps(list(values))).table_valued("value")
            return column.in_(sa.select(each.c.value))
        return column == sa.any_(sa.literal(list(values), ARRAY(column.type)))

    @property
    def _is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    def _migrate(self) -> None:
        with self.begin() as connection:
            if not self._is_sqlite:  # SQLite's transactions exclude each other as they are
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            revision = _revision(connection)
            if revision == NEWEST_REVISION:
                return
            if revision is not None and revision > NEWEST_REVISION:
                raise LedgerError(
                    f"the ledger {self.url.render_as_string()} has the tables of a newer evals-pipeline:"
                    f" revision {revision}, this one knows {NEWEST_REVISION}\nHint: pip install -U evals-pipeline"
                )
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
        # A statement that psycopg prepared keeps the plan of the day when its table was empty: to read it all.
        is_psycopg = url.get_driver_name() == "psycopg"
        return sa.create_engine(url, pool_pre_ping=True, connect_args={"prepare_threshold": None} if is_psycopg else {})
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


def _lock_number(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)


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
