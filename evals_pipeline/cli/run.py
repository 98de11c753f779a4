"""`evals run` and `evals backfill`: a task on one day, or on many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli import options as o
from evals_pipeline.cli.forecasts import forecast_task
from evals_pipeline.cli.running import run_task
from evals_pipeline.core.window import Window, parse_day

if TYPE_CHECKING:
    from evals_pipeline.engine.plan import Overrides

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Ask and judge nothing: show what the run would take on and cost.")
]


def run(
    task: o.TaskName,
    day: Annotated[str | None, typer.Option("--day", metavar="DAY", help="UTC day; absent: today.")] = None,
    sampling_rate: o.SamplingRate = None,
    filter_text: o.FilterText = None,
    max_units: o.MaxUnits = None,
    override: o.Override = False,
    reevaluate: o.Reevaluate = None,
    dry_run: DryRun = False,
    project_dir: o.ProjectDir = None,
    as_json: o.Json = False,
) -> None:
    """Run a task on one day, at once and in this process; Dagster records the run."""
    folder = o.project_folder(project_dir)
    window = Window.of_day(parse_day(day) if day else o.utc_now().date())
    overrides = o.chosen_overrides(sampling_rate, filter_text, max_units, override=override, reevaluate=reevaluate)
    if dry_run:
        forecast_task(folder, task, window, overrides, as_json=as_json)
    else:
        execute(folder, task, window, overrides, kind="run", as_json=as_json)


def backfill(
    task: o.TaskName,
    last: o.Last = None,
    start: o.Start = None,
    end: o.End = None,
    dry_run: DryRun = False,
    sampling_rate: o.SamplingRate = None,
    filter_text: o.FilterText = None,
    max_units: o.MaxUnits = None,
    override: o.Override = False,
    reevaluate: o.Reevaluate = None,
    project_dir: o.ProjectDir = None,
    as_json: o.Json = False,
) -> None:
    """Run a task on past days, given as --last 7d or as --start and --end (exclusive)."""
    folder = o.project_folder(project_dir)
    window = o.required_window(last, start, end, now=o.utc_now())
    overrides = o.chosen_overrides(sampling_rate, filter_text, max_units, override=override, reevaluate=reevaluate)
    if dry_run:
        forecast_task(folder, task, window, overrides, as_json=as_json)
    else:
        execute(folder, task, window, overrides, kind="backfill", as_json=as_json)


def execute(
    folder: Path, task: str, window: Window, overrides: Overrides, *, kind: Literal["run", "backfill"], as_json: bool
) -> None:
    """Run, print, and end with the code for a failed run when it failed."""
    found = run_task(folder, task, window, overrides, kind=kind, hidden=as_json)
    failures = found if isinstance(found, tuple) else found.failures
    if as_json:
        screen.print_json({"task": task, "failures": list(failures)} if isinstance(found, tuple) else found.document())
    elif not isinstance(found, tuple):
        found.show()
        _say_next(task, found.report.run_id)
    for failure in failures:
        screen.complain(failure)
    if failures:
        raise typer.Exit(exits.BROKEN)


def _say_next(task: str, run_id: str) -> None:
    evals = screen.command()
    commands = (f"{evals} results {task}", f"{evals} explain {task} UNIT_ID", f"{evals} logs {run_id[:8]}")
    screen.note("Next: " + "    ".join(commands), style="dim")
