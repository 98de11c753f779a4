"""When continuous tasks run: one schedule a project, which picks the tasks that are due and the days that have news.

A tick decides and does no work. Declarative automation is left alone on purpose: it loses ticks that fall together with
the end of a run, and has no place for a reason to skip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from evals_pipeline.engine.catalog import Catalog
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.orchestration import naming
from evals_pipeline.orchestration.frame import Frame
from evals_pipeline.orchestration.jobs import evaluate
from evals_pipeline.orchestration.partitions import range_tags, ranges
from evals_pipeline.orchestration.processes import UNFINISHED
from evals_pipeline.orchestration.resources import InstallationResource

if TYPE_CHECKING:
    from evals_pipeline.engine.installation import Installation

Work = Mapping[date, frozenset[str]]
"""Day -> names of the tasks that are to run on it."""

_MINUTES_OF_AN_HOUR = 60


def schedules(catalog: Catalog, frame: Frame) -> list[dg.ScheduleDefinition]:
    """One schedule for each project that has a continuous task."""
    of_projects = {name: _continuous(catalog.tasks_of(name)) for name in sorted(catalog.projects)}
    return [_schedule(name, plans, frame) for name, plans in of_projects.items() if plans]


def step_minutes(plans: Sequence[TaskPlan]) -> int:
    """Minutes between two ticks: as many as fit into every task's cadence and into an hour."""
    return math.gcd(_MINUTES_OF_AN_HOUR, *(_every_minutes(planned) for planned in plans))


def _schedule(project: str, plans: Sequence[TaskPlan], frame: Frame) -> dg.ScheduleDefinition:
    step = step_minutes(plans)

    @dg.schedule(
        name=f"{naming.project_key(project)}_continuous",
        job=evaluate,
        cron_schedule="0 * * * *" if step == _MINUTES_OF_AN_HOUR else f"*/{step} * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Runs the due continuous tasks of project {project!r}, on today and on days with late spans.",
    )
    def continuous(
        context: dg.ScheduleEvaluationContext, installation: InstallationResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        busy = active_run(context.instance, project)
        if busy is not None:
            return dg.SkipReason(f"Run {busy[:8]} of this project is queued or running.")
        with installation.opened() as here:
            work = due_work(here, project, plans, frame, tick=context.scheduled_execution_time)
        if not work:
            return dg.SkipReason(f"None of {len(plans)} continuous tasks is due.")
        return list(requests(project, work))

    return continuous


def active_run(instance: dg.DagsterInstance, project: str) -> str | None:
    """Id of a run of the project that is queued or running, however it was started."""
    key = naming.project_key(project)
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=list(UNFINISHED))):
        selected = {asset.path[0] for asset in run.asset_selection or ()}
        if run.tags.get(naming.PROJECT_TAG) == key or key in selected:
            return run.run_id
    return None


def due_work(here: Installation, project: str, plans: Sequence[TaskPlan], frame: Frame, *, tick: datetime) -> Work:
    """What is to run at `tick`: due tasks on today, because new files show only then, and on days with unseen spans."""
    due = [planned for planned in plans if _is_due(here, planned, tick, timedelta(minutes=step_minutes(plans)))]
    if not due:
        return {}
    today = tick.astimezone(UTC).date()
    late = _LateSpans(here, project)
    first = frame.partitions.start.date()
    deepest = max(_lookback_days(planned) for planned in due)
    days = [today - timedelta(days=back) for back in range(deepest + 1)]
    partitions = [day for day in days if day >= first]
    names = {day: frozenset(_names(due, late, day, today)) for day in partitions}
    return {day: tasks for day, tasks in names.items() if tasks}


def requests(project: str, work: Work) -> Iterator[dg.RunRequest]:
    """As few runs as possible: days that follow one another and have the same tasks go together."""
    tags = {naming.PROJECT_TAG: naming.project_key(project), naming.KIND_TAG: "continuous"}
    for tasks in sorted(set(work.values()), key=sorted):
        keys = [
            naming.spans_asset(project),
            *(key for task in sorted(tasks) for key in naming.task_assets(project, task)),
        ]
        for days in ranges(day for day, of in work.items() if of == tasks):
            if len(days) == 1:
                yield dg.RunRequest(partition_key=days[0].isoformat(), asset_selection=keys, tags=tags)
            else:
                yield dg.RunRequest(asset_selection=keys, tags={**tags, **range_tags(days)})


class _LateSpans:
    """Which days hold spans that a task has not seen."""

    def __init__(self, here: Installation, project: str) -> None:
        from evals_pipeline.engine.spans import spans_key
        from evals_pipeline.lake.tables import SPANS

        self.here, self.project = here, project
        snapshot = here.lake.snapshot(SPANS)
        self.stamp = snapshot.stamp(spans_key(project))
        self.days = {file.partition["day"] for file in snapshot.files_of(project=project)}

    def wait_for(self, task: str, day: date) -> bool:
        """Whether spans of that day may have arrived since the task last looked."""
        if day.isoformat() not in self.days:
            return False
        progress = self.here.ledger.progress(self.project, task, day)
        return progress is None or progress.spans_stamp < self.stamp


def _names(due: Sequence[TaskPlan], late: _LateSpans, day: date, today: date) -> Iterator[str]:
    for planned in due:
        is_inside = day >= today - timedelta(days=_lookback_days(planned))
        if day == today or (is_inside and late.wait_for(planned.task.name, day)):
            yield planned.task.name


def _is_due(here: Installation, planned: TaskPlan, tick: datetime, step: timedelta) -> bool:
    """Whether the last run began at least the task's cadence ago, counted from tick to tick."""
    last = here.ledger.runs(task=planned.task.name, limit=1)
    if not last:
        return True
    since_epoch = last[0].started_at - datetime(1970, 1, 1, tzinfo=UTC)
    its_tick = last[0].started_at - since_epoch % step
    return tick - its_tick >= timedelta(minutes=_every_minutes(planned))


def _continuous(plans: Sequence[TaskPlan]) -> list[TaskPlan]:
    return [planned for planned in plans if planned.task.continuous is not None]


def _every_minutes(planned: TaskPlan) -> int:
    return planned.task.continuous.every_minutes if planned.task.continuous else _MINUTES_OF_AN_HOUR


def _lookback_days(planned: TaskPlan) -> int:
    return planned.task.continuous.lookback_days if planned.task.continuous else 0
