"""A task made ready to run: its filter parsed, its evaluators built, its variables bound to columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.granularity import Granularity
from evals_pipeline.core.paths import Path
from evals_pipeline.core.task import EvaluatorUse, Task
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.registry import build
from evals_pipeline.mapping.variables import bind
from evals_pipeline.selection.filters import Filter, parse_filter


@dataclass(frozen=True, slots=True)
class PlannedUse:
    """One evaluator of a task, ready to run.

    Attributes:
        name: The name of its result.
        fingerprint: Hash of its parameters and mapping. Spans never change, so it stands for the inputs of every unit.
    """

    name: str
    check: PrebuiltCheck
    paths: Mapping[str, Path]
    filter: Filter | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """A task ready to run; `fingerprint` changes with everything that decides which results it makes."""

    task: Task
    granularity: Granularity
    filter: Filter | None
    uses: tuple[PlannedUse, ...]
    fingerprint: str

    @property
    def fingerprints(self) -> dict[str, str]:
        """Evaluator -> hash of its parameters and mapping."""
        return {use.name: use.fingerprint for use in self.uses}

    @property
    def nested_paths(self) -> tuple[Path, ...]:
        """Mapped paths that are no columns, once each."""
        nested = {path.dotted: path for use in self.uses for path in use.paths.values() if not path.is_column}
        return tuple(nested[dotted] for dotted in sorted(nested))


@dataclass(frozen=True, slots=True)
class Overrides:
    """What one run does differently from its task.

    Attributes:
        override: Evaluate again what has a current result; the new one supersedes it.
    """

    sampling_rate: float | None = None
    filter: str | None = None
    max_units: int | None = None
    override: bool = False

    def applied_to(self, task: Task) -> Task:
        """The task as this run sees it; raises ConfigError for values that a task could not have."""
        changes = {
            name: value
            for name, value in (
                ("sampling_rate", self.sampling_rate),
                ("filter", self.filter),
                ("max_units", self.max_units),
            )
            if value is not None
        }
        try:
            return Task.model_validate({**task.model_dump(), **changes})
        except ValueError as cause:
            raise ConfigError(f"the run's options do not fit: {_reasons(cause)}") from cause

    def as_dict(self) -> dict[str, Any]:
        """Only what differs, as plain JSON."""
        values = {"sampling_rate": self.sampling_rate, "filter": self.filter, "max_units": self.max_units}
        chosen: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        return {**chosen, "override": True} if self.override else chosen


def plan(task: Task) -> TaskPlan:
    """Make `task` ready to run; raises ConfigError, with the field in the task file, for whatever cannot be."""
    uses = tuple(_planned(use, f"evaluators.{number}") for number, use in enumerate(task.evaluators))
    _refuse_duplicates(uses)
    parsed = parse_filter(task.filter, field="filter") if task.filter is not None else None
    decisive = {
        "filter": task.filter,
        "sampling": [task.sampling_rate, task.sampling_salt],
        "max_attempts": task.max_attempts,
        "evaluators": [[use.name, use.fingerprint, use.filter and use.filter.text] for use in uses],
    }
    return TaskPlan(task, Granularity.SPAN, parsed, uses, _hash(decisive))


def _planned(use: EvaluatorUse, field: str) -> PlannedUse:
    check = build(use.evaluator, use.parameters, field=field)
    paths = bind(check.variables, use.mapping, field=f"{field}.mapping")
    chosen = parse_filter(use.filter, field=f"{field}.filter") if use.filter is not None else None
    spelled = {variable: path.dotted for variable, path in paths.items()}
    seen = [check.name, check.version, dict(check.parameters), spelled]
    return PlannedUse(use.name, check, paths, chosen, _hash(seen))


def _refuse_duplicates(uses: tuple[PlannedUse, ...]) -> None:
    names = [use.name for use in uses]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ConfigError(
                f"two results of this task are named {name!r}",
                field=f"evaluators.{number}.as",
                hint="give one of them another name with `as:`",
            )


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=list).encode()).hexdigest()[:16]


def _reasons(error: ValueError) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    return str(error)
