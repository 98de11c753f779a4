"""What ran, what became of its candidates, and how far each task has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from evals_pipeline.core.outcome import Outcome
from evals_pipeline.ledger import schema as s
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.values import storable, without_zone
from evals_pipeline.ledger.writing import upsert

OutcomeCounts = Mapping[str, Mapping[Outcome, int]]
"""evaluator -> outcome -> candidates."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """One task on one day inside one Dagster run."""

    run_id: str
    project: str
    task: str
    day: date


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the run history. Times are UTC; `sandbox` is how custom code was confined, None without any."""

    key: RunKey
    started_at: datetime
    finished_at: datetime | None
    status: str
    message: str | None
    options: Mapping[str, Any]
    candidates: int | None
    selection: Mapping[str, Any] | None
    outcomes: OutcomeCounts
    sandbox: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task has come on a day.

    Attributes:
        fingerprint: What the task looked like then; another one means that the day is looked at again as a whole.
        spans_stamp: Newest arrival seen, microseconds since 1970.
        results_stamp: Newest commit of results at that moment, microseconds since 1970.
        is_complete: Whether nothing was left for a later run.
        summary: What the day's current results look like; plain JSON.
    """

    fingerprint: str
    spans_stamp: int
    results_stamp: int
    is_complete: bool
    summary: Mapping[str, Any]


class Runs:
    """The part of the ledger about runs and progress."""

    database: Database

    def start_run(self, key: RunKey, options: Mapping[str, Any], *, now: datetime) -> None:
        """Open the run's row; a second attempt of the same run starts it afresh."""
        row = {
            **asdict(key),
            "started_at": without_zone(now),
            "finished_at": None,
            "status": "running",
            "message": None,
            "sandbox": None,
        }
        with self.database.begin() as connection:
            connection.execute(s.outcomes.delete().where(_is(s.outcomes, key)))
            upsert(connection, s.runs, [{**row, "options": dict(options), "candidates": None, "selection": None}])

    def record_selection(
        self, key: RunKey, selection: Mapping[str, Any], counts: OutcomeCounts, *, candidates: int
    ) -> None:
        """Remember what the run's inputs stand on and the outcomes decided by selection."""
        with self.database.begin() as connection:
            changes = s.runs.update().where(_is(s.runs, key)).values(selection=dict(selection), candidates=candidates)
            connection.execute(changes)
            upsert(connection, s.outcomes, _outcome_rows(key, counts))

    def record_sandbox(self, key: RunKey, report: Mapping[str, Any]) -> None:
        """Remember how custom code is confined in the run; plain JSON."""
        with self.database.begin() as connection:
            connection.execute(s.runs.update().where(_is(s.runs, key)).values(sandbox=dict(report)))

    def finish_run(self, key: RunKey, counts: OutcomeCounts, progress: Progress | None, *, now: datetime) -> None:
        """Close the run's row with its final outcomes, and move the task's progress on that day."""
        with self.database.begin() as connection:
            done = (
                s.runs.update()
                .where(_is(s.runs, key))
                .values(status="finished", finished_at=without_zone(now), message=None)
            )
            connection.execute(done)
            connection.execute(s.outcomes.delete().where(_is(s.outcomes, key)))
            upsert(connection, s.outcomes, _outcome_rows(key, counts))
            if progress is not None:
                row = {"project": key.project, "task": key.task, "day": key.day, **asdict(progress)}
                upsert(connection, s.progress, [row])

    def fail_run(self, key: RunKey, message: str, *, now: datetime) -> None:
        """Close the run's row with what went wrong."""
        with self.database.begin() as connection:
            values = {"status": "failed", "message": storable(message), "finished_at": without_zone(now)}
            connection.execute(s.runs.update().where(_is(s.runs, key)).values(**values))

    def run(self, key: RunKey) -> Run | None:
        """That run, or None."""
        found = self._select_runs(_is(s.runs, key), limit=1)
        return found[0] if found else None

    def latest_selection(self, project: str, task: str, day: date) -> Run | None:
        """The newest run of the task on that day that selected inputs, or None."""
        where = (s.runs.c.project == project) & (s.runs.c.task == task) & (s.runs.c.day == day)
        found = self._select_runs(where & s.runs.c.selection.is_not(None), limit=20)
        return next((run for run in found if run.selection), None)

    def runs(self, *, task: str | None = None, limit: int = 50) -> list[Run]:
        """Runs, newest first."""
        return self._select_runs(sa.true() if task is None else s.runs.c.task == task, limit=limit)

    def progress(self, project: str, task: str, day: date) -> Progress | None:
        """How far the task has come on that day, or None when it never ran to its end there."""
        table = s.progress
        query = sa.select(table).where(table.c.project == project, table.c.task == task, table.c.day == day)
        with self.database.begin() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Progress(row.fingerprint, row.spans_stamp, row.results_stamp, row.is_complete, row.summary)

    def _select_runs(self, where: sa.ColumnElement[bool], *, limit: int) -> list[Run]:
        query = sa.select(s.runs).where(where).order_by(s.runs.c.started_at.desc(), s.runs.c.day.desc()).limit(limit)
        with self.database.begin() as connection:
            rows = connection.execute(query).all()
            keys = [RunKey(row.run_id, row.project, row.task, row.day) for row in rows]
            counts = {key: _outcomes_of(connection, key) for key in keys}
        return [_run(row, key, counts[key]) for row, key in zip(rows, keys, strict=True)]


def conserved(candidates: int, counts: OutcomeCounts) -> dict[str, int]:
    """Evaluators whose outcomes do not sum up to `candidates`, with the difference; empty when all is well."""
    sums = {evaluator: sum(of.values()) for evaluator, of in counts.items()}
    return {evaluator: total - candidates for evaluator, total in sums.items() if total != candidates}


def _run(row: Any, key: RunKey, counts: OutcomeCounts) -> Run:
    return Run(
        key=key,
        started_at=row.started_at.replace(tzinfo=UTC),
        finished_at=row.finished_at.replace(tzinfo=UTC) if row.finished_at else None,
        status=row.status,
        message=row.message,
        options=row.options,
        candidates=row.candidates,
        selection=row.selection,
        outcomes=counts,
        sandbox=row.sandbox,
    )


def _outcomes_of(connection: sa.Connection, key: RunKey) -> dict[str, dict[Outcome, int]]:
    counts: dict[str, dict[Outcome, int]] = {}
    for row in connection.execute(sa.select(s.outcomes).where(_is(s.outcomes, key))):
        counts.setdefault(row.evaluator, {})[Outcome(row.outcome)] = int(row._mapping["count"])
    return counts


def _outcome_rows(key: RunKey, counts: OutcomeCounts) -> list[dict[str, Any]]:
    return [
        {**asdict(key), "evaluator": evaluator, "outcome": str(outcome), "count": count}
        for evaluator, of in counts.items()
        for outcome, count in of.items()
    ]


def _is(table: sa.Table, key: RunKey) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == value for name, value in asdict(key).items()))
