"""Why evaluators failed on units of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.sql import literal
from evals_pipeline.core.window import Window
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.lake.connection import lake_errors
from evals_pipeline.lake.tables import RESULTS
from evals_pipeline.ledger.ledger import RunKey


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


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """Units of a run on which an evaluator failed in the same way.

    Attributes:
        place: File and line of a custom evaluator; empty for others, and where no line of it was running.
        unit_id: One of them.
    """

    evaluator: str
    error_type: str
    place: str
    units: int
    unit_id: str


def error_classes(here: Installation, plan: TaskPlan, key: RunKey) -> tuple[ErrorClass, ...]:
    """How evaluators failed in one run on one day, the most frequent way first; no messages, which may quote data."""
    results = here.lake.snapshot(RESULTS)
    found: list[ErrorClass] = []
    with here.connect() as connection, lake_errors(f"reading errors of task {plan.task.name!r}"):
        for use in plan.uses:
            relation = results.relation(results.files_of(project=key.project, day=key.day, evaluator=use.name))
            counted = (
                f"SELECT error_type, {_place_sql(use)} AS place, count(*) AS units, min(unit_id) FROM {relation}"
                f" WHERE run_id = {literal(key.run_id)} AND outcome = {literal(str(Outcome.ERRORED))} GROUP BY ALL"
            )
            found += [ErrorClass(use.name, *row) for row in connection.execute(counted).fetchall()]
    return tuple(sorted(found, key=lambda each: (-each.units, each.evaluator, each.error_type, each.place)))


def _place_sql(use: PlannedUse) -> str:
    """What a message of a custom evaluator ends with, `(evaluators/polite.py, line 12)`, without the brackets."""
    if not isinstance(use.evaluator, Custom):
        return "''"
    pattern = rf"\(({re.escape(use.evaluator.definition.file)}, line [0-9]+)\)$"
    return f"coalesce(regexp_extract(error_message, {literal(pattern)}, 1), '')"
