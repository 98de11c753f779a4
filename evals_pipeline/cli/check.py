"""`evals check` and `evals schema`: whether the files can be used, and what they may hold."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.notices import show_notices
from evals_pipeline.cli.options import Json, ProjectDir, project_folder
from evals_pipeline.core.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from evals_pipeline.engine.catalog import Catalog


_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class FileKind(StrEnum):
    """What has a schema."""

    TASK = "task"
    PROJECT = "project"
    EVALUATOR = "evaluator"
    MODELS = "models"


def check(project_dir: ProjectDir = None, as_json: Json = False) -> None:
    """Read the files of projects, evaluators, models and tasks; say what is wrong with those that cannot be used."""
    from evals_pipeline.engine.catalog import read_catalog
    from evals_pipeline.engine.hub.checking import sandbox_problem

    folder, problem = project_folder(project_dir), sandbox_problem()
    catalog = read_catalog(folder)
    if not (catalog.projects or catalog.tasks or catalog.broken):
        raise ConfigError(f"{str(folder)!r} holds no projects and no tasks", hint="make a project with: evals init DIR")
    if as_json:
        screen.print_json(_document(catalog, folder, problem))
    else:
        if problem is not None:
            _show_broken(problem.message, problem.hint)
        _show(catalog)
    if catalog.broken or problem is not None:
        raise typer.Exit(exits.BROKEN)


def schema(
    kind: Annotated[
        FileKind, typer.Argument(metavar="[task|project|evaluator|models]", help="Which file's schema.")
    ] = FileKind.TASK,
) -> None:
    """Print the JSON schema of such a file, for editors that check YAML while it is written."""
    screen.print_json(file_schema(kind))


def file_schema(kind: FileKind) -> dict[str, Any]:
    """The JSON schema of what stands in such a file; its name need not be in it."""
    from evals_pipeline.core.model import ModelSpec
    from evals_pipeline.core.task import Project, Task
    from evals_pipeline.engine.hub.resolving import Hub

    if kind is FileKind.MODELS:
        inner = ModelSpec.model_json_schema()
        named = {"type": "object", "additionalProperties": {"$ref": "#/$defs/ModelSpec"}}
        return {"$schema": _DIALECT, **named, "$defs": {**inner.pop("$defs", {}), "ModelSpec": inner}}
    if kind is FileKind.EVALUATOR:
        return {"$schema": _DIALECT, **_evaluator_schema()}
    models: dict[FileKind, type[BaseModel]] = {FileKind.TASK: Task, FileKind.PROJECT: Project}
    document = models[kind].model_json_schema(by_alias=True)
    del document["properties"]["name"]
    document["required"].remove("name")
    uses = document.get("$defs", {}).get("EvaluatorUse")
    if uses is not None:
        uses["properties"]["evaluator"]["examples"] = list(Hub().names)
    return {"$schema": _DIALECT, **document}


def _evaluator_schema() -> dict[str, Any]:
    """A judge, or the settings beside custom code; `kind` says which."""
    from pydantic.json_schema import models_json_schema

    from evals_pipeline.core.code import CodeSettings
    from evals_pipeline.core.judge import JudgeSpec

    kinds: list[type[BaseModel]] = [JudgeSpec, CodeSettings]
    _, document = models_json_schema([(each, "validation") for each in kinds], by_alias=True)
    for each in kinds:
        document["$defs"][each.__name__]["required"].remove("name")
    return {**document, "type": "object", "oneOf": [{"$ref": f"#/$defs/{each.__name__}"} for each in kinds]}


def _show(catalog: Catalog) -> None:
    for file in catalog.broken:
        _show_broken(f"{file.place}: {file.message}", file.hint)
    for name in sorted(catalog.projects):
        screen.say(f"ok      projects/{name}")
    for name in _good_evaluators(catalog):
        screen.say(f"ok      evaluators/{name}")
    for name in catalog.hub.models:
        screen.say(f"ok      model {name}")
    for name in sorted(catalog.tasks):
        screen.say(f"ok      tasks/{name}")
    show_notices(catalog.notices)
    if catalog.broken:
        screen.note(f"{len(catalog.broken)} of {screen.counted(_files(catalog), 'file')} cannot be used")


def _show_broken(what: str, hint: str) -> None:
    screen.say(f"broken  {what}", style="red")
    if hint:
        screen.say(f"        Hint: {hint}")


def _files(catalog: Catalog) -> int:
    good = (catalog.projects, catalog.tasks, _good_evaluators(catalog))
    return sum(map(len, good)) + len(catalog.broken) + _has_good_models(catalog)


def _good_evaluators(catalog: Catalog) -> list[str]:
    return sorted(name for name in catalog.hub.files if name not in catalog.hub.broken)


def _has_good_models(catalog: Catalog) -> bool:
    return bool(catalog.hub.models) and not any(file.kind == "models" for file in catalog.broken)


def _document(catalog: Catalog, folder: Path, problem: ConfigError | None) -> dict[str, Any]:
    return {
        "projects": sorted(catalog.projects),
        "evaluators": _good_evaluators(catalog),
        "models": sorted(catalog.hub.models),
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
        "notices": [asdict(notice) for notice in catalog.notices],
        "sandbox_problem": None if problem is None else {"message": problem.message, "hint": problem.hint},
    }
