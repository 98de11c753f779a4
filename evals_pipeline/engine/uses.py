"""One evaluator of a task made ready to run: its variables bound to columns, both its filters parsed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals_pipeline.core.errors import ConfigError, FilterError, MappingError
from evals_pipeline.core.paths import Path, parse_path
from evals_pipeline.core.task import EvaluatorUse
from evals_pipeline.core.version import Notice
from evals_pipeline.engine.hub.resolving import Evaluator, Hub
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.mapping.variables import bind
from evals_pipeline.selection.filters import Filter, joined, parse_filter

JSON_KEY = "json "
"""What a path begins with under which its JSON is kept among the inputs; no path holds a blank there."""

MOST_VARIABLES = 200
"""Paths of one evaluator; the codes of a scan can tell no more of them apart."""


@dataclass(frozen=True, slots=True)
class PlannedUse:
    """One evaluator of a task, ready to run.

    Attributes:
        name: The name of its result.
        paths: Variable -> where it is read from; variables that keep their defaults are left out.
        row_paths: What `dataset_row` of a custom evaluator has besides.
        filter: Its own and the task's for it, both of which must hold.
        fingerprint: Hash of its parameters, its mapping and a judge's model. Spans never change, so it stands for the
            inputs of every unit. What the evaluator says is not part of it: another version is no other input.
        version: Of the evaluator, as results carry it.
        notice: What the task's owner should know of the evaluator's file.
    """

    name: str
    evaluator: Evaluator
    paths: Mapping[str, Path]
    filter: Filter | None
    fingerprint: str
    version: str
    notice: Notice | None = None
    row_paths: tuple[Path, ...] = ()

    @property
    def shown_paths(self) -> tuple[Path, ...]:
        """All that it is shown, once each."""
        return tuple(dict.fromkeys([*self.paths.values(), *self.row_paths]))

    @property
    def judge(self) -> Judge | None:
        """Its evaluator, if that asks a model."""
        return self.evaluator if isinstance(self.evaluator, Judge) else None


def planned(use: EvaluatorUse, hub: Hub, place: str) -> PlannedUse:
    """`use` made ready; `place` is where it stands in the task file. Raises ConfigError for whatever cannot be."""
    found = hub.resolved(use, place=place)
    evaluator = found.evaluator
    paths = bind(evaluator.variables, use.mapping, field=f"{place}.mapping")
    row_paths = _row_paths(evaluator, use, place)
    _refuse_nothing(evaluator, (*paths.values(), *row_paths), place)
    spelled = {variable: path.dotted for variable, path in paths.items()}
    model = evaluator.model.identity() if isinstance(evaluator, Judge) else None
    # Defaults of a custom evaluator belong to its version: a parameter that a new version adds is no other input.
    parameters = use.parameters if isinstance(evaluator, Custom) else dict(evaluator.parameters)
    seen = [evaluator.name, parameters, spelled, model, sorted(path.dotted for path in row_paths)]
    chosen = _filter(evaluator, use, place)
    return PlannedUse(use.name, evaluator, paths, chosen, digest(seen), found.version, found.notice, row_paths)


def _row_paths(evaluator: Evaluator, use: EvaluatorUse, place: str) -> tuple[Path, ...]:
    field = f"{place}.additional_attributes"
    if use.additional_attributes and not (isinstance(evaluator, Custom) and evaluator.definition.takes_row):
        raise ConfigError(
            f"{use.evaluator!r} has no `dataset_row` in which additional attributes could be",
            field=field,
            hint="remove them, or give `evaluate` of a custom evaluator the argument `dataset_row`",
        )
    return tuple(parse_path(each, field=f"{field}.{number}") for number, each in enumerate(use.additional_attributes))


def _refuse_nothing(evaluator: Evaluator, paths: Sequence[Path], place: str) -> None:
    """Refuse an evaluator that would be shown the same of every unit: nothing."""
    if isinstance(evaluator, Custom) and not paths:
        takes_row = evaluator.definition.takes_row
        names = ", ".join(variable.name for variable in evaluator.variables) or "none"
        raise MappingError(
            f"{evaluator.name!r} is shown nothing: none of its variables is mapped; there is: {names}",
            field=f"{place}.mapping",
            hint="map a variable to a column" + (", or list `additional_attributes`" if takes_row else ""),
        )
    if len(paths) > MOST_VARIABLES:
        raise MappingError(f"more than {MOST_VARIABLES} paths are mapped", field=f"{place}.mapping")


def _filter(evaluator: Evaluator, use: EvaluatorUse, place: str) -> Filter | None:
    """The evaluator's own filter and the task's for it, joined by AND."""
    chosen = parse_filter(use.filter, field=f"{place}.filter") if use.filter is not None else None
    own = _own_filter(evaluator)
    if own is None:
        return chosen
    try:
        parsed = parse_filter(own)
    except FilterError as error:
        told = f"the filter of {evaluator.name!r} itself cannot be used: {error.message}"
        raise FilterError(told, field=f"{place}.evaluator", hint=error.hint) from error
    return parsed if chosen is None else joined(parsed, chosen)


def _own_filter(evaluator: Evaluator) -> str | None:
    match evaluator:
        case Custom():
            return evaluator.definition.filter
        case Judge():
            return evaluator.spec.filter
        case PrebuiltCheck():
            return None


def digest(value: object) -> str:
    """A hash of plain JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=list).encode()).hexdigest()[:16]
