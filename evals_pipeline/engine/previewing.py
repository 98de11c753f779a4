"""What a task's mapping finds in real spans, before anything is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals_pipeline.core.columns import DERIVED_COLUMNS, INGESTED_AT
from evals_pipeline.core.sql import identifier
from evals_pipeline.engine.explaining import rows
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.lake.connection import lake_errors
from evals_pipeline.lake.tables import SPANS
from evals_pipeline.mapping.preview import VariablePreview, preview

PREVIEW_SPANS = 200


@dataclass(frozen=True, slots=True)
class TaskPreview:
    """What a task would see.

    Attributes:
        spans: Newest spans of the project that were looked at.
        matching: How many of them the task's filter admits.
        variables: Evaluator -> what each of its variables finds in the admitted ones; `dataset_row[path]` stands for
            what a custom evaluator is shown besides.
    """

    spans: int
    matching: int
    variables: dict[str, tuple[VariablePreview, ...]]


def preview_task(here: Installation, plan: TaskPlan, *, spans: int = PREVIEW_SPANS, examples: int = 3) -> TaskPreview:
    """Look at the project's newest spans through the task's filter and mapping; raises LakeError."""
    snapshot = here.lake.snapshot(SPANS)
    relation = snapshot.relation(snapshot.files_of(project=plan.task.project))
    derived = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in DERIVED_COLUMNS.items())
    admitted = plan.filter.sql if plan.filter else "TRUE"
    newest = f"SELECT * FROM {relation} ORDER BY {identifier(INGESTED_AT)} DESC, start_time DESC LIMIT {spans}"
    with here.connect() as connection, lake_errors(f"previewing task {plan.task.name!r}"):
        found = rows(connection, f"SELECT *, {derived}, {admitted} AS is_admitted FROM ({newest})")
    matching = [span for span in found if span["is_admitted"]]
    variables = {use.name: _variables(use, matching, examples) for use in plan.uses}
    return TaskPreview(len(found), len(matching), variables)


def _variables(use: PlannedUse, spans: Sequence[Mapping[str, object]], examples: int) -> tuple[VariablePreview, ...]:
    beside = {f"dataset_row[{path.dotted}]": path for path in use.row_paths}
    are_natural = isinstance(use.evaluator, Custom)
    return preview(spans, {**use.paths, **beside}, limit=examples, are_natural=are_natural)
