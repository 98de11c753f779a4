"""The program `evals`: its commands, and how errors end it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

import typer
from click import Context
from typer.core import TyperGroup

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.arguments import Command
from evals_pipeline.cli.check import check, schema
from evals_pipeline.cli.demo import demo
from evals_pipeline.cli.dev import dev
from evals_pipeline.cli.doctor import doctor
from evals_pipeline.cli.explain import explain
from evals_pipeline.cli.hub import hub
from evals_pipeline.cli.init import init
from evals_pipeline.cli.models import models
from evals_pipeline.cli.preview import preview
from evals_pipeline.cli.results import results
from evals_pipeline.cli.run import backfill, run
from evals_pipeline.cli.runs import logs, runs
from evals_pipeline.cli.sql import sql
from evals_pipeline.cli.tasks import tasks
from evals_pipeline.core.errors import EvalsError


class _Program(TyperGroup):
    """Commands whose own errors end with a sentence instead of a traceback."""

    def invoke(self, ctx: Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except EvalsError as error:
            screen.complain(str(error))
            raise typer.Exit(exits.code_of(error)) from None
        except KeyboardInterrupt:
            screen.note("interrupted; what was committed stays, and the next run goes on from there")
            raise typer.Exit(exits.INTERRUPTED) from None


app = typer.Typer(
    cls=_Program,
    name="evals",
    help="Scores the traces of LLM applications, in a project folder of YAML files.",
    epilog=exits.EXPLAINED,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        screen.say(f"evals-pipeline {version('evals-pipeline')}")
        raise typer.Exit(exits.OK)


@app.callback()
def _program(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Scores the traces of LLM applications, in a project folder of YAML files."""


_WRITING = (init, check, schema)
_RUNNING = (tasks, preview, run, backfill, runs, logs)
_READING = (results, explain, sql)
_KEEPING = (models, doctor, dev, demo)
for _command in (*_WRITING, *_RUNNING, *_READING, *_KEEPING):
    app.command(cls=Command, epilog=exits.EXPLAINED)(_command)
app.add_typer(hub, name="hub", epilog=exits.EXPLAINED)
