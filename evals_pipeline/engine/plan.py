"""A task made ready to run: its filter parsed, its evaluators built, its variables bound to columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.granularity import Granularity
from evals_pipeline.core.task import Task
from evals_pipeline.core.version import Notice
from evals_pipeline.engine.hub.resolving import Hub
from evals_pipeline.engine.readiness import refuse_unpriced
from evals_pipeline.engine.uses import JSON_KEY, PlannedUse, digest, planned
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.selection.filters import Filter, parse_filter

NEW_VERSION = "new-version"
"""The one value of a run's `reevaluate`."""


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """A task ready to run.

    Attributes:
        fingerprint: Changes with everything that decides which results the task makes.
        hub: Where its evaluators were found, to find them again when a run does something differently.
    """

    task: Task
    granularity: Granularity
    filter: Filter | None
    uses: tuple[PlannedUse, ...]
    fingerprint: str
    hub: Hub = field(default_factory=Hub, repr=False, compare=False)

    def differently(self, overrides: Overrides) -> TaskPlan:
        """The same task as a run with `overrides` sees it; raises ConfigError for what a task could not have."""
        return plan(overrides.applied_to(self.task), self.hub)

    @property
    def judges(self) -> tuple[PlannedUse, ...]:
        """Those of its evaluators that ask a model."""
        return tuple(use for use in self.uses if use.judge is not None)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the task's owner should know of its evaluators' files, once each."""
        return tuple(dict.fromkeys(use.notice for use in self.uses if use.notice is not None))

    @property
    def fingerprints(self) -> dict[str, str]:
        """Evaluator -> hash of its parameters and mapping."""
        return {use.name: use.fingerprint for use in self.uses}

    @property
    def nested_values(self) -> Mapping[str, str]:
        """What of the mapping is no plain column: key -> DuckDB expression over a span.

        The key is the path; where a custom evaluator is shown the value, `JSON_KEY` and the path.
        """
        nested: dict[str, str] = {}
        for use in self.uses:
            is_natural = isinstance(use.evaluator, Custom)
            for path in use.shown_paths:
                if not path.is_column:
                    key = JSON_KEY + path.dotted if is_natural else path.dotted
                    nested[key] = path.natural_sql if is_natural else path.sql
        return dict(sorted(nested.items()))


@dataclass(frozen=True, slots=True)
class Overrides:
    """What one run does differently from its task.

    Attributes:
        override: Evaluate again what has a current result; the new one supersedes it.
        reevaluate: `new-version`: evaluate again what has a current result of another version of its evaluator.
    """

    sampling_rate: float | None = None
    filter: str | None = None
    max_units: int | None = None
    override: bool = False
    reevaluate: str | None = None

    @property
    def other_versions_stand(self) -> bool:
        """Whether a current result of another version is as good as one of the version that runs."""
        return self.reevaluate is None

    def applied_to(self, task: Task) -> Task:
        """The task as this run sees it; raises ConfigError for values that a task or a run could not have."""
        if self.reevaluate not in (None, NEW_VERSION):
            raise ConfigError(
                f"the run's options do not fit: reevaluate: {self.reevaluate!r} means nothing",
                hint=f"leave it out, or write {NEW_VERSION!r}",
            )
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
        values = {
            "sampling_rate": self.sampling_rate,
            "filter": self.filter,
            "max_units": self.max_units,
            "reevaluate": self.reevaluate,
        }
        chosen: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        return {**chosen, "override": True} if self.override else chosen


def plan(task: Task, hub: Hub) -> TaskPlan:
    """Make `task` ready to run; raises ConfigError, with the field in the task file, for whatever cannot be."""
    uses = tuple(planned(use, hub, f"evaluators.{number}") for number, use in enumerate(task.evaluators))
    _refuse_duplicates(uses)
    _refuse_unpriced(task, uses)
    parsed = parse_filter(task.filter, field="filter") if task.filter is not None else None
    decisive = {
        "filter": task.filter,
        "sampling": [task.sampling_rate, task.sampling_salt],
        "max_attempts": task.max_attempts,
        "evaluators": [[use.name, use.version, use.fingerprint, use.filter and use.filter.text] for use in uses],
    }
    return TaskPlan(task, Granularity.SPAN, parsed, uses, digest(decisive), hub)


def _refuse_unpriced(task: Task, uses: tuple[PlannedUse, ...]) -> None:
    """A budget in money is a promise that can be kept only for models whose price is known."""
    budget = task.budget
    if budget is None or not any(limit and limit.usd for limit in (budget.run, budget.day, budget.task)):
        return
    for use in uses:
        if use.judge is not None:
            refuse_unpriced(use.judge.model, field="budget", instead=", or limit `tokens`")


def _refuse_duplicates(uses: tuple[PlannedUse, ...]) -> None:
    names = [use.name for use in uses]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ConfigError(
                f"two results of this task are named {name!r}",
                field=f"evaluators.{number}.as",
                hint="give one of them another name with `as:`",
            )


def _reasons(error: ValueError) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    return str(error)
