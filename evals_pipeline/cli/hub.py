"""`evals hub`: the evaluators there are. What else can be done with them is in `hub_<verb>`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.arguments import Command
from evals_pipeline.cli.hub_check import check
from evals_pipeline.cli.hub_export import hub_export
from evals_pipeline.cli.hub_test import hub_test
from evals_pipeline.cli.hub_versions import delete, diff, log, push
from evals_pipeline.cli.options import Json, ProjectDir, nearest_project_folder

if TYPE_CHECKING:
    from pathlib import Path

    from evals_pipeline.core.evaluator import Parameter, Variable
    from evals_pipeline.engine.hub.entries import HubEntry
    from evals_pipeline.engine.hub.resolving import Hub

hub = typer.Typer(help="Look up, version and test the evaluators that tasks can use.", no_args_is_help=True)


def list_evaluators(project_dir: ProjectDir = None, as_json: Json = False) -> None:
    """List the evaluators: the prebuilt ones, and those of the project folder if there is one."""
    from evals_pipeline.engine.hub.entries import hub_entries

    entries = hub_entries(_hub(project_dir))
    if as_json:
        screen.print_json([_document(entry) for entry in entries])
        return
    columns = ("evaluator", "kind", "from", "version", "state", "needs", "says", "what it is about")
    screen.table(columns, [_row(entry) for entry in entries])


def show_evaluator(
    name: Annotated[str, typer.Argument(metavar="NAME[@N]", help="Name of an evaluator, or a version of it.")],
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Show an evaluator: parameters, variables, labels, and the Python or the template that decides."""
    from evals_pipeline.engine.hub.entries import hub_entry

    entry = hub_entry(name, _hub(project_dir, name))
    if as_json:
        screen.print_json(_document(entry))
        return
    version = f", version {entry.version}" if entry.version else ""
    screen.say(f"{entry.name}{version} ({entry.kind}, {entry.origin})", style="bold")
    if entry.description:
        screen.say(entry.description)
    _show_version(entry)
    _show_tables(entry)
    if entry.template:
        _show_judge(entry)
    else:
        screen.say(entry.source)


def _show_version(entry: HubEntry) -> None:
    if entry.pushed is not None:
        pushed = entry.pushed
        screen.say(f"pushed {screen.moment(pushed['pushed_at'])} UTC by {pushed['author']}: {pushed['message']}")
    if entry.state:
        latest = "" if entry.latest is None else f", newest version {entry.latest}"
        screen.say(f"file: {entry.state}{latest}")
    if entry.filter:
        screen.say(f"filter: {entry.filter}")


def _show_tables(entry: HubEntry) -> None:
    if entry.parameters:
        rows = [[each.name, each.type or "any", _default(each), each.description] for each in entry.parameters]
        screen.table(("parameter", "type", "default", ""), rows)
    if entry.variables:
        screen.table(("variable", "", ""), [[each.name, _need(each), each.description] for each in entry.variables])
    if entry.takes_row:
        screen.say("takes dataset_row")
    scores = [[label, "" if score is None else f"{score:g}"] for label, score in entry.labels.items()]
    if scores:
        screen.table(("label", "score"), scores)


def _show_judge(entry: HubEntry) -> None:
    known = "" if entry.version else ", which models.yaml has not"
    screen.say(f"direction: {entry.direction}")
    screen.say(f"model: {entry.model}{known}")
    if entry.idea:
        screen.say(f"idea: {entry.idea}")
    screen.say("template:", style="bold")
    screen.say(entry.template)


def _hub(chosen: Path | None, *spelled: str) -> Hub:
    from evals_pipeline.engine.catalog import read_hub
    from evals_pipeline.engine.hub.resolving import Hub

    folder = nearest_project_folder(chosen)
    return Hub() if folder is None else read_hub(folder, spelled)


def _row(entry: HubEntry) -> list[object]:
    needs = [each.name for each in entry.parameters if each.is_required]
    needs += [each.name for each in entry.variables if each.is_required]
    told = [", ".join(needs), ", ".join(entry.labels), entry.summary]
    return [entry.name, entry.kind, entry.origin, entry.version, entry.state, *told]


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
        "origin": entry.origin,
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
        "takes_row": entry.takes_row,
        "labels": dict(entry.labels),
        "source": entry.source,
        "template": entry.template or None,
        "direction": entry.direction,
        "model": entry.model or None,
        "idea": entry.idea or None,
        "state": entry.state or None,
        "latest": entry.latest,
        "settings": entry.settings or None,
        "filter": entry.filter,
        "pushed": entry.pushed,
    }


_COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_evaluators,
    "show": show_evaluator,
    "check": check,
    "test": hub_test,
    "export": hub_export,
    "push": push,
    "log": log,
    "diff": diff,
    "delete": delete,
}
for _name, _command in _COMMANDS.items():
    hub.command(_name, cls=Command, epilog=exits.EXPLAINED)(_command)
