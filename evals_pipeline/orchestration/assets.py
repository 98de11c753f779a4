"""The four assets a task has: spans (one per project), inputs, results, annotations.

A body opens the installation, calls one stage of `engine` for each of the run's days and reports it. Decisions about
data belong to the engine; how a report looks is `metadata`.
"""

# No `from __future__ import annotations` here: Dagster looks at the type of `context`, not at its name.
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import dagster as dg

from evals_pipeline.core.task import Project, Task
from evals_pipeline.engine.annotations import attach_results
from evals_pipeline.engine.inputs import Selection, select_inputs
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import Overrides, TaskPlan, plan
from evals_pipeline.engine.results import evaluate_inputs
from evals_pipeline.engine.spans import Collected, collect_spans
from evals_pipeline.ledger.ledger import RunKey
from evals_pipeline.orchestration import metadata as m
from evals_pipeline.orchestration import naming
from evals_pipeline.orchestration.checks import check_specs, checked
from evals_pipeline.orchestration.config import RunOptions
from evals_pipeline.orchestration.failures import recorded, shown
from evals_pipeline.orchestration.partitions import days_of
from evals_pipeline.orchestration.processes import mark_process
from evals_pipeline.orchestration.reporting import report, report_elsewhere, rows_of
from evals_pipeline.orchestration.resources import InstallationResource

Progressed = Callable[[str, date | None, int, int], None]
"""Called with the stage, the day (None for spans), parts done and parts to do."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What all assets of a definition share: the partitions, the clock, and who wants to hear of progress."""

    partitions: dg.DailyPartitionsDefinition
    now: Callable[[], datetime]
    progressed: Progressed | None = None

    def progress_of(self, stage: str, day: date | None = None) -> Callable[[int, int], None] | None:
        """The listener as the engine calls it."""
        return None if self.progressed is None else partial(self.progressed, stage, day)


def spans_asset(project: Project, frame: Frame) -> dg.AssetsDefinition:
    """The project's spans; a run reads what is new in the source, whatever days it is about."""

    @_asset(
        project,
        naming.spans_asset(project.name),
        frame,
        description=project.description
        or f"Spans of project {project.name!r}, each stored once, by the UTC day of its start.",
        owners=[naming.owner(text) for text in project.owners],
        kinds={"deltalake"},
        pool=naming.spans_pool(project.name),
    )
    def spans(context: dg.AssetExecutionContext, installation: InstallationResource) -> None:
        with installation.opened() as here, shown():
            mark_process(context)
            collected = collect_spans(here, project, now=frame.now, progressed=frame.progress_of("spans"))
            _report_spans(context, here, project, collected, frame)

    return spans


def inputs_asset(project: Project, planned: TaskPlan, frame: Frame) -> dg.AssetsDefinition:
    """The units that the task shows its evaluators."""
    task = planned.task

    @_asset(
        project,
        naming.inputs_asset(project.name, task.name),
        frame,
        **_of_task(planned),
        deps=[naming.spans_asset(project.name)],
        description=f"Units that task {task.name!r} shows its evaluators: filtered, sampled, mapped.",
        kinds={"deltalake"},
    )
    def inputs(context: dg.AssetExecutionContext, installation: InstallationResource, config: RunOptions) -> None:
        with installation.opened() as here, shown():
            mark_process(context)
            overrides = config.overrides()
            chosen = plan(overrides.applied_to(task))
            for day in days_of(context):
                key = RunKey(context.run.run_id, project.name, task.name, day)
                with recorded(here.ledger, key, now=frame.now):
                    report(
                        context, day, m.inputs_metadata(select_inputs(here, chosen, key, overrides, now=frame.now()))
                    )

    return inputs


def results_asset(project: Project, planned: TaskPlan, frame: Frame) -> dg.AssetsDefinition:
    """The evaluators' verdicts on the inputs."""
    task, asset = planned.task, naming.results_asset(project.name, planned.task.name)

    @_asset(
        project,
        asset,
        frame,
        **_of_task(planned),
        deps=[naming.inputs_asset(project.name, task.name)],
        description=task.description or f"What the evaluators of task {task.name!r} say of each unit.",
        kinds={"duckdb", str(planned.granularity)},
        check_specs=check_specs(asset),
    )
    def results(context: dg.AssetExecutionContext, installation: InstallationResource) -> dg.MaterializeResult:
        with installation.opened() as here, shown():
            mark_process(context)
            keys = [RunKey(context.run.run_id, project.name, task.name, day) for day in days_of(context)]
            for key in keys:
                with recorded(here.ledger, key, now=frame.now):
                    report(context, key.day, _evaluated(here, task, key, frame))
            return dg.MaterializeResult(check_results=checked(here, planned, keys))

    return results


def annotations_asset(project: Project, planned: TaskPlan, frame: Frame) -> dg.AssetsDefinition:
    """The results attached to their units, in the columns that Arize and Phoenix read back."""
    task = planned.task

    @_asset(
        project,
        naming.annotations_asset(project.name, task.name),
        frame,
        **_of_task(planned),
        deps=[naming.results_asset(project.name, task.name)],
        description=f"Current results of task {task.name!r}, one row per annotated unit.",
        kinds={"parquet"},
    )
    def annotations(context: dg.AssetExecutionContext, installation: InstallationResource) -> None:
        with installation.opened() as here, shown():
            mark_process(context)
            for day in days_of(context):
                report(context, day, m.annotations_metadata(attach_results(here, project, planned, day)))

    return annotations


def _asset(
    project: Project, key: dg.AssetKey, frame: Frame, **more: Any
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`dg.asset` with what all our assets have in common."""
    decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
        key=key,
        group_name=naming.project_key(project.name),
        partitions_def=frame.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        **more,
    )
    return decorator


def _of_task(planned: TaskPlan) -> dict[str, Any]:
    task = planned.task
    return {
        "tags": {naming.TASK_TAG: task.name, naming.CADENCE_TAG: _cadence(task)},
        "owners": [naming.owner(text) for text in task.owners],
        "code_version": planned.fingerprint,
        "pool": naming.task_pool(task.project, task.name),
    }


def _cadence(task: Task) -> str:
    return f"every_{task.continuous.every_minutes}_minutes" if task.continuous else "on_demand"


def _evaluated(here: Installation, task: Task, key: RunKey, frame: Frame) -> m.Metadata:
    """Evaluate one day as the run's options say: those chosen for its inputs, read back from the ledger."""
    chosen = here.ledger.run(key) or here.ledger.latest_selection(key.project, key.task, key.day)
    planned = plan(Overrides(**(chosen.options if chosen else {})).applied_to(task))
    began = time.monotonic()
    evaluated = evaluate_inputs(here, planned, key, now=frame.now, progressed=frame.progress_of("results", key.day))
    seconds = time.monotonic() - began
    run = here.ledger.run(key)
    arrival = Selection(**run.selection).spans_stamp if run is not None and run.selection else 0
    return m.results_metadata(evaluated, seconds=seconds, newest_arrival=arrival, now=frame.now())


def _report_spans(
    context: dg.AssetExecutionContext, here: Installation, project: Project, collected: Collected, frame: Frame
) -> None:
    """One event a day: for the run's days, and for other days that received spans meanwhile."""
    problems = here.ledger.problems(project.name)
    rows = rows_of(here, project.name)
    mine = days_of(context)
    for day in mine:
        report(context, day, m.spans_metadata(collected, day, rows=rows.get(day, 0), problems=problems))
    for day in sorted(set(collected.spans) - set(mine)):
        report_elsewhere(
            context, frame.partitions, day, m.spans_metadata(collected, day, rows=rows.get(day, 0), problems=problems)
        )
