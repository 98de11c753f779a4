"""Everything Dagster is told about a project folder, assembled afresh.

Building is quick, because every run pays for it: nothing here opens the lake, and files that cannot be used become
assets that say why. Add a new kind of definition in the module of its noun and list it here.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.engine.catalog import Catalog, read_catalog
from evals_pipeline.engine.settings import Settings
from evals_pipeline.ledger.ledger import Ledger
from evals_pipeline.orchestration import assets as a
from evals_pipeline.orchestration.broken import broken_specs, colliding_projects
from evals_pipeline.orchestration.frame import Frame, Progressed
from evals_pipeline.orchestration.jobs import evaluate
from evals_pipeline.orchestration.partitions import daily, first_day
from evals_pipeline.orchestration.resources import resources
from evals_pipeline.orchestration.schedules import schedules
from evals_pipeline.orchestration.sensors import sensors

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)


def build_definitions(
    folder: Path,
    *,
    only: Collection[str] | None = None,
    now: Callable[[], datetime] = utc_now,
    progressed: Progressed | None = None,
    environment: Mapping[str, str] = os.environ,
) -> dg.Definitions:
    """The definitions of a project folder.

    Args:
        folder: Where `projects/` and `tasks/` lie.
        only: Names of the tasks to build; all of them when None.
        now: The clock.
        progressed: Hears how far a stage has come.
        environment: Where the first partition may be chosen.

    Raises:
        ConfigError: When `folder` is no folder, or asks for another first partition than it has.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"{str(folder)!r} is no folder", hint="set EVALS_PROJECT_DIR, or make a project with: evals init DIR"
        )
    folder = folder.resolve()
    catalog = colliding_projects(read_catalog(folder), folder)
    for file in catalog.broken:
        logger.warning("cannot use %s", file)
    with _quiet():
        return _definitions(folder, catalog, _frame(folder, catalog, now, progressed, environment), only)


def _frame(
    folder: Path,
    catalog: Catalog,
    now: Callable[[], datetime],
    progressed: Progressed | None,
    environment: Mapping[str, str],
) -> Frame | None:
    """The partitions and clock; None for a folder without projects, in which nothing shall be written."""
    if not catalog.projects:
        return None
    ledger = Ledger(Settings.of(folder, environment).database)
    try:
        return Frame(daily(first_day(ledger, now=now(), environment=environment)), now, progressed)
    finally:
        ledger.close()


def _definitions(folder: Path, catalog: Catalog, frame: Frame | None, only: Collection[str] | None) -> dg.Definitions:
    if frame is None:
        return dg.Definitions(assets=broken_specs(catalog))
    return dg.Definitions(
        assets=[*_assets(catalog, frame, only), *broken_specs(catalog)],
        jobs=[evaluate],
        schedules=schedules(catalog, frame),
        sensors=sensors(catalog),
        resources=resources(folder),
        executor=dg.in_process_executor,
    )


def _assets(catalog: Catalog, frame: Frame, only: Collection[str] | None) -> Iterator[dg.AssetsDefinition]:
    for name in sorted(catalog.projects):
        project = catalog.projects[name]
        yield a.spans_asset(project, frame)
        for planned in catalog.tasks_of(name):
            if only is None or planned.task.name in only:
                yield a.inputs_asset(project, planned, frame)
                yield a.results_asset(project, planned, frame)
                yield a.annotations_asset(project, planned, frame)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Dagster's notes that `backfill_policy` and others are beta: it writes one for every asset."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        yield
