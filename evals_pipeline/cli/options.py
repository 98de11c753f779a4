"""Options that several commands share, and where the project folder is."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evals_pipeline.core.errors import ConfigError, WindowError
from evals_pipeline.core.window import Window, parse_day, parse_days

if TYPE_CHECKING:
    from evals_pipeline.engine.plan import Overrides

PROJECT_DIR_VARIABLE = "EVALS_PROJECT_DIR"

ProjectDir = Annotated[
    Path | None,
    typer.Option(
        "--project-dir",
        envvar=PROJECT_DIR_VARIABLE,
        metavar="DIR",
        help="The project folder; absent: the nearest folder from here upwards with projects/*.yaml or tasks/*.yaml.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout and nothing else there.")]
TaskName = Annotated[str, typer.Argument(metavar="TASK", help="Name of a task: its file's name without .yaml.")]
Last = Annotated[str | None, typer.Option("--last", metavar="LENGTH", help="The last days, today included: 7d or 2w.")]
Start = Annotated[str | None, typer.Option("--start", metavar="DAY", help="First day, as YYYY-MM-DD (UTC).")]
End = Annotated[str | None, typer.Option("--end", metavar="DAY", help="The day after the last: the end is exclusive.")]
SamplingRate = Annotated[
    float | None, typer.Option("--sampling-rate", metavar="RATE", help="Share of the units, above 0 and up to 1.")
]
FilterText = Annotated[
    str | None, typer.Option("--filter", metavar="FILTER", help="Filter in place of the task's: span_kind = 'LLM'")
]
MaxUnits = Annotated[int | None, typer.Option("--max-units", metavar="N", help="Units taken on per day, at least 1.")]
Override = Annotated[bool, typer.Option("--override", help="Evaluate again what has a result; the new supersedes it.")]


class Reevaluated(StrEnum):
    """What is evaluated again besides what is new."""

    NEW_VERSION = "new-version"


Reevaluate = Annotated[
    Reevaluated | None,
    typer.Option("--reevaluate", help="Evaluate again what has a result of another version of its evaluator."),
]


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)


def project_folder(chosen: Path | None) -> Path:
    """The folder that a command works on, as an absolute path; raises ConfigError when there is none."""
    if chosen is not None:
        if not chosen.is_dir():
            raise ConfigError(f"{str(chosen)!r} is no folder", hint="make a project with: evals init DIR")
        return chosen.resolve()
    here = Path.cwd()
    found = next((folder for folder in (here, *here.parents) if _is_project(folder)), None)
    if found is None:
        raise ConfigError(
            f"neither {str(here)!r} nor a folder above it holds projects/*.yaml or tasks/*.yaml",
            hint="make a project with: evals init DIR, or name one: --project-dir DIR",
        )
    return found


def nearest_project_folder(chosen: Path | None) -> Path | None:
    """The same for commands that can do without: None where there is none and none was asked for."""
    try:
        return project_folder(chosen)
    except ConfigError:
        if chosen is not None:
            raise
        return None


def chosen_window(last: str | None, start: str | None, end: str | None, *, now: datetime) -> Window | None:
    """The window that the options ask for, None when they ask for none.

    Raises:
        WindowError: When they contradict each other or hold no day.
    """
    if last is not None and (start is not None or end is not None):
        raise WindowError("--last and --start/--end exclude each other\nHint: give --last 7d, or --start DAY --end DAY")
    if last is not None:
        return Window.last(parse_days(last), now=now)
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise WindowError(
            "--start and --end belong together\nHint: the first week of May: --start 2026-05-01 --end 2026-05-08"
        )
    return Window(parse_day(start), parse_day(end))


def required_window(last: str | None, start: str | None, end: str | None, *, now: datetime) -> Window:
    """The same; raises WindowError when the options ask for none."""
    window = chosen_window(last, start, end, now=now)
    if window is None:
        raise WindowError("no days are given\nHint: add --last 14d, or --start DAY --end DAY (the end is exclusive)")
    return window


def chosen_overrides(
    sampling_rate: float | None,
    filter_text: str | None,
    max_units: int | None,
    *,
    override: bool,
    reevaluate: Reevaluated | None,
) -> Overrides:
    """What a run does differently from its task."""
    from evals_pipeline.engine.plan import Overrides

    chosen = None if reevaluate is None else reevaluate.value
    return Overrides(sampling_rate, filter_text, max_units, override, chosen)


def _is_project(folder: Path) -> bool:
    places = (folder / "projects", folder / "tasks")
    return any(next(place.glob("*.y*ml"), None) is not None for place in places if place.is_dir())
