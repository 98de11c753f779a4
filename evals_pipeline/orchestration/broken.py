"""Files that cannot be used, shown in the graph with the reason instead of being left out.

What is wrong with a file is found by `engine.catalog`; only names that Dagster could not tell apart are found here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg

from evals_pipeline.engine.catalog import BrokenFile, Catalog
from evals_pipeline.orchestration import naming


def broken_specs(catalog: Catalog) -> list[dg.AssetSpec]:
    """One asset that cannot be materialized per broken file; its description is what `evals check` says."""
    return [
        dg.AssetSpec(
            naming.broken_asset(file.kind, file.name),
            group_name=naming.BROKEN_GROUP,
            description=f"**This {file.kind} is not loaded.**\n\n{file}",
            tags={naming.BROKEN_TAG: file.kind},
            kinds={"python" if file.path.suffix == ".py" else "yaml"},
            metadata={"file": dg.MetadataValue.path(str(file.path)), "problem": dg.MetadataValue.text(str(file))},
        )
        for file in catalog.broken
    ]


def colliding_projects(catalog: Catalog, folder: Path) -> Catalog:
    """The catalog of `folder` without projects, and their tasks, whose names become the key of an earlier one."""
    refused = naming.collisions(catalog.projects)
    if not refused:
        return catalog
    lost = {name: planned.task.project for name, planned in catalog.tasks.items() if planned.task.project in refused}
    return replace(
        catalog,
        projects={name: project for name, project in catalog.projects.items() if name not in refused},
        tasks={name: planned for name, planned in catalog.tasks.items() if name not in lost},
        broken=(
            *catalog.broken,
            *(_refused_project(folder, name, kept) for name, kept in refused.items()),
            *(_refused_task(folder, name, project) for name, project in lost.items()),
        ),
    )


def _refused_project(folder: Path, name: str, kept: str) -> BrokenFile:
    return BrokenFile(
        path=folder / "projects" / f"{name}.yaml",
        kind="project",
        field="",
        message=f"in Dagster its name becomes {naming.project_key(name)!r}, which project {kept!r} has already",
        hint="rename one of the two files, so that they differ in letters or digits",
    )


def _refused_task(folder: Path, name: str, project: str) -> BrokenFile:
    path = folder / "tasks" / f"{name}.yaml"
    return BrokenFile(path, "task", "project", f"its project {project!r} is not loaded", "mend the project first")
