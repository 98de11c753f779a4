"""`evals explain TASK UNIT_ID`: why a unit has, or has not, a result."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.options import Json, ProjectDir, TaskName, project_folder

if TYPE_CHECKING:
    from evals_pipeline.engine.explaining import Explained

_STYLES = {"evaluated": "bold green", "errored": "bold red"}


def explain(
    task: TaskName,
    unit_id: Annotated[str, typer.Argument(metavar="UNIT_ID", help="Id of the unit: a span's context.span_id.")],
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Take the decisions about one unit again, and say what became of it for each evaluator, and why.

    Ends with code 1 when the unit was never collected.
    """
    from evals_pipeline.engine.catalog import read_catalog
    from evals_pipeline.engine.explaining import explain as explain_unit
    from evals_pipeline.engine.installation import opened

    folder = project_folder(project_dir)
    planned = read_catalog(folder).task(task)
    with opened(folder) as here:
        explained = explain_unit(here, planned, unit_id)
    if as_json:
        screen.print_json(asdict(explained))
    else:
        _show(explained)
    if explained.day is None:
        raise typer.Exit(exits.BROKEN)


def _show(explained: Explained) -> None:
    place = "never collected" if explained.day is None else f"starts on {explained.day}"
    arrived = f", arrived {screen.moment(explained.arrived_at)} UTC" if explained.arrived_at else ""
    screen.say(f"{screen.clean(explained.unit_id)} for task {explained.task}: {place}{arrived}", style="bold")
    for decision in explained.decisions:
        outcome = Text(decision.outcome, _STYLES.get(decision.outcome, "bold yellow"))
        screen.say(f"{decision.evaluator}: ", outcome)
        screen.say(f"  {screen.clean(decision.reason)}")
        if decision.result and decision.result["explanation"]:
            screen.say(f"  {screen.clean(decision.result['explanation'], limit=1_000)}")
