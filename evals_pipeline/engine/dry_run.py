"""What a run would take on, without collecting, writing or judging anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import duckdb

from evals_pipeline.core.calls import Tally
from evals_pipeline.core.columns import SPAN_ID
from evals_pipeline.core.sql import identifier, literal
from evals_pipeline.core.window import Window
from evals_pipeline.engine.choosing import Chooser
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import Overrides, TaskPlan
from evals_pipeline.engine.settled import create_settled
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.lake.connection import lake_errors, one_row
from evals_pipeline.lake.delta import Snapshot
from evals_pipeline.lake.tables import RESULTS, SPANS

if TYPE_CHECKING:
    from evals_pipeline.engine.estimates import JudgeEstimate


@dataclass(frozen=True, slots=True)
class DayForecast:
    """What a run would find on one day.

    Attributes:
        candidates: Spans collected so far.
        admitted: Those that the task's filter lets in.
        sampled: Those of them within the sampling rate.
        asked: Evaluator -> units it would judge, its own filter applied; missing values show only when it runs.
        judges: Judge -> what it is likely to ask and cost.
    """

    day: date
    candidates: int
    admitted: int
    sampled: int
    asked: Mapping[str, int]
    judges: Mapping[str, JudgeEstimate] = field(default_factory=dict)


def forecast(
    here: Installation, plan: TaskPlan, window: Window, overrides: Overrides | None = None
) -> tuple[DayForecast, ...]:
    """What a run of `plan` over `window` would take on, one entry per day that has spans; raises LakeError.

    Of `overrides` counts what they evaluate again; the rest is in `plan`.

    Spans that wait in the source and have not been collected yet are not counted.
    """
    spans, results = here.lake.snapshot(SPANS), here.lake.snapshot(RESULTS)
    with_spans = {file.partition["day"] for file in spans.files_of(project=plan.task.project)}
    days = [day for day in window if str(day) in with_spans]
    chosen = overrides or Overrides()
    return tuple(_forecast_day(here, plan, day, spans, results, chosen) for day in days)


def _forecast_day(
    here: Installation, plan: TaskPlan, day: date, spans: Snapshot, results: Snapshot, overrides: Overrides
) -> DayForecast:
    with here.connect() as connection, lake_errors(f"looking at task {plan.task.name!r} on {day}"):
        if not overrides.override:
            create_settled(connection, results, plan, day, other_versions_stand=overrides.other_versions_stand)
        chooser = Chooser(connection, spans, plan, day, asks_all=overrides.override)
        candidates, admitted, sampled = chooser.counts()
        names = [use.name for use in plan.uses]
        counts = ", ".join(f"count(*) FILTER ({_is_asked(use)})" for use in plan.uses)
        found = spans.relation(spans.files_of(project=plan.task.project, day=day))
        beside = f"{found} AS span ON span.{identifier(SPAN_ID)} = units.span_id"
        units = f"({chooser.chosen()}) AS units JOIN {beside}"
        asked = one_row(connection, f"SELECT {counts} FROM {units}")
        judges = _estimates(here, connection, plan, units)
    return DayForecast(day, candidates, admitted, sampled, dict(zip(names, asked, strict=True)), judges)


def _estimates(
    here: Installation, connection: duckdb.DuckDBPyConnection, plan: TaskPlan, units: str
) -> dict[str, JudgeEstimate]:
    if not plan.judges:
        return {}
    from evals_pipeline.engine.estimates import estimate  # brings prices and what makes requests

    past = here.ledger.spending(project=plan.task.project, task=plan.task.name)
    database = here.ledger.database
    return {
        use.name: estimate(
            connection, database, use, use.judge, f"{units} WHERE {_is_asked(use)}", past.get(use.name, Tally())
        )
        for use in plan.uses
        if use.judge is not None
    }


def total_estimates(days: Iterable[DayForecast]) -> dict[str, JudgeEstimate]:
    """Judge -> what it is likely to ask and cost on all `days` together."""
    together: dict[str, JudgeEstimate] = {}
    for day in days:
        for name, of in day.judges.items():
            together[name] = together[name] + of if name in together else of
    return together


def _is_asked(use: PlannedUse) -> str:
    """SQL that is true for the chosen units that `use` would judge; without a list everyone is asked."""
    asked = f"coalesce(list_contains(evaluators, {literal(use.name)}), TRUE)"
    return f"{asked} AND ({use.filter.sql})" if use.filter is not None else asked
