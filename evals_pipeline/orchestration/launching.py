"""Runs that a terminal starts: executed at once, in this process, and recorded in the instance like any other.

Which days and what differs is decided by the caller. What a run does is in the assets; its history is `history`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from evals_pipeline.core.errors import ConfigError, WindowError
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.plan import Overrides, TaskPlan
from evals_pipeline.engine.settings import Settings
from evals_pipeline.ledger.ledger import Ledger
from evals_pipeline.orchestration import naming
from evals_pipeline.orchestration.build import build_definitions, utc_now
from evals_pipeline.orchestration.config import RunOptions
from evals_pipeline.orchestration.failures import close_rows
from evals_pipeline.orchestration.frame import Progressed
from evals_pipeline.orchestration.instance import project_instance
from evals_pipeline.orchestration.partitions import range_tags, ranges
from evals_pipeline.orchestration.processes import MESSAGE, end_dead_runs, limit_pools, process_tag

Kind = Literal["run", "backfill"]


@dataclass(frozen=True, slots=True)
class Launched:
    """What became of a launch.

    Attributes:
        run_ids: The Dagster runs, one for each range of days without a gap, in the order in which they ran.
        failures: What went wrong, in the words of the steps; empty when all went well.
    """

    run_ids: tuple[str, ...]
    failures: tuple[str, ...]

    @property
    def run_id(self) -> str:
        """The last of the runs."""
        return self.run_ids[-1]

    @property
    def is_success(self) -> bool:
        """Whether every run came to its end."""
        return not self.failures


def launch(
    folder: Path,
    task_name: str,
    days: Sequence[date],
    overrides: Overrides,
    *,
    kind: Kind,
    on_progress: Progressed | None = None,
) -> Launched:
    """Collect the project's spans, then select, evaluate and attach on `days`; stops at the first failed run.

    Waits while another run works on the same task. A run whose process was killed is waited for by nobody.

    Raises:
        ConfigError: When task, options, instance or first partition are wrong; nothing has been read then.
        WindowError: When `days` is empty or holds a day that is no partition.
    """
    planned = read_catalog(folder).task(task_name)
    overrides.applied_to(planned.task)
    # Dagster leaves a variable of its context pointing to the instance, even when that is closed.
    return copy_context().run(_launched, folder, planned, days, overrides, kind, on_progress)


def _launched(
    folder: Path,
    planned: TaskPlan,
    days: Sequence[date],
    overrides: Overrides,
    kind: Kind,
    on_progress: Progressed | None,
) -> Launched:
    task_name = planned.task.name
    with project_instance(folder) as instance:
        job = build_definitions(folder, only=[task_name], progressed=on_progress).resolve_job_def(naming.JOB)
        _refuse_other_days(job, days)
        recover(folder, instance)
        limit_pools(
            instance, {naming.spans_pool(planned.task.project), naming.task_pool(planned.task.project, task_name)}
        )
        return _launch(job, instance, planned, ranges(days), overrides, kind)


def recover(folder: Path, instance: dg.DagsterInstance) -> list[str]:
    """End the runs whose process is gone, in Dagster and in the ledger; returns their ids."""
    ended = end_dead_runs(instance)
    if ended:
        ledger = Ledger(Settings.of(folder).database)
        for run_id in ended:
            close_rows(ledger, run_id, MESSAGE, now=utc_now())
        ledger.close()
    return ended


def _launch(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    planned: TaskPlan,
    chunks: Sequence[Sequence[date]],
    overrides: Overrides,
    kind: Kind,
) -> Launched:
    run_ids: list[str] = []
    for days in chunks:
        result = job.execute_in_process(
            instance=instance, raise_on_error=False, **_request(planned, days, overrides, kind)
        )
        run_ids.append(result.run_id)
        failures = _failures(result)
        if failures:
            return Launched(tuple(run_ids), failures)
    return Launched(tuple(run_ids), ())


def _request(planned: TaskPlan, days: Sequence[date], overrides: Overrides, kind: Kind) -> dict[str, Any]:
    project, task = planned.task.project, planned.task.name
    keys = [naming.spans_asset(project), *naming.task_assets(project, task)]
    tags = {
        naming.PROJECT_TAG: naming.project_key(project),
        naming.TASK_TAG: task,
        naming.KIND_TAG: kind,
        **process_tag(),
    }
    days_wanted: dict[str, Any] = {"partition_key": days[0].isoformat()} if len(days) == 1 else {}
    return {
        "asset_selection": keys,
        "tags": tags if days_wanted else {**tags, **range_tags(days)},
        "run_config": RunOptions.run_config(keys[1].to_python_identifier(), overrides) | _QUIET,
        **days_wanted,
    }


_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def _refuse_other_days(job: dg.JobDefinition, days: Sequence[date]) -> None:
    partitions = job.partitions_def
    if not days:
        raise WindowError("there is no day to run\nHint: give at least one")
    if partitions is None:
        raise ConfigError("the project folder has no partitions")
    outside = [day for day in days if not partitions.has_partition_key(day.isoformat())]
    if outside:
        keys = partitions.get_partition_keys()
        raise WindowError(
            f"{outside[0]} is no partition of this installation, which has {keys[0]} to {keys[-1]}"
            "\nHint: the first one is chosen by EVALS_FIRST_DAY when the installation is used for the first time"
        )


def _failures(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    """What the failed steps said; when none did, what ended the run."""
    said = [_words(event) for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    failed_checks = [
        f"check {check.check_name!r} of {check.asset_key.to_user_string()} failed: {check.description}"
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.blocking
    ]
    if said or result.success:
        return tuple(said or failed_checks)
    return tuple(failed_checks) or ("the run failed",)


def _words(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    failure = data.user_failure_data
    if failure is None or failure.description is None:
        error = data.error
        return " ".join((error.cause or error).message.split()) if error is not None else "the step failed"
    hint = failure.metadata.get("hint")
    return f"{failure.description}\nHint: {hint.value}" if hint is not None else failure.description
