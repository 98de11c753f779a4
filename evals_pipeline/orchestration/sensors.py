"""What watches the runs themselves: one sensor writes failures into the ledger, one ends runs whose process is gone.

New spans are not looked for here: a sensor's code has a minute, and collecting is an asset.
"""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from evals_pipeline.engine.catalog import Catalog
from evals_pipeline.orchestration import naming
from evals_pipeline.orchestration.failures import close_rows
from evals_pipeline.orchestration.processes import end_dead_runs, limit_pools
from evals_pipeline.orchestration.resources import InstallationResource


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Closes the ledger's rows of runs that failed without a chance to do it themselves.",
)
def record_failures(context: dg.RunFailureSensorContext, installation: InstallationResource) -> None:
    """Close what a failed run has left open."""
    with installation.opened() as here:
        close_rows(
            here.ledger, context.dagster_run.run_id, context.failure_event.message or "failed", now=datetime.now(UTC)
        )


def sensors(catalog: Catalog) -> list[dg.SensorDefinition]:
    """The sensors of a project folder."""
    return [record_failures, _watch_processes(pools(catalog))]


def pools(catalog: Catalog) -> set[str]:
    """Every pool of the folder."""
    of_tasks = {naming.task_pool(planned.task.project, name) for name, planned in catalog.tasks.items()}
    return of_tasks | {naming.spans_pool(project) for project in catalog.projects}


def _watch_processes(limited: set[str]) -> dg.SensorDefinition:
    @dg.sensor(
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports runs whose process is gone as failed and frees their pools: nothing waits for them.",
    )
    def watch_processes(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        limit_pools(context.instance, limited)
        ended = end_dead_runs(context.instance)
        return dg.SkipReason(f"Ended {len(ended)} runs whose process was gone." if ended else "All runs are alive.")

    return watch_processes
