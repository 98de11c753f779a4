"""`evals init DIR`: a project folder to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evals_pipeline.cli import screen
from evals_pipeline.cli.demo_traces import move_traces
from evals_pipeline.cli.options import utc_now
from evals_pipeline.cli.scaffold import TEMPLATES, copy_template
from evals_pipeline.core.errors import ConfigError

_NEXT = (
    "check",
    "preview answer_format",
    "backfill answer_format --last 7d",
    "results answer_format",
    "hub test polite",
    "dev",
)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; files in it are never overwritten.")],
) -> None:
    """Make a project folder: a project, tasks, evaluators, a few traces to try them on, and what Dagster needs."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{str(folder)!r} is a file", hint="choose another folder: evals init DIR")
    made = copy_template("init", folder)
    made += move_traces(TEMPLATES / "traces", folder / "traces", today=utc_now().date())
    for path in made:
        screen.say(f"made {path}")
    evals = screen.command()
    screen.say()
    screen.say("The traces are a small sample that ends yesterday; put your own beside it. What to type next:")
    screen.say(f"  cd {folder}")
    for line in _NEXT:
        screen.say(f"  {evals} {line}")
