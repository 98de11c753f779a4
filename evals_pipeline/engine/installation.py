"""A project folder with its lake and ledger, opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.engine.settings import STATE_FOLDER, Settings
from evals_pipeline.lake.connection import in_memory
from evals_pipeline.lake.delta import Lake
from evals_pipeline.ledger.ledger import Ledger

__all__ = ["STATE_FOLDER", "Connect", "Installation", "Settings", "opened"]

Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


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
        return cls(
            folder, lake, Ledger(chosen.database), lambda: in_memory(lake.root, memory_limit=chosen.memory_limit)
        )


@contextmanager
def opened(folder: Path, settings: Settings | None = None) -> Iterator[Installation]:
    """An installation that gives its database connections back at the end of the block."""
    installation = Installation.open(folder, settings)
    try:
        yield installation
    finally:
        installation.ledger.close()
