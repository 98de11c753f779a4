"""Where things are: the project folder, the lake, the ledger and how DuckDB is opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.lake.connection import MEMORY_LIMIT, in_memory
from evals_pipeline.lake.delta import Lake
from evals_pipeline.ledger.ledger import Ledger

STATE_FOLDER = ".evals"

Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment decides.

    Attributes:
        lake: Folder or URI of the lake (`EVALS_LAKE`).
        database: SQLAlchemy URL of the ledger (`EVALS_DATABASE`).
        memory_limit: What DuckDB may hold before it spills (`EVALS_MEMORY_LIMIT`).
    """

    lake: str
    database: str
    memory_limit: str = MEMORY_LIMIT

    @classmethod
    def of(cls, folder: Path, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings of a project folder; whatever is not set lies in its `.evals`."""
        state = folder / STATE_FOLDER
        return cls(
            lake=environment.get("EVALS_LAKE") or str(state / "lake"),
            database=environment.get("EVALS_DATABASE") or f"sqlite:///{state / 'ledger.db'}",
            memory_limit=environment.get("EVALS_MEMORY_LIMIT") or MEMORY_LIMIT,
        )


@dataclass(frozen=True, slots=True)
class Installation:
    """A project folder with its lake and ledger, shared by all runs on it."""

    folder: Path
    lake: Lake
    ledger: Ledger
    connect: Connect

    @classmethod
    def open(cls, folder: Path, settings: Settings | None = None) -> Installation:
        """Open what `settings` name; lake tables and ledger are made when they are missing.

        Raises:
            ConfigError: When `folder` is no folder.
            LedgerError: When the database cannot be opened.
        """
        if not folder.is_dir():
            raise ConfigError(f"{str(folder)!r} is no folder", hint="make a project with: evals init DIR")
        chosen = settings or Settings.of(folder)
        lake = Lake(chosen.lake)
        return cls(folder, lake, Ledger(chosen.database), lambda: in_memory(lake.root, memory_limit=chosen.memory_limit))


@contextmanager
def opened(folder: Path, settings: Settings | None = None) -> Iterator[Installation]:
    """An installation that gives its database connections back at the end of the block."""
    installation = Installation.open(folder, settings)
    try:
        yield installation
    finally:
        installation.ledger.close()
