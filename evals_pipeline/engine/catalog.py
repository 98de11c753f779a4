"""Reading a project folder: each file on its own, broken ones with their reason.

`projects/*.yaml` and `tasks/*.yaml`, and what these need: the folder `evaluators`, the versions that were pushed of it,
and `models.yaml`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evals_pipeline.core.errors import ConfigError, UnknownNameError
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.core.task import Project, Task
from evals_pipeline.core.version import Notice
from evals_pipeline.engine.broken_files import EVALUATOR, MODELS, BrokenFile
from evals_pipeline.engine.documents import read_named, read_settings, validated, yaml_files
from evals_pipeline.engine.hub.files import read_files
from evals_pipeline.engine.hub.resolving import MODELS_FILE, Hub
from evals_pipeline.engine.hub.versions import Versions, pins_of, read_versions, read_versions_for
from evals_pipeline.engine.plan import TaskPlan, plan

__all__ = ["BrokenFile", "Catalog", "read_catalog", "read_evaluators", "read_hub"]


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a project folder holds, by name."""

    projects: Mapping[str, Project]
    tasks: Mapping[str, TaskPlan]
    broken: tuple[BrokenFile, ...]
    hub: Hub = field(default_factory=Hub)

    def project(self, name: str) -> Project:
        """That project; raises UnknownNameError, or ConfigError when its file is broken."""
        self._refuse_broken("project", name)
        if name not in self.projects:
            raise UnknownNameError.of("project", name, self.projects)
        return self.projects[name]

    def task(self, name: str) -> TaskPlan:
        """That task; raises UnknownNameError, or ConfigError when its file is broken."""
        self._refuse_broken("task", name)
        if name not in self.tasks:
            raise UnknownNameError.of("task", name, self.tasks)
        return self.tasks[name]

    def tasks_of(self, project: str) -> tuple[TaskPlan, ...]:
        """The project's tasks, by name."""
        return tuple(self.tasks[name] for name in sorted(self.tasks) if self.tasks[name].task.project == project)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the owners of its tasks should know of files that are not broken, once each."""
        found = (notice for name in sorted(self.tasks) for notice in self.tasks[name].notices)
        return tuple(dict.fromkeys(found))

    def _refuse_broken(self, kind: str, name: str) -> None:
        for file in self.broken:
            if (file.kind, file.name) == (kind, name):
                raise ConfigError(str(file))


def read_catalog(folder: Path) -> Catalog:
    """Everything in a project folder; a file that cannot be used never hides the others."""
    broken: list[BrokenFile] = []
    written = _read_tasks(folder, broken)
    versions = read_versions_for(folder, [use.evaluator for task in written.values() for use in task.evaluators])
    hub, files = _read_hub(folder, versions)
    broken[:0] = files
    projects: dict[str, Project] = {}
    for path in yaml_files(folder / "projects"):
        try:
            projects[path.stem] = read_named(path, Project)
        except ConfigError as error:
            broken.append(BrokenFile.of(path, "project", error))
    tasks: dict[str, TaskPlan] = {}
    for path, task in written.items():
        try:
            tasks[path.stem] = _checked(plan(task, hub), projects, tasks, broken)
        except ConfigError as error:
            broken.append(BrokenFile.of(path, "task", error))
    return Catalog(projects, tasks, tuple(broken), hub)


def read_hub(folder: Path, spelled: Collection[str] = ()) -> Hub:
    """The evaluators and models of a project folder, with the versions that `spelled` asks for (`polite@3`)."""
    return _read_hub(folder, read_versions(folder, pins_of(spelled)))[0]


def read_evaluators(folder: Path) -> tuple[Hub, list[BrokenFile]]:
    """The evaluators and models of a project folder, and those of their files that cannot be used."""
    return _read_hub(folder, read_versions(folder))


def _read_tasks(folder: Path, broken: list[BrokenFile]) -> dict[Path, Task]:
    """What the task files say; what their evaluators are is not looked at."""
    written: dict[Path, Task] = {}
    for path in yaml_files(folder / "tasks"):
        try:
            written[path] = read_named(path, Task)
        except ConfigError as error:
            broken.append(BrokenFile.of(path, "task", error))
    return written


def _read_hub(folder: Path, versions: Versions) -> tuple[Hub, list[BrokenFile]]:
    models, broken = _read_models(folder)
    found = Hub(models=models, broken_models={name: file.place for name, file in broken.items()})
    files = list(broken.values())[:1]  # one file is one entry; the next problem shows once this one is mended
    evaluators = read_files(folder)
    problems = {file.path: file for file in evaluators.broken}
    for file in evaluators.files.values():
        try:
            _refuse_model(file.definition, found)
        except ConfigError as error:
            problems[file.path] = BrokenFile.of(file.path, EVALUATOR, error)
    files += [problems[path] for path in sorted(problems)]
    places = {file.name: file.place for file in files if file.kind == EVALUATOR}
    return replace(found, files=evaluators.files, broken=places, versions=versions), files


def _refuse_model(definition: object, hub: Hub) -> None:
    """Raises ConfigError for a judge whose file names a model that does not exist."""
    if isinstance(definition, JudgeSpec) and "model" in definition.model_fields_set:
        hub.model(definition.model, place="model", judge=definition.name)


def _read_models(folder: Path) -> tuple[dict[str, ModelSpec], dict[str, BrokenFile]]:
    """Models by name, and what is wrong with the others; `""` stands for the whole file."""
    models: dict[str, ModelSpec] = {}
    broken: dict[str, BrokenFile] = {}
    for path in yaml_files(folder, Path(MODELS_FILE).stem):
        try:
            hint = "it needs a name for each model: `default: {name: gpt-5-mini}`"
            settings = read_settings(path, hint, may_be_empty=True)
        except ConfigError as error:
            broken[""] = BrokenFile.of(path, MODELS, error)
            continue
        for name, model in settings.items():
            try:
                models[str(name)] = validated(model, ModelSpec, field=str(name))
            except ConfigError as error:
                broken[str(name)] = BrokenFile.of(path, MODELS, error)
    return models, broken


def _checked(
    planned: TaskPlan, projects: Mapping[str, Project], tasks: Mapping[str, TaskPlan], broken: Sequence[BrokenFile]
) -> TaskPlan:
    """`planned` itself, if its project exists and no other task of that project gives the same result name."""
    project = planned.task.project
    for file in broken:
        if (file.kind, file.name) == ("project", project):
            raise ConfigError(f"its project is broken: {file.place}", field="project", hint="mend that file first")
    if project not in projects:
        raise UnknownNameError.of("project", project, projects, field="project")
    taken = {
        use.name: other.task.name for other in tasks.values() if other.task.project == project for use in other.uses
    }
    for number, use in enumerate(planned.uses):
        if use.name in taken:
            raise ConfigError(
                f"the result name {use.name!r} is already given by task {taken[use.name]!r} of this project",
                field=f"evaluators.{number}.as",
                hint="give one of them another name with `as:`",
            )
    return planned
