"""`evals runs` and `evals logs`: what has been run, and what a run said."""

from __future__ import annotations

from enum import StrEnum
from logging import ERROR, getLevelNamesMapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from evals_pipeline.cli import screen
from evals_pipeline.cli.options import Json, ProjectDir, project_folder
from evals_pipeline.cli.reports import days_text, run_document, usd_text

if TYPE_CHECKING:
    from evals_pipeline.engine.history import RunReport

_NUMBERS = ("seconds", "spans", "verdicts", "errored", "calls", "USD")
_COLUMNS = ("run", "task", "days", "started (UTC)", "seconds", "status", *_NUMBERS[1:], "sandbox")
_STYLES = {"failed": "bold red", "running": "yellow", "finished": "green"}


class LogLevel(StrEnum):
    """How much of a log is wanted."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def runs(
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="Only runs of this task.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="How many, newest first.")] = 20,
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """List the newest runs, those of schedules and of the Dagster UI included."""
    from evals_pipeline.core.outcome import Outcome
    from evals_pipeline.engine.catalog import read_catalog
    from evals_pipeline.engine.history import run_reports
    from evals_pipeline.engine.installation import opened

    folder = project_folder(project_dir)
    if task is not None:
        read_catalog(folder).task(task)
    with opened(folder) as here:
        reports = run_reports(here.ledger, task=task, limit=limit)
    if as_json:
        screen.print_json([run_document(report) for report in reports])
        return
    rows = [
        [
            report.run_id[:8],
            report.task,
            days_text(report),
            screen.moment(report.started_at),
            "" if report.seconds is None else f"{report.seconds:.1f}",
            Text(report.status, _STYLES.get(report.status, "")),
            screen.count(report.candidates),
            screen.count(report.judged),
            _some(sum(of.get(Outcome.ERRORED, 0) for of in report.outcomes.values())),
            "" if report.spent is None else screen.count(report.spent.calls),
            usd_text(report.spent),
            _confined(report),
        ]
        for report in reports
    ]
    screen.table(_COLUMNS, rows, right=_NUMBERS)


def _confined(report: RunReport) -> Text:
    """How custom code was confined, in two words."""
    if report.sandbox is None:
        return Text("")
    return Text(f"tier {report.sandbox.tier}") if report.sandbox.is_confined else Text("unsafe", "bold red")


def _some(number: int) -> str:
    return screen.count(number) if number else ""


def logs(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or its first characters.")],
    level: Annotated[LogLevel, typer.Option("--level", help="The least important lines to print.")] = LogLevel.INFO,
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Print what a run said, oldest line first; Dagster's own bookkeeping is at level debug."""
    from evals_pipeline.orchestration.history import log_lines

    said = log_lines(project_folder(project_dir), run)
    ranks = getLevelNamesMapping()
    lines = [line for line in said if ranks.get(line.level, ERROR) >= ranks[level.upper()]]
    if as_json:
        screen.print_json(
            [{"time": line.time, "level": line.level, "step": line.step, "message": line.message} for line in lines]
        )
        return
    for line in lines:
        step = f"{line.step} - " if line.step else ""
        screen.say(f"{screen.moment(line.time)} {line.level:8} {step}{line.message}")
    if len(lines) < len(said):
        screen.note(
            f"{screen.counted(len(said) - len(lines), 'line')} below {level}; all with --level debug", style="dim"
        )
