"""Checks on a task's results: that nothing was lost on the way, and that its evaluators could judge.

They read the ledger, where the counts are kept, and not what the asset has in hand. Add a check here with its spec
beside its verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from evals_pipeline.core.outcome import Outcome
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.ledger.ledger import Run, RunKey, conserved
from evals_pipeline.orchestration.tables import Metadata, table

if TYPE_CHECKING:
    from evals_pipeline.engine.installation import Installation

CONSERVATION = "conservation"
JUDGED = "judged"


def check_specs(results: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks that materializing `results` answers."""
    return [
        dg.AssetCheckSpec(
            CONSERVATION,
            asset=results,
            blocking=True,
            description="For every evaluator, candidates = sum of outcomes. Annotations wait for it.",
        ),
        dg.AssetCheckSpec(
            JUDGED,
            asset=results,
            description="Warns when an evaluator failed on a unit, or could judge none of those it was asked about.",
        ),
    ]


def checked(here: Installation, plan: TaskPlan, keys: Sequence[RunKey]) -> list[dg.AssetCheckResult]:
    """The verdicts on a run's days, all days together."""
    runs = {key: here.ledger.run(key) for key in keys}
    evaluators = [use.name for use in plan.uses]
    return [_conservation(runs, evaluators), _judged([run for run in runs.values() if run is not None], evaluators)]


def _conservation(runs: Mapping[RunKey, Run | None], evaluators: Sequence[str]) -> dg.AssetCheckResult:
    wrong = [(str(key.day), *difference) for key, run in runs.items() for difference in _differences(run, evaluators)]
    candidates = sum(run.candidates or 0 for run in runs.values() if run is not None)
    metadata: Metadata = {
        "candidates": dg.MetadataValue.int(candidates),
        "evaluators": dg.MetadataValue.int(len(evaluators)),
    }
    if wrong:
        metadata["differences"] = table(("day", "evaluator", "difference"), wrong)
    return dg.AssetCheckResult(
        passed=not wrong,
        check_name=CONSERVATION,
        metadata=metadata,
        description=f"The counts of {len(wrong)} evaluator days do not add up." if wrong else None,
    )


def _differences(run: Run | None, evaluators: Iterable[str]) -> list[tuple[str, int]]:
    """Evaluators whose outcomes are too many (positive) or too few; a run that left no row has lost everything."""
    if run is None or run.candidates is None:
        return [("no run recorded", 0)]
    counted = {name: run.outcomes.get(name, {}) for name in evaluators}
    return list(conserved(run.candidates, counted).items())


def _judged(runs: Sequence[Run], evaluators: Sequence[str]) -> dg.AssetCheckResult:
    troubled = [(name, *row) for name in evaluators if (row := _trouble(runs, name))]
    return dg.AssetCheckResult(
        passed=not troubled,
        check_name=JUDGED,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"troubled": table(("evaluator", "evaluated", "skipped", "errored"), troubled)} if troubled else {},
    )


def _trouble(runs: Sequence[Run], evaluator: str) -> tuple[int, int, int] | None:
    """Evaluated, skipped and errored units, when there is reason to warn."""
    evaluated, skipped, errored = (
        sum(run.outcomes.get(evaluator, {}).get(outcome, 0) for run in runs)
        for outcome in (Outcome.EVALUATED, Outcome.SKIPPED, Outcome.ERRORED)
    )
    return (evaluated, skipped, errored) if errored or (skipped and not evaluated) else None
