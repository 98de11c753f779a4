"""Which evaluator a person means who names one on the command line, and with which task's settings it is tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evals_pipeline.core.errors import ConfigError, ParameterError, UnknownNameError
from evals_pipeline.core.task import EvaluatorUse, Project
from evals_pipeline.engine.catalog import Catalog, read_catalog, read_hub
from evals_pipeline.engine.hub.files import EVALUATORS, read_files
from evals_pipeline.engine.hub.history import tasks_using
from evals_pipeline.engine.hub.resolving import Hub, pinned_number
from evals_pipeline.engine.hub.versions import read_versions
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.trying.given_parameters import Texts, as_option, parameter_of, typed
from evals_pipeline.engine.uses import PlannedUse, planned

_SUFFIXES = (".py", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class NamedEvaluator:
    """An evaluator as somebody named it.

    Attributes:
        spelled: As a task would name it: `polite`, `polite@2`.
        hub: Where `spelled` means what was named: without the pushed versions where a file was.
        is_file: Whether a file was named, so that the file as it stands counts.
    """

    spelled: str
    hub: Hub
    is_file: bool = False

    @property
    def name(self) -> str:
        """Its name without the version."""
        return self.spelled.partition("@")[0]

    @property
    def file(self) -> str:
        """Its file as people write it from the project folder; empty where there is none."""
        found = self.hub.files.get(self.name)
        return found.file if found is not None else ""

    @property
    def is_known(self) -> bool:
        """Whether there is an evaluator of that name; if not, it can only be that of a result."""
        return self.is_file or "@" in self.spelled or self.name in {*self.hub.names, *self.hub.broken}

    def ran(self, version: str) -> str:
        """Which content of it runs, where results would say `version`."""
        is_pushed = self.name in self.hub.versions.latest
        if not self.file or (is_pushed and not self.is_file):
            return f"version {version}"
        return f"version {version} ({self.file} as it stands{'' if self.is_file else ', never pushed'})"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to do differently from the task whose settings are used.

    Attributes:
        mapping: Variable -> path.
        parameters: Name -> texts, several for a list.
        model: Of a judge: a name in `models.yaml`.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    parameters: Texts = field(default_factory=dict)
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """An evaluator with the settings of the task whose rows it is shown."""

    named: NamedEvaluator
    task: TaskPlan
    project: Project
    use: PlannedUse


def choose(folder: Path, said: str, task: str | None, asked: Asked) -> Chosen:
    """The evaluator that `said` means, as `task` uses it, or as the only task does that names it.

    Args:
        folder: The project folder.
        said: `polite`, `polite@2`, `evaluators/polite.py`, or the name of a result of the task.
        task: Where rows and settings come from; where it does not name the evaluator, `asked` holds all settings.
        asked: What is done differently.

    Raises:
        ConfigError: Something is unknown, broken or does not fit; or no task, or more than one, names the evaluator.
    """
    named = named_evaluator(folder, said)
    catalog = read_catalog(folder)
    plan = _task_naming(folder, catalog, named) if task is None else catalog.task(task)
    uses = _uses_of(plan, named)
    if len(uses) > 1:
        results = ", ".join(use.name for _, use in uses)
        raise ConfigError(
            f"task {plan.task.name!r} has several results of {named.name!r}: {results}",
            hint=f"name the result instead: {uses[0][1].name}",
        )
    if uses and not named.is_known:
        named = named_evaluator(folder, uses[0][1].evaluator)
    number, use = uses[0] if uses else (len(plan.task.evaluators), EvaluatorUse(evaluator=named.spelled))
    return Chosen(named, plan, catalog.project(plan.task.project), _planned(plan, number, use, named, asked))


def named_evaluator(folder: Path, said: str) -> NamedEvaluator:
    """What `said` means in the project folder: `polite`, `polite@2` or `evaluators/polite.py`.

    A name means what a task means by it: the newest version, or the file where none was ever pushed. A file means the
    file as it stands.

    Raises:
        ConfigError: The file is none of the folder `evaluators`, or is broken; or the version is no number.
    """
    if said.endswith(_SUFFIXES):
        return _of_file(folder, said)
    name, at, digits = said.partition("@")
    if not at:
        hub = read_hub(folder)
        if name in hub.broken and name not in hub.versions.latest:
            _refuse_broken(folder, name)
        return NamedEvaluator(said, hub)
    pins = {(name, pinned_number(name, digits))}
    hub = replace(read_hub(folder), versions=read_versions(folder, pins))
    hub.found(said)  # raises what is wrong with it: prebuilt, never pushed, or no such version
    return NamedEvaluator(said, hub)


def _of_file(folder: Path, said: str) -> NamedEvaluator:
    places = (Path(said), folder / said)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise ConfigError(f"there is no file {said!r}", hint=f"evaluators are in {EVALUATORS}/ of the project folder")
    if path.resolve().parent != (folder / EVALUATORS).resolve():
        raise ConfigError(
            f"{said!r} is not in the folder {EVALUATORS} of {str(folder)!r}", hint="put it there under its own name"
        )
    _refuse_broken(folder, path.stem)
    hub = read_hub(folder)
    others = {name: version for name, version in hub.versions.latest.items() if name != path.stem}
    return NamedEvaluator(path.stem, replace(hub, versions=replace(hub.versions, latest=others)), is_file=True)


def _refuse_broken(folder: Path, name: str) -> None:
    """Raises ConfigError with place and reason for a file that cannot be an evaluator."""
    for broken in read_files(folder).broken:
        if broken.name == name:
            raise ConfigError(f"{broken.place}: {broken.message}", hint=broken.hint)


def _task_naming(folder: Path, catalog: Catalog, named: NamedEvaluator) -> TaskPlan:
    """The one task that uses the evaluator, or has a result, of that name."""
    name = named.name
    found = [task for _, task in sorted(catalog.tasks.items()) if _uses_of(task, named)]
    if len(found) == 1:
        return found[0]
    if not found and name not in named.hub.names:
        named.hub.found(named.spelled)  # raises what is wrong with it: unknown, or its file is broken
    if not found:
        _refuse_broken_task(folder, catalog, name)
        there_is = ", ".join(sorted(catalog.tasks)) or "none"
        raise ConfigError(
            f"no task names {name!r}, so there are no rows to show it; tasks: {there_is}",
            hint="take the rows of one with --task TASK, and say what it is shown: --map VARIABLE=PATH",
        )
    names = ", ".join(task.task.name for task in found)
    raise ConfigError(f"several tasks name {name!r}: {names}", hint=f"say which: --task {found[0].task.name}")


def _refuse_broken_task(folder: Path, catalog: Catalog, name: str) -> None:
    """Raises ConfigError with place and reason where a task that cannot be used names the evaluator."""
    using = tasks_using(folder, name)
    for file in catalog.broken:
        if file.kind == "task" and file.path.name in using:
            raise ConfigError(f"the task that names {name!r} is broken: {file.place}: {file.message}", hint=file.hint)


def _planned(plan: TaskPlan, number: int, use: EvaluatorUse, named: NamedEvaluator, asked: Asked) -> PlannedUse:
    told = {
        "evaluator": named.spelled,
        "mapping": {**use.mapping, **asked.mapping},
        "parameters": {**use.parameters, **typed(named.hub, named.spelled, asked.parameters)},
        "model": use.model if asked.model is None else asked.model,
    }
    try:
        return planned(use.model_copy(update=told), named.hub, f"evaluators.{number}")
    except UnknownNameError:
        raise
    except ConfigError as error:
        if isinstance(error, ParameterError) and parameter_of(error) not in {*use.parameters} - {*asked.parameters}:
            raise as_option(error, asked.parameters) from error
        place = f"tasks/{plan.task.name}.yaml, {error.field}: " if number < len(plan.task.evaluators) else ""
        raise ConfigError(f"{place}{error.message}", field=error.field, hint=error.hint) from error


def _uses_of(task: TaskPlan, named: NamedEvaluator) -> list[tuple[int, EvaluatorUse]]:
    """Where the task uses the evaluator; where there is none of that name, the result that has it."""
    uses = list(enumerate(task.task.evaluators))
    if named.is_known:
        uses = [(number, use) for number, use in uses if use.evaluator.partition("@")[0] == named.name]
    exact = [(number, use) for number, use in uses if use.name == named.name]
    return exact or (uses if named.is_known else [])
