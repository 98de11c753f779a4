"""The fourth stage: results attached to their units, in the columns that Arize and Phoenix read back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from evals_pipeline.core.columns import SPAN_ID
from evals_pipeline.core.sql import identifier, literal
from evals_pipeline.core.task import Project
from evals_pipeline.engine.installation import STATE_FOLDER, Installation
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.settled import results_key
from evals_pipeline.lake.connection import lake_errors
from evals_pipeline.lake.delta import Snapshot
from evals_pipeline.lake.results import current_results
from evals_pipeline.lake.tables import RESULTS
from evals_pipeline.sinks.files import read_stamp, write_annotations


@dataclass(frozen=True, slots=True)
class Attached:
    """Where a day's annotations are, how many units they hold, and whether this call wrote them."""

    path: Path
    units: int
    is_new: bool


def attach_results(here: Installation, project: Project, plan: TaskPlan, day: date) -> Attached:
    """Write the task's current results of a day as one Parquet file, one row per annotated unit.

    Columns: `context.span_id` and, per evaluator, `eval.<name>.label`, `.score` and `.explanation`. Failed and skipped
    units have none. A file that already holds the newest results of these evaluators is left alone.

    Raises:
        SinkError: When the file cannot be written; the one before stays as it was.
        LakeError: When the results cannot be read.
    """
    results = here.lake.snapshot(RESULTS)
    stamp = results.stamp(results_key(project.name, plan.task.name, day))
    path = annotations_path(here.folder, project, plan.task.name, day)
    with here.connect() as connection, lake_errors(f"attaching results of task {plan.task.name!r} on {day}"):
        found = read_stamp(connection, path)
        if found is not None and found.stamp == stamp and found.columns == (SPAN_ID, *_result_columns(plan)):
            return Attached(path, found.units, is_new=False)
        units = write_annotations(connection, annotations_sql(results, plan, day), path, stamp=stamp)
    return Attached(path, units, is_new=True)


def annotations_path(folder: Path, project: Project, task: str, day: date) -> Path:
    """Where the day's annotations of a task lie."""
    chosen = folder / project.sink.path if project.sink else folder / STATE_FOLDER / "annotations" / project.name
    return chosen / task / f"{day}.parquet"


def annotations_sql(results: Snapshot, plan: TaskPlan, day: date) -> str:
    """SQL of the write-back frame: one row per annotated unit."""
    names = [use.name for use in plan.uses]
    files = [file for name in names for file in results.files_of(project=plan.task.project, day=day, evaluator=name)]
    columns = [
        f"any_value({part}) FILTER (evaluator = {literal(name)}) AS {identifier(column)}"
        for column, (name, part) in _result_columns(plan).items()
    ]
    current = f"SELECT * FROM ({current_results(results.relation(files))}) WHERE outcome = 'evaluated'"
    chosen = ", ".join([f"span_id AS {identifier(SPAN_ID)}", *columns])
    return f"SELECT {chosen} FROM ({current}) GROUP BY span_id ORDER BY span_id"


def _result_columns(plan: TaskPlan) -> dict[str, tuple[str, str]]:
    """Column of the write-back -> the evaluator and the part of its result that it holds."""
    prefix = plan.granularity.result_prefix
    return {
        f"{prefix}.{use.name}.{part}": (use.name, part)
        for use in plan.uses
        for part in ("label", "score", "explanation")
    }
