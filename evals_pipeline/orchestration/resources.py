"""What assets are given: the installation, and DuckDB to read it with.

Add a resource here for equipment that Dagster should configure or show. Thin: what it opens is made by `engine`. No
secret is a field of a resource, because the UI shows fields; secrets come from the environment on opening.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster_duckdb import DuckDBResource

from evals_pipeline.engine.settings import Settings

if TYPE_CHECKING:
    import duckdb

    from evals_pipeline.engine.installation import Installation


class InstallationResource(dg.ConfigurableResource):
    """A project folder with its lake and ledger."""

    folder: str

    @contextmanager
    def opened(self, engine: DuckDBResource | None = None) -> Iterator[Installation]:
        """The installation, read with `engine`, or with its own when None; closed at the end of the block."""
        from evals_pipeline.engine.installation import Installation

        here = Installation.open(Path(self.folder))
        try:
            yield here if engine is None else replace(here, connect=lambda: _connected(engine, here.lake.root))
        finally:
            here.ledger.close()


@contextmanager
def _connected(engine: DuckDBResource, root: str) -> Iterator[duckdb.DuckDBPyConnection]:
    from evals_pipeline.lake.connection import prepare

    with engine.get_connection() as connection:
        try:
            yield prepare(connection, root)
        finally:
            connection.close()  # the resource forgets to when the block fails


def resources(folder: Path) -> dict[str, object]:
    """The resources of a project folder, by the names under which assets ask for them."""
    limit = Settings.of(folder).memory_limit
    return {
        "duckdb": DuckDBResource(database=":memory:", connection_config={"memory_limit": limit}),
        "installation": InstallationResource(folder=str(folder)),
    }
