"""`evals check` and `evals schema`: whether the files can be used, and what they may hold."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.options import Json, ProjectDir, project_folder
from evals_pipeline.core.errors import ConfigError

if TYPE_CHECKING:
    from evals_pipeline.engine.catalog import BrokenFile, Catalog


class FileKind(StrEnum):
    """What has a schema."""

    TASK = "task"
    PROJECT = "project"


def check(project_dir: ProjectDir = None, as_json: Json = False) -> None:
    """Read every project and task file, and say what is wrong with those that cannot be used."""
    from evals_pipeline.engine.catalog import read_catalog

    folder = project_folder(project_dir)
    catalog = read_catalog(folder)
    if not (catalog.projects or catalog.tasks or catalog.broken):
        raise ConfigError(f"{str(folder)!r} holds no projects and no tasks", hint="make a project with: evals init DIR")
    if as_json:
        screen.print_json(_document(catalog, folder))
    else:
        _show(catalog)
    if catalog.broken:
        raise typer.Exit(exits.BROKEN)


def schema(
    kind: Annotated[FileKind, typer.Argument(metavar="[task|project]", help="Which file's schema.")] = FileKind.TASK,
) -> None:
    """Print the JSON schema of a task or project file, for editors that check YAML while it is written."""
    screen.print_json(file_schema(kind))


def file_schema(kind: FileKind) -> dict[str, Any]:
    """The JSON schema of what stands in such a file; its name is not in it."""
    from evals_pipeline.core.task import Project, Task
    from evals_pipeline.engine.hub import hub_entries

    document = (Task if kind is FileKind.TASK else Project).model_json_schema(by_alias=True)
    del document["properties"]["name"]
    document["required"].remove("name")
    uses = document.get("$defs", {}).get("EvaluatorUse")
    if uses is not None:
        uses["properties"]["evaluator"]["examples"] = [entry.name for entry in hub_entries()]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}


def _show(catalog: Catalog) -> None:
    for file in catalog.broken:
        screen.say(f"broken  {_place(file)}: {file.message}", style="red")
        if file.hint:
            screen.say(f"        Hint: {file.hint}")
    for name in sorted(catalog.projects):
        screen.say(f"ok      projects/{name}")
    for name in sorted(catalog.tasks):
        screen.say(f"ok      tasks/{name}")
    if catalog.broken:
        screen.note(f"{len(catalog.broken)} of {screen.counted(_files(catalog), 'file')} cannot be used")


def _place(file: BrokenFile) -> str:
    place = f"{file.path.parent.name}/{file.path.name}"
    return f"{place}, {file.field}" if file.field else place


def _files(catalog: Catalog) -> int:
    return len(catalog.projects) + len(catalog.tasks) + len(catalog.broken)


def _document(catalog: Catalog, folder: Path) -> dict[str, Any]:
    return {
        "projects": sorted(catalog.projects),
        "tasks": sorted(catalog.tasks),
        "broken": [
            {
                "path": str(file.path.relative_to(folder)),
                "kind": file.kind,
                "name": file.name,
                "field": file.field,
                "message": file.message,
                "hint": file.hint,
            }
            for file in catalog.broken
        ],
    }
