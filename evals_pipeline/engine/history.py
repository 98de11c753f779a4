"""Runs as people see them: one entry per run and task, its days together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from evals_pipeline.core.calls import Tally
from evals_pipeline.core.outcome import Outcome, summed
from evals_pipeline.ledger.ledger import Ledger, Run, RunKey
from evals_pipeline.sandbox.report import SandboxReport

if TYPE_CHECKING:
    from evals_pipeline.engine.summary import Summary

_DAYS_A_RUN = 15  # rows that a run of the default backfill window has


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run of one task, its days together.

    Attributes:
        status: `running`, `finished` or `failed`; failed as soon as one day has.
        seconds: From the first selection to the last verdict; None while a day is running.
        candidates: Units that were looked at.
        outcomes: evaluator -> outcome -> units.
        spent: What its judges asked and cost; None without judges.
        sandbox: How custom code was confined, the weakest of the days; None without any.
    """

    run_id: str
    project: str
    task: str
    days: tuple[date, ...]
    started_at: datetime
    seconds: float | None
    status: str
    messages: tuple[str, ...]
    options: Mapping[str, Any]
    candidates: int
    outcomes: Mapping[str, Mapping[Outcome, int]]
    spent: Tally | None = None
    sandbox: SandboxReport | None = None

    @property
    def judged(self) -> int:
        """Verdicts of this run: units evaluated, per evaluator, summed up."""
        return sum(of.get(Outcome.EVALUATED, 0) for of in self.outcomes.values())


def run_reports(ledger: Ledger, *, task: str | None = None, limit: int = 20) -> tuple[RunReport, ...]:
    """The newest runs, newest first; raises LedgerError."""
    grouped: dict[tuple[str, str], list[Run]] = {}
    for run in ledger.runs(task=task, limit=limit * _DAYS_A_RUN):
        grouped.setdefault((run.key.run_id, run.key.task), []).append(run)
    chosen = dict(list(grouped.items())[:limit])
    spent = ledger.spending_of_runs({run_id for run_id, _ in chosen})
    return tuple(_report(runs, spent) for runs in chosen.values())


def run_report(ledger: Ledger, run_id: str, project: str, task: str, days: Iterable[date]) -> RunReport | None:
    """What one run did with a task on `days`; None when it recorded nothing."""
    found = [ledger.run(RunKey(run_id, project, task, day)) for day in days]
    runs = [run for run in found if run is not None]
    return _report(runs, ledger.spending_of_runs({run_id})) if runs else None


def summary_of_days(ledger: Ledger, project: str, task: str, days: Iterable[date]) -> Summary:
    """What the task's current results of `days` look like together, as its last runs left them."""
    from evals_pipeline.engine.summary import Summary  # brings DuckDB, which those who list runs need not wait for

    together = Summary({})
    for day in days:
        progress = ledger.progress(project, task, day)
        if progress is not None:
            together = Summary.from_json(progress.summary).added_to(together)
    return together


def newest_runs(database: str, tasks: Iterable[str]) -> dict[str, Run]:
    """Task -> its newest run, for those that ever ran; opens the ledger and nothing else. Raises LedgerError."""
    ledger = Ledger(database)
    try:
        found = {task: next(iter(ledger.runs(task=task, limit=1)), None) for task in tasks}
    finally:
        ledger.close()
    return {task: run for task, run in found.items() if run is not None}


def _report(runs: Sequence[Run], spent: Mapping[tuple[str, str, str], Tally]) -> RunReport:
    first = runs[0]
    started_at = min(run.started_at for run in runs)
    ends = [run.finished_at for run in runs if run.finished_at is not None]
    return RunReport(
        run_id=first.key.run_id,
        project=first.key.project,
        task=first.key.task,
        days=tuple(sorted(run.key.day for run in runs)),
        started_at=started_at,
        seconds=(max(ends) - started_at).total_seconds() if len(ends) == len(runs) else None,
        status=_worst([run.status for run in runs]),
        messages=tuple(dict.fromkeys(run.message for run in runs if run.message)),
        options=first.options,
        candidates=sum(run.candidates or 0 for run in runs),
        outcomes=summed(run.outcomes for run in runs),
        spent=spent.get((first.key.run_id, first.key.project, first.key.task)),
        sandbox=_weakest([SandboxReport.from_dict(run.sandbox) for run in runs if run.sandbox]),
    )


def _weakest(reports: Sequence[SandboxReport]) -> SandboxReport | None:
    return max(reports, key=lambda report: (not report.is_confined, report.tier or 0), default=None)


def _worst(statuses: Sequence[str]) -> str:
    return next((status for status in ("failed", "running") if status in statuses), statuses[0])
