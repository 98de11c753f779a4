"""`evals demo`: two tasks over the bundled traces, through Dagster, without a key and without a network."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.demo_traces import BUNDLED_TRACES, move_traces
from evals_pipeline.cli.dev import Port, serve
from evals_pipeline.cli.options import utc_now
from evals_pipeline.cli.reports import TaskReport
from evals_pipeline.cli.running import run_task
from evals_pipeline.cli.scaffold import copy_template
from evals_pipeline.core.errors import ConfigError, EvalsError
from evals_pipeline.core.window import Window

_TASKS = ("answer_format", "answer_content")
DAYS = 14
"""How far the demo looks back; the bundled traces are that long."""

_Serve = Annotated[bool, typer.Option("--serve", help="Open the Dagster UI on the demo's data, until Ctrl-C.")]
_Folder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Folder of the demo; made when missing.")]
_Traces = Annotated[
    Path,
    typer.Option("--traces", metavar="DIR", show_default=False, help="Traces to copy instead of the bundled ones."),
]


def demo(
    is_served: _Serve = False,
    folder: _Folder = Path(".demo"),
    traces: _Traces = BUNDLED_TRACES,
    port: Port = 3000,
) -> None:
    """Evaluate the bundled traces of a support bot with two tasks, and print the results."""
    is_new = make_folder(folder, traces)
    if is_new or not is_served:
        _run(folder.resolve(), is_new=is_new)
    if is_served:
        serve(folder.resolve(), port)
    else:
        _say_next(folder)


def make_folder(folder: Path, traces: Path) -> bool:
    """Make the demo's project folder, all of it or nothing; False when there is one.

    Raises:
        ConfigError: When the traces are missing, or `folder` is there and is no project.
    """
    if (folder / "projects").is_dir():
        return False
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{str(folder)!r} is no project folder and not empty", hint="choose another one: --dir DIR")
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    try:
        copy_template("demo", unfinished)
        move_traces(traces, unfinished / "traces", today=utc_now().date())
        if folder.exists():
            folder.rmdir()
        unfinished.replace(folder)
    except OSError as cause:
        raise ConfigError(f"{str(folder)!r} cannot be made: {cause.strerror}") from cause
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return True


def _run(folder: Path, *, is_new: bool) -> None:
    from evals_pipeline.engine.plan import Overrides

    screen.note(f"Demo in {folder}" + ("" if is_new else ", which was there; only what is new is evaluated"))
    window = Window.last(DAYS, now=utc_now())
    for task in _TASKS:
        found = run_task(folder, task, window, Overrides(), kind="backfill", hidden=False)
        failures = found.failures if isinstance(found, TaskReport) else found
        if isinstance(found, TaskReport):
            found.show()
        for failure in failures:
            screen.complain(failure)
        if failures:
            raise typer.Exit(exits.BROKEN)
    screen.say(
        f"Each time includes Dagster's bookkeeping for {DAYS} days, which does not grow with the spans", style="dim"
    )


def _say_next(folder: Path) -> None:
    evals, place = screen.command(), f"--project-dir {folder}"
    has_make = folder == Path(".demo") and Path("Makefile").is_file()
    serve_it = "make dev" if has_make else f"{evals} demo --serve --dir {folder}"
    screen.say()
    screen.say("What to type next:", style="bold")
    screen.say(f"  {serve_it}    opens the Dagster UI on the same data")
    screen.say(f"  {evals} explain {_TASKS[0]} {_some_unit(folder)} {place}    why this span has, or has not, a result")
    screen.say(f"  {evals} results {_TASKS[1]} --format csv --output results.csv {place}")
    screen.say(f"  {evals} preview {_TASKS[0]} {place}    what the evaluators are shown")


def _some_unit(folder: Path) -> str:
    """The id of a unit with a low score, for the command to be worth typing."""
    from evals_pipeline.engine.catalog import read_catalog
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.engine.queries import task_results

    try:
        with opened(folder.resolve()) as here, task_results(here, read_catalog(folder).task(_TASKS[0])) as found:
            rows = found.filter("score = 0").project("unit_id").limit(1).fetchall()
    except EvalsError:
        return "UNIT_ID"
    return str(rows[0][0]) if rows else "UNIT_ID"
