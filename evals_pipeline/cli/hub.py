"""`evals hub`: the evaluators there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.arguments import Command
from evals_pipeline.cli.options import Json

if TYPE_CHECKING:
    from evals_pipeline.core.evaluator import Parameter, Variable
    from evals_pipeline.engine.hub import HubEntry

hub = typer.Typer(help="Look up the evaluators that tasks can use.", no_args_is_help=True)


@hub.command("list", cls=Command, epilog=exits.EXPLAINED)
def list_evaluators(as_json: Json = False) -> None:
    """List the evaluators."""
    from evals_pipeline.engine.hub import hub_entries

    entries = hub_entries()
    if as_json:
        screen.print_json([_document(entry) for entry in entries])
        return
    rows = [
        [each.name, each.version, each.kind, ", ".join(known.name for known in each.parameters), each.summary]
        for each in entries
    ]
    screen.table(("evaluator", "version", "kind", "parameters", "what it says"), rows)


@hub.command("show", cls=Command, epilog=exits.EXPLAINED)
def show_evaluator(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of an evaluator.")], as_json: Json = False
) -> None:
    """Show an evaluator: parameters, variables, labels and the plain Python that decides."""
    from evals_pipeline.engine.hub import hub_entry

    entry = hub_entry(name)
    if as_json:
        screen.print_json(_document(entry))
        return
    screen.say(f"{entry.name}, version {entry.version} ({entry.kind})", style="bold")
    screen.say(entry.description)
    if entry.parameters:
        rows = [[each.name, each.type, _default(each), each.description] for each in entry.parameters]
        screen.table(("parameter", "type", "default", ""), rows)
    screen.table(("variable", "", ""), [[each.name, _need(each), each.description] for each in entry.variables])
    scores = [[label, "" if score is None else f"{score:g}"] for label, score in entry.labels.items()]
    screen.table(("label", "score"), scores)
    screen.say(entry.source)


def _default(parameter: Parameter) -> str:
    if parameter.is_required:
        return "required"
    return "none" if parameter.default is None else str(parameter.default).lower()


def _need(variable: Variable) -> str:
    return "required" if variable.is_required else "optional"


def _document(entry: HubEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "version": entry.version,
        "kind": entry.kind,
        "description": entry.description,
        "parameters": [
            {
                "name": each.name,
                "type": each.type,
                "is_required": each.is_required,
                "default": each.default,
                "description": each.description,
            }
            for each in entry.parameters
        ],
        "variables": [{"name": each.name, "is_required": each.is_required} for each in entry.variables],
        "labels": dict(entry.labels),
        "source": entry.source,
    }
