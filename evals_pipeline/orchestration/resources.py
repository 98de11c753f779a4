"""What assets are given: the installation, and DuckDB to read it with.

Add a resource here for equipment that Dagster should configure or show. Thin: what it opens is made by `engine`. No
secret is a field of a resource, because the UI shows fields; secrets come from the environment on opening.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from evals_pipeline.engine.installation import Installation, Settings
from evals_pipeline.lake.connection import prepare


class InstallationResource(dg.ConfigurableResource):
    """A project folder with its lake and ledger."""

    folder: str
    database: DuckDBResource

    @contextmanager
    def opened(self) -> Iterator[Installation]:
        """The installation, its database connections given back at the end of the block."""
        here = Installation.open(Path(self.folder))
        try:
            yield replace(here, connect=lambda: self._connected(here.lake.root))
        finally:
            here.ledger.close()

    @contextmanager
    def _connected(self, root: str) -> Iterator[duckdb.DuckDBPyConnection]:
        with self.database.get_connection() as connection:
            try:
                yield prepare(connection, root)
            finally:
                connection.close()  # the resource forgets to when the block fails


def resources(folder: Path) -> dict[str, object]:
    """The resources of a project folder, by the names under which assets ask for them."""
    limit = Settings.of(folder).memory_limit
    engine = DuckDBResource(database=":memory:", connection_config={"memory_limit": limit})
    return {"duckdb": engine, "installation": InstallationResource(folder=str(folder), database=engine)}
