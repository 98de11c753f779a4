"""What the current results of a task on a day look like: the numbers that asset pages and the CLI show."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.sql import literal
from evals_pipeline.engine.codes import FALSE, MISSING, TRUE
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.lake.delta import Snapshot
from evals_pipeline.lake.results import current_results

LOWEST = 10

MOST_LABELS = 50
"""Of an evaluator on a day; a custom one may say something else of every unit."""

REST = "other labels"
"""What the rarer ones are counted under, at the end."""


@dataclass(frozen=True, slots=True)
class EvaluatorSummary:
    """One evaluator's current results.

    Attributes:
        outcomes: Outcome -> rows.
        labels: Label -> rows, most frequent first; at most `MOST_LABELS`, and `REST`.
        score_sum: Sum of the scores of evaluated rows; failed and skipped rows have none.
        score_count: Rows that have a score.
        lowest: Unit id, score and label of the units with the lowest scores, at most ten.
    """

    outcomes: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    score_sum: float = 0.0
    score_count: int = 0
    lowest: Sequence[tuple[str, float, str | None]] = ()

    @property
    def score_mean(self) -> float | None:
        """Mean of the scores, None when no row has one."""
        return self.score_sum / self.score_count if self.score_count else None

    @property
    def rows(self) -> int:
        """Current result rows."""
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class Summary:
    """Evaluator -> what its current results look like, in the task's order."""

    evaluators: Mapping[str, EvaluatorSummary]

    @property
    def rows(self) -> int:
        """Current result rows of all evaluators."""
        return sum(of.rows for of in self.evaluators.values())

    def added_to(self, other: Summary) -> Summary:
        """Both together, for results of different units."""
        names = {**other.evaluators, **self.evaluators}
        nothing = EvaluatorSummary()
        both = {name: (other.evaluators.get(name, nothing), self.evaluators.get(name, nothing)) for name in names}
        return Summary({name: _merged(old, new) for name, (old, new) in both.items()})

    def as_json(self) -> dict[str, Any]:
        """Plain JSON for the ledger."""
        return {
            name: {
                "outcomes": dict(of.outcomes),
                "labels": dict(of.labels),
                "score_sum": of.score_sum,
                "score_count": of.score_count,
                "lowest": [list(row) for row in of.lowest],
            }
            for name, of in self.evaluators.items()
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Summary:
        """The summary that `as_json` wrote."""
        return cls(
            {
                name: EvaluatorSummary(**{**of, "lowest": [tuple(row) for row in of["lowest"]]})
                for name, of in value.items()
            }
        )


def summarise_judged(
    connection: duckdb.DuckDBPyConnection, use: PlannedUse, code: str, codes: Mapping[int, int], *, has_answers: bool
) -> EvaluatorSummary:
    """Summary of the units in tables `judged` and `answers`, without reading the rows that were written for them.

    `code` is the evaluator's column of codes, `codes` says how many units have which.
    """
    skipped = sum(count for of, count in codes.items() if of >= MISSING)
    summary = EvaluatorSummary(outcomes=_positive({Outcome.SKIPPED: skipped}))
    if isinstance(use.evaluator, PrebuiltCheck):
        summary = _merged(summary, _decided(connection, use.evaluator, code, codes))
    if has_answers:
        summary = _merged(summary, _summarise(connection, f"(FROM answers WHERE outcome <> '{Outcome.OVER_BUDGET}')"))
    return summary


def _decided(
    connection: duckdb.DuckDBPyConnection, check: PrebuiltCheck, code: str, codes: Mapping[int, int]
) -> EvaluatorSummary:
    """Summary of the verdicts that DuckDB gave."""
    yes, no = check.labels
    verdicts = f"SELECT unit_id, {code} - {FALSE} AS score, {code} FROM judged WHERE {code} IN ({FALSE}, {TRUE})"
    labelled = f"SELECT unit_id, score::DOUBLE AS score, if(score = 1, {literal(yes)}, {literal(no)}) AS label"
    count = codes.get(TRUE, 0) + codes.get(FALSE, 0)
    return EvaluatorSummary(
        outcomes=_positive({Outcome.EVALUATED: count}),
        labels=_positive({yes: codes.get(TRUE, 0), no: codes.get(FALSE, 0)}),
        score_sum=float(codes.get(TRUE, 0)),
        score_count=count,
        lowest=_lowest(connection, f"({labelled} FROM ({verdicts}))"),
    )


def summarise_day(connection: duckdb.DuckDBPyConnection, results: Snapshot, plan: TaskPlan, day: date) -> Summary:
    """Summary of the task's current results on a day."""
    summaries = {}
    for use in plan.uses:
        rows = results.relation(results.files_of(project=plan.task.project, day=day, evaluator=use.name))
        summaries[use.name] = _summarise(connection, f"({current_results(rows)})")
    return Summary(summaries)


def _summarise(connection: duckdb.DuckDBPyConnection, rows: str) -> EvaluatorSummary:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE grouped AS SELECT outcome, label, count(*) AS units, sum(score) AS score_sum,"
        f" count(score) AS score_count FROM {rows} GROUP BY ALL"
    )
    counted = "SELECT outcome, sum(units)::BIGINT, coalesce(sum(score_sum), 0), sum(score_count)::BIGINT FROM grouped"
    outcomes = connection.execute(f"{counted} GROUP BY outcome ORDER BY 2 DESC, 1").fetchall()
    return EvaluatorSummary(
        {outcome: units for outcome, units, _, _ in outcomes},
        _labels(connection),
        _finite(sum(row[2] for row in outcomes)),
        sum(row[3] for row in outcomes),
        _lowest(connection, rows),
    )


def _labels(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The labels of table `grouped`; where there are more than are told apart, few of them leave DuckDB."""
    counted = "SELECT label, sum(units)::BIGINT AS units FROM grouped WHERE label IS NOT NULL GROUP BY label"
    query = f"SELECT label, units, (sum(units) OVER ())::BIGINT FROM ({counted}) ORDER BY units DESC, label"
    most = connection.execute(f"{query} LIMIT {MOST_LABELS}").fetchall()
    labels = {label: units for label, units, _ in most}
    rest = most[0][2] - sum(labels.values()) if most else 0
    return _added(labels, {REST: rest} if rest else {})


def _lowest(connection: duckdb.DuckDBPyConnection, rows: str) -> list[tuple[str, float, str | None]]:
    query = f"SELECT unit_id, score, label FROM {rows} WHERE score IS NOT NULL ORDER BY score, unit_id LIMIT {LOWEST}"
    return connection.execute(query).fetchall()


def _positive(counts: Mapping[str, int]) -> dict[str, int]:
    return _added({}, {str(name): count for name, count in counts.items() if count})


def _merged(old: EvaluatorSummary, new: EvaluatorSummary) -> EvaluatorSummary:
    lowest = sorted([*old.lowest, *new.lowest], key=lambda row: (row[1], row[0]))[:LOWEST]
    return EvaluatorSummary(
        _added(old.outcomes, new.outcomes),
        _capped(_added(old.labels, new.labels)),
        _finite(old.score_sum + new.score_sum),
        old.score_count + new.score_count,
        lowest,
    )


def _added(old: Mapping[str, int], new: Mapping[str, int]) -> dict[str, int]:
    together = {key: old.get(key, 0) + new.get(key, 0) for key in {**old, **new}}
    return dict(sorted(together.items(), key=lambda item: (item[0] == REST, -item[1], item[0])))


def _capped(labels: Mapping[str, int]) -> Mapping[str, int]:
    rarer = [label for label in labels if label != REST][MOST_LABELS:]
    if not rarer:
        return labels
    rest = labels.get(REST, 0) + sum(labels[label] for label in rarer)
    return {**{label: count for label, count in labels.items() if label not in {REST, *rarer}}, REST: rest}


def _finite(total: float) -> float:
    """A sum that JSON can say: scores are finite, and so large ones may add up to infinity."""
    return max(-sys.float_info.max, min(total, sys.float_info.max))
