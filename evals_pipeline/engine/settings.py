"""Where things are: what the environment decides about a project folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evals_pipeline.lake.limits import MEMORY_LIMIT

STATE_FOLDER = ".evals"


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

    @property
    def ledger_is_missing(self) -> bool:
        """Whether the ledger is a SQLite file that nobody has made yet."""
        path = self.database.removeprefix("sqlite:///")
        return path != self.database and not Path(path.partition("?")[0]).exists()
