"""Running a task at once, in this process, as Dagster runs, with progress bars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evals_pipeline.cli import screen
from evals_pipeline.cli.collecting import note_problems
from evals_pipeline.cli.notices import show_notices
from evals_pipeline.cli.reports import TaskReport
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.window import Window

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from evals_pipeline.engine.installation import Installation
    from evals_pipeline.engine.plan import Overrides
    from evals_pipeline.orchestration.launching import Launched

_INTERRUPTED = "Execution was interrupted"
"""What Dagster writes into the log of a run that Ctrl-C ended; it keeps the interrupt to itself."""

Progressed = Callable[[str, date | None, int, int], None]


def run_task(
    folder: Path, task: str, window: Window, overrides: Overrides, *, kind: Literal["run", "backfill"], hidden: bool
) -> TaskReport | tuple[str, ...]:
    """Run `task` on the days of `window`.

    Returns:
        What it did; when it failed before it recorded anything, only the failures.

    Raises:
        KeyboardInterrupt: When Ctrl-C ended it; the run is recorded as failed.
    """
    from evals_pipeline.engine.catalog import read_catalog
    from evals_pipeline.engine.history import run_report, summary_of_days
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.engine.readiness import refuse_unready
    from evals_pipeline.engine.run_errors import common_errors

    planned = read_catalog(folder).task(task)
    show_notices(planned.notices)
    refuse_unready(planned.differently(overrides))  # what does not fit is refused before Dagster is started
    project = planned.task.project
    launched = _launch(folder, task, window, overrides, kind=kind, hidden=hidden)
    with opened(folder) as here:
        note_problems(here, project)
        report = run_report(here.ledger, launched.run_id, project, task, window)
        if report is None:
            return launched.failures or ("the run recorded nothing",)
        if not report.candidates and not launched.failures:
            _note_days_with_spans(here, project, task, window)
        has_errors = any(of.get(Outcome.ERRORED) for of in report.outcomes.values())
        errors = common_errors(here, planned, window, launched.run_id) if has_errors else {}
        return TaskReport(report, summary_of_days(here.ledger, project, task, window), launched.failures, errors)


def _launch(
    folder: Path, task: str, window: Window, overrides: Overrides, *, kind: Literal["run", "backfill"], hidden: bool
) -> Launched:
    with screen.progress(hidden=hidden) as bars:
        bar = bars.add_task(f"{task}: starting", total=None)
        from evals_pipeline.orchestration.launching import launch  # two seconds, spent under the bar

        days = list(window)
        launched = launch(folder, task, days, overrides, kind=kind, on_progress=_progressed(bars, bar, task, days))
        if launched.is_success:
            bars.update(bar, description=f"{task}: done", completed=len(days), total=len(days))
    if launched.failures and _was_interrupted(folder, launched.run_id):
        raise KeyboardInterrupt
    return launched


def _was_interrupted(folder: Path, run_id: str) -> bool:
    from evals_pipeline.orchestration.history import log_lines

    return any(_INTERRUPTED in line.message for line in log_lines(folder, run_id) if not line.step)


def _progressed(bars: Progress, bar: TaskID, task: str, days: list[date]) -> Progressed:

    def progressed(stage: str, day: date | None, done: int, total: int) -> None:
        if day is None:
            bars.update(bar, description=f"{task}: {stage}", completed=done, total=total)
        else:
            done_days = days.index(day) + done / max(total, 1)
            bars.update(bar, description=f"{task}: {stage} {day}", completed=done_days, total=len(days))

    return progressed


def _note_days_with_spans(here: Installation, project: str, task: str, window: Window) -> None:
    from evals_pipeline.engine.contents import span_days

    days = span_days(here, project)
    asked = str(window.start) if len(window) == 1 else f"{window.start} to {window.end} (exclusive)"
    if any(day in days for day in window):
        screen.note(f"nothing new has arrived for {asked} since the last run", style="yellow")
    elif days:
        newest = max(days)
        found = f"the newest day with spans is {newest}"
        screen.note(f"project {project!r} has no spans on {asked}; {found}", style="yellow")
        screen.note(f"Hint: --day {newest}, or: {screen.command()} backfill {task} --last 14d")
    else:
        screen.note(f"project {project!r} has no spans at all; see `source` in projects/{project}.yaml", style="yellow")
