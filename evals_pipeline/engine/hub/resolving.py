"""Which evaluator a task means by a name, and which content of it runs.

A prebuilt check is itself. Otherwise the newest version in the hub runs, or the one that the task pins (`polite@3`);
where none was ever pushed, the file of the project folder as it stands; where there is no file, the prebuilt judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evals_pipeline.core.errors import ConfigError, ParameterError, UnknownNameError
from evals_pipeline.core.judge import DEFAULT_MODEL, JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.core.task import EvaluatorUse
from evals_pipeline.core.version import Notice, Version
from evals_pipeline.engine.hub.files import EVALUATORS, Definition, EvaluatorFile, definition_of
from evals_pipeline.engine.hub.versions import Versions, is_number
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.judge.prebuilt import prebuilt_judge, prebuilt_judge_names
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.registry import build, prebuilt_names
from evals_pipeline.hub.contents import SHOWN_DIGITS, content_hash
from evals_pipeline.hub.states import FileState, notice_of, state_of

MODELS_FILE = "models.yaml"

Evaluator = PrebuiltCheck | Judge | Custom


@dataclass(frozen=True, slots=True)
class Found:
    """What runs under a name.

    Attributes:
        version: As results carry it: the number, or the hash of a file that was never pushed; empty for a prebuilt
            judge, whose version depends on its model.
        pushed: The version of the hub, None for a file or a prebuilt judge.
    """

    definition: Definition
    version: str
    pushed: Version | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The evaluator of a task, ready to judge.

    Attributes:
        version: As results carry it.
        notice: What the task's owner should know of the evaluator's file.
    """

    evaluator: Evaluator
    version: str
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Hub:
    """What a project folder and its ledger add to the prebuilt evaluators.

    Attributes:
        files: Name -> what the folder `evaluators` says; it takes the place of a prebuilt judge of that name.
        models: Name -> what `models.yaml` says.
        broken: Name of an evaluator -> the place of its file, which cannot be used.
        broken_models: Name of a model -> its place in `models.yaml`, where it cannot be used; `""` for the whole file.
        versions: What has been pushed.
    """

    files: Mapping[str, EvaluatorFile] = field(default_factory=dict)
    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    broken_models: Mapping[str, str] = field(default_factory=dict)
    versions: Versions = field(default_factory=Versions)

    @property
    def names(self) -> tuple[str, ...]:
        """All evaluators that a task can use, in alphabetical order."""
        files = (name for name in self.files if name not in self.broken)
        return tuple(sorted({*files, *self.versions.latest, *prebuilt_names(), *prebuilt_judge_names()}))

    @property
    def own(self) -> Mapping[str, Definition]:
        """Name -> what runs, for the evaluators that people brought; those that cannot be used are left out."""
        found: dict[str, Definition] = {}
        for name in sorted({*self.files, *self.versions.latest}):
            try:
                found[name] = self.found(name).definition
            except ConfigError:  # told where it is used, and by `evals check`
                continue
        return found

    @property
    def judges(self) -> Mapping[str, JudgeSpec]:
        """Those of them that are judges."""
        return {name: found for name, found in self.own.items() if isinstance(found, JudgeSpec)}

    def evaluator(self, use: EvaluatorUse, *, place: str = "") -> Evaluator:
        """The evaluator that `use` asks for; raises ConfigError, as `resolved` does."""
        return self.resolved(use, place=place).evaluator

    def resolved(self, use: EvaluatorUse, *, place: str = "") -> Resolved:
        """The same with its version; `place` is where `use` stands in its file, such as `evaluators.0`.

        Raises:
            ConfigError: When it is unknown or broken, or its model is, or a setting does not fit it.
        """
        within = f"{place}." if place else ""
        name, at, _ = use.evaluator.partition("@")
        if name in prebuilt_names():
            _refuse_pin(name, at, f"{within}evaluator")
            _refuse_model(use, within)
            check = build(name, use.parameters, field=place)
            return Resolved(check, check.version)
        found = self.found(use.evaluator, place=f"{within}evaluator")
        evaluator = self._built(found, use, place)
        by_model = evaluator.version if isinstance(evaluator, Judge) else ""
        return Resolved(evaluator, found.version or by_model, None if at else self.notice(name))

    def found(self, spelled: str, *, place: str = "") -> Found:
        """What runs under a name (`polite`, `polite@3`) that is no prebuilt check; raises ConfigError."""
        name, at, digits = spelled.partition("@")
        if name in prebuilt_names():
            _refuse_pin(name, at, place)
        if self.versions.problem:
            why, _, hint = self.versions.problem.partition("\nHint: ")
            raise ConfigError(f"the versions of {name!r} cannot be read: {why}", field=place, hint=hint)
        latest = self.versions.latest.get(name)
        if at and latest is not None:
            return self._pinned(latest, digits, place)
        if latest is not None:
            return self._of_version(latest, place)
        if name in self.broken:
            raise ConfigError(f"its evaluator is broken: {self.broken[name]}", field=place, hint="mend that file first")
        if (file := self.files.get(name)) is not None and file.definition is not None:
            _refuse_unpushed_pin(name, at, place)
            return Found(file.definition, content_hash(file.content)[:SHOWN_DIGITS])
        if name not in prebuilt_judge_names():
            raise UnknownNameError.of("evaluator", name or spelled, self.names, field=place)
        _refuse_pin(name, at, place)
        return Found(prebuilt_judge(name), "")

    def state(self, name: str) -> FileState | None:
        """How the file and the newest version of that name compare; None for prebuilt evaluators."""
        file, latest = self.files.get(name), self.versions.latest.get(name)
        if file is None and latest is None:
            return None
        return state_of(file.content if file is not None else None, latest)

    def notice(self, name: str) -> Notice | None:
        """What those who use the evaluator unpinned should know: that its file is not what runs."""
        file, state = self.files.get(name), self.state(name)
        if file is None or state is not FileState.CHANGED:
            return None
        return notice_of(name, file.file, state, self.versions.latest.get(name))

    def model(self, chosen: str | ModelSpec, *, place: str = "", judge: str = "") -> ModelSpec:
        """The model of that name, or `chosen` itself; raises ConfigError."""
        if isinstance(chosen, ModelSpec):
            return chosen
        broken = self.broken_models.get(chosen) or self.broken_models.get("")
        if broken is not None and chosen not in self.models:
            raise ConfigError(f"its model {chosen!r} is broken: {broken}", field=place, hint="mend that file first")
        if chosen in self.models:
            return self.models[chosen]
        if chosen == DEFAULT_MODEL:
            raise ConfigError(
                f"judge {judge!r} names no model, and {MODELS_FILE} has no {DEFAULT_MODEL!r}",
                field=place,
                hint=f"write into {MODELS_FILE}, beside `tasks`: `{DEFAULT_MODEL}: {{name: gpt-5-mini}}`",
            )
        raise UnknownNameError.of("model", chosen, self.models, field=place)

    def _built(self, found: Found, use: EvaluatorUse, place: str) -> Custom | Judge:
        within = f"{place}." if place else ""
        definition = found.definition
        if not isinstance(definition, JudgeSpec):
            _refuse_model(use, within)
            return Custom.of(definition, use.parameters, field=place)
        for name in use.parameters:
            raise ParameterError(
                f"judge {definition.name!r} has no parameters, and none named {name!r}",
                field=f"{within}parameters.{name}",
                hint=f"write what it should be told into its template, in {EVALUATORS}/{definition.name}.yaml",
            )
        chosen, where = (definition.model, "evaluator") if use.model is None else (use.model, "model")
        return Judge(definition, self.model(chosen, place=f"{within}{where}", judge=definition.name))

    def _pinned(self, latest: Version, digits: str, place: str) -> Found:
        number = pinned_number(latest.name, digits, place)
        version = latest if number == latest.number else self.versions.pinned.get((latest.name, number))
        if version is None:
            there_is = "1" if latest.number == 1 else f"1 to {latest.number}"
            raise ConfigError(
                f"there is no version {number} of {latest.name!r}; there is: {there_is}",
                field=place,
                hint=f"list them with: evals hub log {latest.name}",
            )
        return self._of_version(version, place)

    def _of_version(self, version: Version, place: str) -> Found:
        try:
            definition = definition_of(version.name, version.content, file=self._file_of(version))
        except ConfigError as error:
            where = f", {error.field}" if error.field else ""
            raise ConfigError(f"{version.spelled}{where}: {error.message}", field=place, hint=error.hint) from error
        return Found(definition, str(version.number), version)

    def _file_of(self, version: Version) -> str:
        """What errors of a version call its source: the file, where that says the same and so has the same lines."""
        file = self.files.get(version.name)
        is_same = file is not None and content_hash(file.content) == version.draft.content_hash
        return file.file if file is not None and is_same else version.spelled


def pinned_number(name: str, digits: str, place: str = "") -> int:
    """The number in `polite@3`; raises ConfigError where it is none."""
    if not is_number(digits):
        raise ConfigError(
            f"{name + '@' + digits!r} names no version",
            field=place,
            hint=f"write `{name}` for the latest version, or its number: `{name}@3`",
        )
    return int(digits)


def _refuse_model(use: EvaluatorUse, within: str) -> None:
    if use.model is not None:
        raise ConfigError(f"{use.evaluator!r} is no judge and asks no model", field=f"{within}model")


def _refuse_pin(name: str, at: str, place: str) -> None:
    if at:
        raise ConfigError(
            f"{name!r} is prebuilt and has no numbered versions: it changes with evals-pipeline only",
            field=place,
            hint=f"write `{name}`",
        )


def _refuse_unpushed_pin(name: str, at: str, place: str) -> None:
    if at:
        raise ConfigError(
            f"{name!r} has no versions in the hub",
            field=place,
            hint=f"push it: evals hub push {name} -m '...', or write `{name}` for the file as it stands",
        )
