"""Which evaluator a task means by a name: a judge of the project folder, a prebuilt check or a prebuilt judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evals_pipeline.core.errors import ConfigError, ParameterError, UnknownNameError
from evals_pipeline.core.judge import DEFAULT_MODEL, JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.core.task import EvaluatorUse
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.judge.prebuilt import prebuilt_judge, prebuilt_judge_names
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.registry import build, prebuilt_names

MODELS_FILE = "models.yaml"

Evaluator = PrebuiltCheck | Judge


@dataclass(frozen=True, slots=True)
class Hub:
    """What a project folder adds to the prebuilt evaluators.

    Attributes:
        judges: Name -> what `evaluators/<name>.yaml` says; it takes the place of a prebuilt judge of that name.
        models: Name -> what `models.yaml` says.
        broken: Name of an evaluator -> the place of its file, which cannot be used.
        broken_models: Name of a model -> its place in `models.yaml`, where it cannot be used; `""` for the whole file.
    """

    judges: Mapping[str, JudgeSpec] = field(default_factory=dict)
    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    broken_models: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All evaluators that a task can use, in alphabetical order."""
        return tuple(sorted({*self.judges, *prebuilt_names(), *prebuilt_judge_names()}))

    def evaluator(self, use: EvaluatorUse, *, place: str = "") -> Evaluator:
        """The evaluator that `use` asks for; `place` is where it stands in its file, such as `evaluators.0`.

        Raises:
            ConfigError: When it is unknown or broken, or its model is, or a setting does not fit it.
        """
        within = f"{place}." if place else ""
        if use.evaluator in prebuilt_names():
            if use.model is not None:
                raise ConfigError(f"{use.evaluator!r} is no judge and asks no model", field=f"{within}model")
            return build(use.evaluator, use.parameters, field=place)
        spec = self.judge(use.evaluator, place=f"{within}evaluator")
        for name in use.parameters:
            raise ParameterError(
                f"judge {use.evaluator!r} has no parameters, and none named {name!r}",
                field=f"{within}parameters.{name}",
                hint=f"write what it should be told into its template, in evaluators/{use.evaluator}.yaml",
            )
        chosen, where = (spec.model, f"{within}evaluator") if use.model is None else (use.model, f"{within}model")
        return Judge(spec, self.model(chosen, place=where, judge=use.evaluator))

    def judge(self, name: str, *, place: str = "") -> JudgeSpec:
        """The judge of that name; raises ConfigError or UnknownNameError."""
        if name in self.broken:
            raise ConfigError(f"its evaluator is broken: {self.broken[name]}", field=place, hint="mend that file first")
        if name in self.judges:
            return self.judges[name]
        if name not in prebuilt_judge_names():
            raise UnknownNameError.of("evaluator", name, self.names, field=place)
        return prebuilt_judge(name)

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
