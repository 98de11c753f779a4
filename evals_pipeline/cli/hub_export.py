"""`evals hub export NAME`: an evaluator with rows of a task as a notebook and a script, to work on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evals_pipeline.cli import screen
from evals_pipeline.cli.collecting import collect_with_progress
from evals_pipeline.cli.hub_test import Name, Parameters, TaskOption, lists
from evals_pipeline.cli.options import Json, ProjectDir, project_folder

Folder = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Where the files go; absent: the current one.")
]
Mapped = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="VARIABLE=PATH", help="Where a variable is in the spans, in place of the task's."),
]
Rows = Annotated[int, typer.Option("--rows", min=1, max=1_000, metavar="N", help="Rows of the task, the newest.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the files if they are there.")]


def hub_export(
    name: Name,
    task: TaskOption = None,
    mapped: Mapped = None,
    parameters: Parameters = None,
    output: Folder = None,
    rows: Rows = 10,
    force: Force = False,
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Write an evaluator with rows of a task as a notebook and a script that run by themselves, to change and try."""
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.engine.trying.exporting import export, write_export
    from evals_pipeline.engine.trying.named import Asked, choose
    from evals_pipeline.engine.trying.samples import sample_rows

    folder = project_folder(project_dir)
    mapping = {variable: paths[-1] for variable, paths in lists(mapped or (), "--map").items()}
    chosen = choose(folder, name, task, Asked(mapping, lists(parameters or (), "--parameter")))
    with opened(folder) as here:
        collect_with_progress(here, chosen.project, hidden=as_json)
        exported = export(chosen, sample_rows(here, chosen.task, chosen.use, limit=rows))
    written = write_export(exported, output or Path(), project=folder, force=force)
    if as_json:
        screen.print_json({"files": [str(path) for path in written]})
        return
    for path in written:
        screen.say(f"wrote {path}")
    screen.note(f"try it: python {written[0]}")
