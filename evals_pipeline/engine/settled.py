"""Which units need no judgement any more: what `already_evaluated` means."""

from __future__ import annotations

from datetime import date

import duckdb

from evals_pipeline.core.outcome import SETTLED, Outcome
from evals_pipeline.core.sql import literal
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.lake.delta import Snapshot

SETTLED_TABLE = "settled"


def results_key(project: str, task: str, day: date) -> str:
    """The key under which a task's results of a day are committed."""
    return f"results/{project}/{task}/{day}"


def has_results(results: Snapshot, plan: TaskPlan, day: date) -> bool:
    """Whether any evaluator of the task has results of that day, from this task or from one that it was moved from."""
    names = {use.name for use in plan.uses}
    return any(file.partition["evaluator"] in names for file in results.files_of(project=plan.task.project, day=day))


def create_settled(
    connection: duckdb.DuckDBPyConnection,
    results: Snapshot,
    plan: TaskPlan,
    day: date,
    *,
    other_versions_stand: bool = True,
) -> None:
    """Make table `settled(unit_id, evaluators)`: for each unit, the evaluators whose newest result stands.

    It stands when it is of the same inputs and is evaluated or skipped, whichever version of the evaluator said so
    unless `other_versions_stand` is false; or when this version has failed `max_attempts` times. What a file said
    before it was pushed as it stood is of this version.
    """
    relations = [_settled_by(results, plan, use, day, other_versions_stand) for use in plan.uses]
    connection.execute(
        f"CREATE OR REPLACE TABLE {SETTLED_TABLE} AS SELECT unit_id, list(evaluator) AS evaluators"
        f" FROM ({' UNION ALL '.join(relations)}) GROUP BY unit_id"
    )


def _settled_by(results: Snapshot, plan: TaskPlan, use: PlannedUse, day: date, other_versions_stand: bool) -> str:
    rows = results.relation(results.files_of(project=plan.task.project, day=day, evaluator=use.name))
    same_inputs = f"(input_fingerprint = {literal(use.fingerprint)})"
    called = ", ".join(literal(version) for version in plan.hub.versions.called(use.evaluator.name, use.version))
    same = f"({same_inputs} AND evaluator_version IN ({called}))"
    stands = same_inputs if other_versions_stand else same
    final = ", ".join(literal(str(outcome)) for outcome in SETTLED)
    errored = literal(str(Outcome.ERRORED))
    return (
        f"SELECT unit_id, {literal(use.name)} AS evaluator FROM {rows} GROUP BY unit_id"
        f" HAVING arg_max({stands}, evaluated_at) AND (arg_max(outcome, evaluated_at) IN ({final})"
        f" OR count(*) FILTER (outcome = {errored} AND {same}) >= {plan.task.max_attempts})"
    )
