"""The four assets a task has: spans (one per project), inputs, results, annotations.

Add what Dagster should know of an asset here. A body opens the installation, calls its stage and reports; what the
stage does is `stages`, which bodies import when they run so that definitions load without the lake.
"""

# No `from __future__ import annotations` here: Dagster looks at the type of `context`, not at its name.
from collections.abc import Callable
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource

from evals_pipeline.core.task import EvaluatorUse, Project, Task
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.orchestration import naming
from evals_pipeline.orchestration.checks import check_specs
from evals_pipeline.orchestration.config import RunOptions
from evals_pipeline.orchestration.frame import Frame
from evals_pipeline.orchestration.resources import InstallationResource


def spans_asset(project: Project, frame: Frame) -> dg.AssetsDefinition:
    """The project's spans; a run reads what is new in the source, whatever days it is about."""
    ordinary = f"Spans of project {project.name!r}, each stored once, by the UTC day of its start."

    @_asset(
        project,
        naming.spans_asset(project.name),
        frame,
        description=project.description or ordinary,
        owners=[naming.owner(text) for text in project.owners],
        kinds={"deltalake"},
        pool=naming.spans_pool(project.name),
    )
    def spans(context: dg.AssetExecutionContext, installation: InstallationResource, duckdb: DuckDBResource) -> None:
        from evals_pipeline.orchestration import stages

        with stages.opened(context, installation, duckdb) as here:
            stages.collect(context, here, project, frame)

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
    def inputs(
        context: dg.AssetExecutionContext,
        installation: InstallationResource,
        duckdb: DuckDBResource,
        config: RunOptions,
    ) -> None:
        from evals_pipeline.orchestration import stages

        with stages.opened(context, installation, duckdb) as here:
            stages.select(context, here, planned, config.overrides(), frame)

    return inputs


def results_asset(project: Project, planned: TaskPlan, frame: Frame) -> dg.AssetsDefinition:
    """The evaluators' verdicts on the inputs."""
    task, key = planned.task, naming.results_asset(project.name, planned.task.name)

    @_asset(
        project,
        key,
        frame,
        **_of_task(planned),
        deps=[naming.inputs_asset(project.name, task.name)],
        description=_described(planned),
        kinds={"duckdb", str(planned.granularity), *_asked(planned)},
        check_specs=check_specs(key),
    )
    def results(
        context: dg.AssetExecutionContext, installation: InstallationResource, duckdb: DuckDBResource
    ) -> dg.MaterializeResult:
        from evals_pipeline.orchestration import stages

        with stages.opened(context, installation, duckdb) as here:
            return dg.MaterializeResult(check_results=stages.evaluate(context, here, planned, frame))

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
    def annotations(
        context: dg.AssetExecutionContext, installation: InstallationResource, duckdb: DuckDBResource
    ) -> None:
        from evals_pipeline.orchestration import stages

        with stages.opened(context, installation, duckdb) as here:
            stages.attach(context, here, project, planned)

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


def _asked(planned: TaskPlan) -> set[str]:
    """What evaluates besides DuckDB, the dearest of it: Dagster shows three kinds of an asset and no more."""
    if planned.judges:
        return {"openai"}
    return {"python"} if any(isinstance(use.evaluator, Custom) for use in planned.uses) else set()


def _described(planned: TaskPlan) -> str:
    """The task's description and, because nobody has the file beside the page, what it does."""
    task = planned.task
    uses = ", ".join(map(_use, planned.uses, task.evaluators))
    chosen = "all" if task.sampling_rate == 1 else f"{task.sampling_rate:.4g} of"
    matching = f" where `{task.filter}`" if task.filter else ""
    notices = "".join(f"\n\n{notice.file} {notice.message}" for notice in planned.notices)
    judged = f"Judged: {chosen} {planned.granularity}s{matching}."
    return f"{task.description}\n\nEvaluators: {uses}.\n\n{judged}{notices}".strip()


def _use(use: PlannedUse, of: EvaluatorUse) -> str:
    """The result's name, and what it is of: another evaluator, a version of one that people change."""
    told = [of.evaluator] if of.evaluator != use.name else []
    told += [] if isinstance(use.evaluator, PrebuiltCheck) else [f"version {use.version}"]
    return f"`{use.name}`" + (f" ({', '.join(told)})" if told else "")


def _cadence(task: Task) -> str:
    return f"every_{task.continuous.every_minutes}_minutes" if task.continuous else "on_demand"
