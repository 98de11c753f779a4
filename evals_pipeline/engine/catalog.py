"""Reading a project folder: each file on its own, broken ones with their reason.

`projects/*.yaml` and `tasks/*.yaml`, and what judges need: `evaluators/*.yaml` and `models.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evals_pipeline.core.errors import ConfigError, UnknownNameError
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.core.task import Project, Task
from evals_pipeline.engine.documents import read_named, read_settings, validated, yaml_files
from evals_pipeline.engine.evaluators import MODELS_FILE, Hub
from evals_pipeline.engine.plan import TaskPlan, plan
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.prebuilt.registry import prebuilt_names

MODELS = "models"
_ANY_MODEL = ModelSpec(name="any")
"""Stands for a judge's model while only the judge is looked at."""


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file that cannot be used, and why. `field` is the dotted place inside it, empty for the whole file."""

    path: Path
    kind: str
    field: str
    message: str
    hint: str

    @property
    def name(self) -> str:
        """The name that the project, evaluator or task would have."""
        return self.path.stem

    @property
    def file(self) -> str:
        """The file as people write it from the project folder."""
        return self.path.name if self.kind == MODELS else f"{self.path.parent.name}/{self.path.name}"

    @property
    def place(self) -> str:
        """File and field."""
        return self.file + (f", {self.field}" if self.field else "")

    def __str__(self) -> str:
        """File and field, then the message and the hint on lines of their own."""
        return f"{self.place}: {self.message}" + (f"\nHint: {self.hint}" if self.hint else "")


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

    def _refuse_broken(self, kind: str, name: str) -> None:
        for file in self.broken:
            if (file.kind, file.name) == (kind, name):
                raise ConfigError(str(file))


def read_catalog(folder: Path) -> Catalog:
    """Everything in a project folder; a file that cannot be used never hides the others."""
    hub, broken = _read_hub(folder)
    projects: dict[str, Project] = {}
    for path in yaml_files(folder / "projects"):
        try:
            projects[path.stem] = read_named(path, Project)
        except ConfigError as error:
            broken.append(_broken(path, "project", error))
    tasks: dict[str, TaskPlan] = {}
    for path in yaml_files(folder / "tasks"):
        try:
            tasks[path.stem] = _checked(plan(read_named(path, Task), hub), projects, tasks, broken)
        except ConfigError as error:
            broken.append(_broken(path, "task", error))
    return Catalog(projects, tasks, tuple(broken), hub)


def read_hub(folder: Path) -> Hub:
    """The judges and models of a project folder."""
    return _read_hub(folder)[0]


def _read_hub(folder: Path) -> tuple[Hub, list[BrokenFile]]:
    models, broken = _read_models(folder)
    found = Hub(models=models, broken_models={name: file.place for name, file in broken.items()})
    files = list(broken.values())[:1]  # one file is one entry; the next problem shows once this one is mended
    judges: dict[str, JudgeSpec] = {}
    for path in yaml_files(folder / "evaluators"):
        try:
            judges[path.stem] = _read_judge(path, found)
        except ConfigError as error:
            files.append(_broken(path, "evaluator", error))
    places = {file.name: file.place for file in files if file.kind == "evaluator"}
    return replace(found, judges=judges, broken=places), files


def _read_judge(path: Path, hub: Hub) -> JudgeSpec:
    """What the file says, if it can be a judge and the model that it names exists."""
    if path.stem in prebuilt_names():
        raise ConfigError(
            f"there is a prebuilt check {path.stem!r}, and no judge takes its place",
            hint=f"rename the file, for example to my_{path.stem}.yaml; a task can name its result with `as:`",
        )
    spec = read_named(path, JudgeSpec)
    if "model" in spec.model_fields_set:
        hub.model(spec.model, place="model", judge=spec.name)
    return Judge(spec, _ANY_MODEL).spec


def _read_models(folder: Path) -> tuple[dict[str, ModelSpec], dict[str, BrokenFile]]:
    """Models by name, and what is wrong with the others; `""` stands for the whole file."""
    models: dict[str, ModelSpec] = {}
    broken: dict[str, BrokenFile] = {}
    for path in yaml_files(folder, Path(MODELS_FILE).stem):
        try:
            hint = "it needs a name for each model: `default: {name: gpt-5-mini}`"
            settings = read_settings(path, hint, may_be_empty=True)
        except ConfigError as error:
            broken[""] = _broken(path, MODELS, error)
            continue
        for name, model in settings.items():
            try:
                models[str(name)] = validated(model, ModelSpec, field=str(name))
            except ConfigError as error:
                broken[str(name)] = _broken(path, MODELS, error)
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


def _broken(path: Path, kind: str, error: ConfigError) -> BrokenFile:
    return BrokenFile(path, kind, error.field, error.message, error.hint)
