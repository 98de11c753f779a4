"""Why an evaluator failed on units of a run: its most frequent error, for people who have just watched it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.sql import literal
from evals_pipeline.core.window import Window
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.lake.connection import lake_errors
from evals_pipeline.lake.tables import RESULTS


@dataclass(frozen=True, slots=True)
class CommonError:
    """The class of error that an evaluator met most often in a run.

    Attributes:
        units: Units that met it.
        example: One of its messages.
    """

    error_type: str
    units: int
    example: str


def common_errors(here: Installation, plan: TaskPlan, window: Window, run_id: str) -> Mapping[str, CommonError]:
    """Evaluator -> its most frequent error in that run; evaluators that failed nowhere are left out."""
    results = here.lake.snapshot(RESULTS)
    names, days = {use.name for use in plan.uses}, {str(day) for day in window}
    files = [
        file
        for file in results.files_of(project=plan.task.project)
        if file.partition["evaluator"] in names and file.partition["day"] in days
    ]
    mine = f"run_id = {literal(run_id)} AND outcome = {literal(str(Outcome.ERRORED))}"
    counted = (
        f"SELECT evaluator, error_type, count(*) AS units, min(error_message) AS example"
        f" FROM {results.relation(files)} WHERE {mine} GROUP BY ALL"
    )
    newest = "QUALIFY row_number() OVER (PARTITION BY evaluator ORDER BY units DESC, error_type) = 1"
    with here.connect() as connection, lake_errors(f"reading errors of task {plan.task.name!r}"):
        rows = connection.execute(f"SELECT * FROM ({counted}) {newest} ORDER BY evaluator").fetchall()
    return {name: CommonError(error_type, units, example) for name, error_type, units, example in rows}
