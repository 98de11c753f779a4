"""Why a unit has, or has not, a result: the corridor's decisions taken again for that one unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from evals_pipeline.core.columns import DERIVED_COLUMNS, INGESTED_AT, SPAN_COLUMNS, SPAN_ID
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.paths import resolve
from evals_pipeline.core.sql import identifier, literal
from evals_pipeline.engine.budgets import fullest_budget
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.lake.connection import lake_errors
from evals_pipeline.lake.delta import Snapshot
from evals_pipeline.lake.results import current_results
from evals_pipeline.lake.tables import INPUTS, RESULTS, SPANS
from evals_pipeline.ledger.ledger import Run
from evals_pipeline.selection.filters import Filter
from evals_pipeline.selection.sampling import is_sampled, sampling_key

Row = Mapping[str, Any]

NOT_COLLECTED = "not_collected"
"""No such unit has arrived."""
NOT_YET = "not_yet"
"""The unit is due and no run has come to it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a unit for one evaluator, and why.

    Attributes:
        outcome: One of the outcomes, or `not_collected` or `not_yet`.
        reason: A sentence with the facts: the failing clause, the hash beside the rate, the missing path, the error.
        result: The current result row, None when there is none.
    """

    evaluator: str
    outcome: str
    reason: str
    result: Row | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """All decisions about a unit; `day` is the UTC day of its start, None when it was never collected."""

    task: str
    unit_id: str
    day: date | None
    arrived_at: datetime | None
    decisions: tuple[Decision, ...]


def explain(here: Installation, plan: TaskPlan, unit_id: str) -> Explained:
    """Take the decisions about `unit_id` again; raises LakeError when the lake cannot be read."""
    with here.connect() as connection, lake_errors(f"explaining unit {unit_id!r}"):
        span = _find_span(connection, here.lake.snapshot(SPANS), plan, unit_id)
        if span is None:
            reason = f"no {plan.granularity} with this id has been collected for project {plan.task.project!r}"
            decisions = tuple(Decision(use.name, NOT_COLLECTED, reason) for use in plan.uses)
            return Explained(plan.task.name, unit_id, None, None, decisions)
        results = _results(connection, here.lake.snapshot(RESULTS), plan, unit_id, span["day"])
        refused = _refused_by_task(connection, plan, span, unit_id)
        decisions = tuple(
            _decided(plan, use, results[use.name])
            if use.name in results
            else _undecided(connection, here, plan, use, span, refused)
            for use in plan.uses
        )
    return Explained(plan.task.name, unit_id, span["day"], span[INGESTED_AT], decisions)


def _find_span(connection: duckdb.DuckDBPyConnection, spans: Snapshot, plan: TaskPlan, unit_id: str) -> Row | None:
    relation = spans.relation(spans.files_of(project=plan.task.project))
    derived = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in DERIVED_COLUMNS.items())
    key = identifier(plan.granularity.key_column)
    return next(
        iter(rows(connection, f"SELECT *, {derived} FROM {relation} WHERE {key} = {literal(unit_id)} LIMIT 1")), None
    )


def _results(
    connection: duckdb.DuckDBPyConnection, results: Snapshot, plan: TaskPlan, unit_id: str, day: date
) -> dict[str, Row]:
    names = {use.name for use in plan.uses}
    files = [
        file for file in results.files_of(project=plan.task.project, day=day) if file.partition["evaluator"] in names
    ]
    mine = f"(SELECT * FROM {results.relation(files)} WHERE unit_id = {literal(unit_id)})"
    return {row["evaluator"]: row for row in rows(connection, current_results(mine))}


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """The rows of `query` as dictionaries."""
    found = connection.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _refused_by_task(
    connection: duckdb.DuckDBPyConnection, plan: TaskPlan, span: Row, unit_id: str
) -> tuple[Outcome, str] | None:
    """The outcome of the task's own filter and sampling, when they keep the unit out."""
    if plan.filter is not None:
        failing = _failing_clauses(connection, plan.filter, span)
        if failing:
            return Outcome.FILTERED, f"the task's filter does not match: {failing}"
    task = plan.task
    if not is_sampled(unit_id, task.sampling_rate, task.sampling_salt):
        key = sampling_key(unit_id, task.sampling_salt)
        return (
            Outcome.SAMPLED_OUT,
            f"the hash of its id is {key:.6f}, not below the sampling rate {task.sampling_rate:g}",
        )
    return None


def _failing_clauses(connection: duckdb.DuckDBPyConnection, chosen: Filter, span: Row) -> str:
    """The clauses that are not true for the span, with the values they looked at; empty when all are."""
    values = ", ".join(
        f"{_literal(span[name])}::{_sql_type(kind)} AS {identifier(name)}" for name, kind in SPAN_COLUMNS.items()
    )
    checks = ", ".join(clause.sql for clause in chosen.clauses)
    (verdicts,) = connection.execute(f"SELECT {checks} FROM (SELECT {values})").fetchall()
    failing = [clause.text for clause, verdict in zip(chosen.clauses, verdicts, strict=True) if not verdict]
    if not failing:
        return ""
    looked_at = ", ".join(f"{name} is {_shown(span.get(name))}" for name in sorted(chosen.columns))
    return " AND ".join(failing) + (f" ({looked_at})" if looked_at else "")


def _literal(value: Any) -> str:
    return literal(value if value is None or isinstance(value, str | int | float) else str(value))


def _sql_type(kind: str) -> str:
    return "VARCHAR" if kind == "JSON" else kind


def _decided(plan: TaskPlan, use: PlannedUse, result: Row) -> Decision:
    return Decision(use.name, result["outcome"], _told(result) + _changed(plan, use, result), result)


def _changed(plan: TaskPlan, use: PlannedUse, result: Row) -> str:
    """What the result means for later runs, where it is of other inputs or of another version of the evaluator."""
    if result["input_fingerprint"] != use.fingerprint:
        return "; parameters, mapping or model have changed since: the next run on its whole day evaluates it again"
    old = result["evaluator_version"]
    if old == use.version:
        return ""
    if old in plan.hub.versions.called(use.evaluator.name, use.version):
        return f"; by the file before it was pushed as version {use.version}"
    if result["outcome"] == Outcome.ERRORED:
        return f"; that was version {old}: the next run on its whole day tries version {use.version}"
    again = f"evals run {plan.task.name} --day {result['day']} --reevaluate new-version"
    stands = f"which stands ({Outcome.ALREADY_EVALUATED}) though version {use.version} runs now"
    return f"; by version {old}, {stands}; to have that one's: {again}"


def _undecided(
    connection: duckdb.DuckDBPyConnection,
    here: Installation,
    plan: TaskPlan,
    use: PlannedUse,
    span: Row,
    refused: tuple[Outcome, str] | None,
) -> Decision:
    """Why a unit without a result has none."""
    if refused is not None:
        return Decision(use.name, *refused)
    if use.filter is not None:
        failing = _failing_clauses(connection, use.filter, span)
        if failing:
            return Decision(use.name, Outcome.FILTERED, f"the evaluator's filter does not match: {failing}")
    missing = [
        f"variable {name!r}: {path.dotted!r} has no value"
        for name, path in use.paths.items()
        if resolve(span, path) is None
    ]
    if missing:
        return Decision(use.name, Outcome.SKIPPED, "; ".join(missing) + " (not recorded by a run yet)")
    run = here.ledger.latest_selection(plan.task.project, plan.task.name, span["day"])
    if run is not None and _was_chosen(connection, here, plan, run, span):
        return Decision(use.name, *_left_over(here, plan, use, run))
    return Decision(use.name, *_not_yet(plan, run, span))


def _was_chosen(connection: duckdb.DuckDBPyConnection, here: Installation, plan: TaskPlan, run: Run, span: Row) -> bool:
    """Whether the unit is among the inputs of the run."""
    inputs = here.lake.snapshot(INPUTS)
    files = inputs.files_of(project=plan.task.project, day=span["day"], task=plan.task.name)
    mine = f"run_id = {literal((run.selection or {}).get('run_id'))} AND span_id = {literal(span[SPAN_ID])}"
    return bool(rows(connection, f"SELECT unit_id FROM {inputs.relation(files)} WHERE {mine} LIMIT 1"))


def _left_over(here: Installation, plan: TaskPlan, use: PlannedUse, run: Run) -> tuple[str, str]:
    """Why a unit that the run had chosen got no result from it."""
    named = f"run {run.key.run_id} of {_minute(run.started_at)}"
    if run.outcomes.get(use.name, {}).get(Outcome.OVER_BUDGET):
        told = fullest_budget(here.ledger, plan.task, run)
        reason = f"asking could have cost more than was left in {named}"
        return Outcome.OVER_BUDGET, reason + (f"; fullest is {told}" if told else "")
    if run.status != "finished":
        return NOT_YET, _unfinished(named, run)
    return NOT_YET, f"{named} chose it, and the task has changed since"


def _unfinished(named: str, run: Run) -> str:
    why = f": {' '.join(run.message.split())}" if run.message else ""
    return f"{named} chose its day and did not finish ({run.status}){why}"


def _told(result: Row) -> str:
    when = f"{result['evaluated_at']:%Y-%m-%d %H:%M:%S} UTC by run {result['run_id']}"
    if result["outcome"] == Outcome.EVALUATED:
        return f"evaluated {when}: label {result['label']!r}, score {result['score']}"
    return f"{result['error_type']}: {result['error_message']} ({when})"


def _not_yet(plan: TaskPlan, run: Run | None, span: Row) -> tuple[str, str]:
    task = plan.task
    if run is None:
        return NOT_YET, f"the task never ran on {span['day']}; run: evals run {task.name} --day {span['day']}"
    limit = run.options.get("max_units") or task.max_units
    arrived = span[INGESTED_AT]
    seen = datetime.fromtimestamp((run.selection or {}).get("spans_stamp", 0) / 1_000_000, UTC)
    if arrived > seen:
        return NOT_YET, f"it arrived {_minute(arrived)}, after the last run on its day had looked ({_minute(seen)})"
    if limit is not None:
        return Outcome.OVER_LIMIT, f"the last run on its day took {limit} units at most, and this was not among them"
    if run.status != "finished":
        return NOT_YET, _unfinished(f"run {run.key.run_id} of {_minute(run.started_at)}", run)
    return (
        NOT_YET,
        f"the task has changed since the run of {_minute(run.started_at)}, or another day's run is still to come",
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…'"
