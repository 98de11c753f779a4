"""`evals preview TASK`: what the mapping finds in real spans, before anything is judged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evals_pipeline.cli import screen
from evals_pipeline.cli.collecting import collect_with_progress
from evals_pipeline.cli.options import Json, ProjectDir, TaskName, project_folder

if TYPE_CHECKING:
    from evals_pipeline.engine.previewing import TaskPreview

_EXAMPLE_LENGTH = 70


def preview(
    task: TaskName,
    spans: Annotated[int, typer.Option("--spans", min=1, metavar="N", help="Newest spans to look at.")] = 200,
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Collect new spans, then show per evaluator and variable what its path finds, and in how many of the spans."""
    from evals_pipeline.engine.catalog import read_catalog
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.engine.previewing import preview_task

    folder = project_folder(project_dir)
    catalog = read_catalog(folder)
    planned = catalog.task(task)
    with opened(folder) as here:
        collect_with_progress(here, catalog.project(planned.task.project), hidden=as_json)
        found = preview_task(here, planned, spans=spans)
    if as_json:
        screen.print_json(_document(task, found))
    else:
        _show(task, planned.task.filter, found)


def _show(task: str, filter_text: str | None, found: TaskPreview) -> None:
    if not found.spans:
        screen.note("no spans have been found; see `source` in the project's file")
        return
    admitted = f"{found.matching} of the newest {screen.counted(found.spans, 'span')} match the filter of {task}"
    screen.say(admitted + (f": {filter_text}" if filter_text else " (it has none)"))
    for row in _variables(found):
        examples = [_shown(value) for value in row["examples"]]
        screen.say()
        screen.say(f"{row['evaluator']} · {row['variable']}", style="bold")
        share = screen.percent(row["share"]) if row["share"] is not None else "no spans to look at"
        screen.say(f"  path      {row['path']}")
        screen.say(f"  resolves  {share} ({row['resolved']} of {screen.counted(row['total'], 'span')})")
        for example in examples:
            screen.say(f"  example   {example}")


def _shown(value: Any) -> str:
    """A value as Python spells it; custom evaluators are shown more than text."""
    if isinstance(value, str):
        return repr(screen.clean(value, limit=_EXAMPLE_LENGTH))
    return screen.clean(repr(value), limit=_EXAMPLE_LENGTH)


def _variables(found: TaskPreview) -> list[dict[str, Any]]:
    return [
        {
            "evaluator": name,
            "variable": variable.variable,
            "path": variable.path.dotted,
            "share": variable.share,
            "resolved": variable.resolved,
            "total": variable.total,
            "examples": [value for _, value in variable.examples if value is not None],
        }
        for name, variables in found.variables.items()
        for variable in variables
    ]


def _finite(value: Any) -> Any:
    """A value as strict JSON has it; one that holds NaN or an infinity as text."""
    try:
        json.dumps(value, default=screen.plain, allow_nan=False)
    except ValueError:
        return repr(value)
    return value


def _document(task: str, found: TaskPreview) -> dict[str, Any]:
    variables = [{**row, "examples": [_finite(value) for value in row["examples"]]} for row in _variables(found)]
    return {"task": task, "spans": found.spans, "matching": found.matching, "variables": variables}
