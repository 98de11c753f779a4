"""Reading a project folder: `projects/*.yaml` and `tasks/*.yaml`, each on its own, broken ones with their reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from evals_pipeline.core.errors import ConfigError, UnknownNameError, did_you_mean
from evals_pipeline.core.task import Project, Task
from evals_pipeline.engine.plan import TaskPlan, plan

ModelT = TypeVar("ModelT", bound=BaseModel)

# The C loader is ten times faster, which counts at hundreds of tasks; it is missing where PyYAML was built without it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]  # which of the two bases it has is known at run time only
    """A safe loader that refuses a setting written twice, where YAML would take the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


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
        """The name that the project or task would have."""
        return self.path.stem

    @property
    def place(self) -> str:
        """File and field."""
        return f"{self.path.parent.name}/{self.path.name}" + (f", {self.field}" if self.field else "")

    def __str__(self) -> str:
        """File and field, then the message and the hint on lines of their own."""
        return f"{self.place}: {self.message}" + (f"\nHint: {self.hint}" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a project folder holds, by name."""

    projects: Mapping[str, Project]
    tasks: Mapping[str, TaskPlan]
    broken: tuple[BrokenFile, ...]

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
    """Everything under `projects/` and `tasks/`; a file that cannot be used never hides the others."""
    broken: list[BrokenFile] = []
    projects: dict[str, Project] = {}
    for path in _yaml_files(folder / "projects"):
        try:
            projects[path.stem] = _read(path, Project)
        except ConfigError as error:
            broken.append(_broken(path, "project", error))
    tasks: dict[str, TaskPlan] = {}
    for path in _yaml_files(folder / "tasks"):
        try:
            tasks[path.stem] = _checked(plan(_read(path, Task)), projects, tasks, broken)
        except ConfigError as error:
            broken.append(_broken(path, "task", error))
    return Catalog(projects, tasks, tuple(broken))


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.y*ml") if path.suffix in (".yaml", ".yml")) if folder.is_dir() else []


def _read(path: Path, model: type[ModelT]) -> ModelT:
    twin = path.with_suffix(".yaml")
    if twin != path and twin.exists():
        raise ConfigError(f"{twin.name} beside it has the same name", hint="rename or remove one of the two")
    try:
        document: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError) as cause:
        raise ConfigError(f"the file cannot be read: {cause}") from cause
    except (yaml.YAMLError, ValueError, RecursionError) as cause:
        raise ConfigError(f"the file is no YAML: {' '.join(str(cause).split())}") from cause
    if not isinstance(document, dict):
        raise ConfigError("the file holds no settings", hint=f"it needs: {', '.join(_required(model))}")
    if "name" in document:
        raise ConfigError(
            "a file is named by its file name", field="name", hint=f"remove it; the name is {path.stem!r}"
        )
    try:
        return model.model_validate({**document, "name": path.stem})
    except ValidationError as cause:
        raise _first_problem(cause, model) from cause


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


def _first_problem(error: ValidationError, model: type[BaseModel]) -> ConfigError:
    """The first thing wrong, in our words; the others show once this one is mended."""
    problem = error.errors()[0]
    place = [str(part) for part in problem["loc"]]
    word, message = (place[-1] if place else ""), problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        known = _known_fields(model, place[:-1])
        hint = did_you_mean(word, known) or f"there is: {', '.join(known)}"
        return ConfigError(
            f"there is no setting {word!r}; there is: {', '.join(known)}", field=".".join(place), hint=hint
        )
    if problem["type"] == "missing":
        return ConfigError(f"{word!r} is missing", field=".".join(place), hint=f"add a line `{word}: …`")
    return ConfigError(f"{message}, not {problem['input']!r}", field=".".join(place))


def _known_fields(model: type[BaseModel], place: list[str]) -> list[str]:
    """The settings that could stand at `place`; unions and lists are searched for the model they hold."""
    current = model
    for part in place:
        field = current.model_fields.get(part)
        inner = next((item for item in _models_in(field.annotation) if item), None) if field else None
        current = inner or current
    return [
        field.alias or name for name, field in current.model_fields.items() if name != "name" or current is not model
    ]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in getattr(annotation, "__args__", ()) for found in _models_in(inner)]


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required() and name != "name"]


def _broken(path: Path, kind: str, error: ConfigError) -> BrokenFile:
    return BrokenFile(path, kind, error.field, error.message, error.hint)
