"""`evals tasks`: what there is to run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from evals_pipeline.cli import screen
from evals_pipeline.cli.notices import show_notices
from evals_pipeline.cli.options import Json, ProjectDir, project_folder

if TYPE_CHECKING:
    from evals_pipeline.core.task import Continuous
    from evals_pipeline.engine.catalog import BrokenFile
    from evals_pipeline.engine.plan import TaskPlan

_COLUMNS = ("task", "project", "evaluators", "filter", "sampling", "cadence", "last run")


def tasks(project_dir: ProjectDir = None, as_json: Json = False) -> None:
    """List the tasks: what they judge, how often, and when they last ran."""
    from evals_pipeline.engine.catalog import read_catalog

    folder = project_folder(project_dir)
    catalog = read_catalog(folder)
    last = _last_runs(folder, list(catalog.tasks))
    found = [_entry(catalog.tasks[name], last.get(name)) for name in sorted(catalog.tasks)]
    broken = [file for file in catalog.broken if file.kind == "task"]
    if as_json:
        screen.print_json({"tasks": found, "broken": [{"task": file.name, "problem": str(file)} for file in broken]})
        return
    screen.table(_COLUMNS, [*map(_row, found), *map(_broken_row, broken)])
    show_notices(catalog.notices)
    if catalog.broken:
        screen.note(f"{screen.counted(len(catalog.broken), 'file')} cannot be used; see: {screen.command()} check")


def _last_runs(folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """Task -> its newest run; nothing is made where nothing ever ran."""
    from evals_pipeline.engine.settings import Settings

    settings = Settings.of(folder)
    if settings.ledger_is_missing:
        return {}
    from evals_pipeline.engine.history import newest_runs

    runs = newest_runs(settings.database, names)
    return {
        name: {"run_id": run.key.run_id, "status": run.status, "day": run.key.day, "started_at": run.started_at}
        for name, run in runs.items()
    }


def _entry(planned: TaskPlan, last: dict[str, Any] | None) -> dict[str, Any]:
    task = planned.task
    return {
        "task": task.name,
        "project": task.project,
        "evaluators": [use.name for use in planned.uses],
        "filter": task.filter,
        "sampling_rate": task.sampling_rate,
        "max_units": task.max_units,
        "cadence": _cadence(task.continuous),
        "last_run": last,
    }


def _cadence(continuous: Continuous | None) -> str:
    if continuous is None:
        return "on demand"
    return f"every {continuous.every_minutes} min, {continuous.lookback_days} days back"


def _row(entry: dict[str, Any]) -> list[object]:
    last = entry["last_run"]
    return [
        entry["task"],
        entry["project"],
        ", ".join(entry["evaluators"]),
        screen.clean(entry["filter"] or "", limit=60),
        screen.percent(entry["sampling_rate"]),
        entry["cadence"],
        f"{last['status']} {screen.moment(last['started_at'])}" if last else "never",
    ]


def _broken_row(file: BrokenFile) -> list[object]:
    return [file.name, Text("broken", "bold red"), Text(screen.clean(file.message, limit=80), "red"), "", "", "", ""]
