"""A prebuilt check with its parameters: what the engine, the hub and the docs see of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Protocol

from evals_pipeline.core.evaluator import AnnotatorKind, EvaluationResult, Variable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NO_VERDICT = "CAST(NULL AS BOOLEAN)"


class Definition(Protocol):
    """What a class in `definitions` offers."""

    TRUE: EvaluationResult
    FALSE: EvaluationResult

    def evaluate(self, *args: Any, **variables: Any) -> EvaluationResult:
        """The verdict."""


@dataclass(frozen=True)
class PrebuiltCheck:
    """One of the prebuilt checks, ready to judge.

    Attributes:
        parameters: Every parameter with its value, defaults included.
        variables: What a task must map; all are text.
        definition: The plain Python that decides; its source is `source`.
        expression: The same as a DuckDB expression over the variables' expressions, or None where there is none.
    """

    name: str
    version: str
    parameters: Mapping[str, object]
    variables: tuple[Variable, ...]
    definition: Definition
    expression: Callable[[Mapping[str, str]], str | None]
    helpers: tuple[Any, ...] = ()
    annotator_kind: AnnotatorKind = AnnotatorKind.CODE

    @property
    def labels(self) -> tuple[str, str]:
        """The labels of TRUE and FALSE; their scores are 1.0 and 0.0."""
        return str(self.definition.TRUE.label), str(self.definition.FALSE.label)

    @property
    def explanations(self) -> tuple[str, str]:
        """The explanations of TRUE and FALSE."""
        return str(self.definition.TRUE.explanation), str(self.definition.FALSE.explanation)

    @property
    def description(self) -> str:
        """What the check says, in a sentence or a few."""
        return inspect.getdoc(type(self.definition)) or ""

    @property
    def source(self) -> str:
        """The plain Python of the check."""
        return "\n\n".join(inspect.getsource(part) for part in (*self.helpers, type(self.definition)))

    def evaluate(self, **variables: str) -> EvaluationResult:
        """The verdict on one unit; raises EvaluatorError when there is none."""
        return self.definition.evaluate(**variables)

    @cached_property
    def is_sql(self) -> bool:
        """Whether DuckDB can judge at all; if not, every row goes to Python.

        The first look compiles the expression once, since only DuckDB knows which pattern is too large for it.
        """
        nothing = self.expression({variable.name: "''" for variable in self.variables})
        return nothing is not None and _is_accepted(nothing)

    def sql(self, variables: Mapping[str, str]) -> str:
        """A BOOLEAN expression: TRUE and FALSE are verdicts, NULL means ask `evaluate`.

        Args:
            variables: For each variable an SQL expression of type VARCHAR. It occurs more than once in the answer: give
                column names rather than computations. A null value gives NULL.
        """
        verdict = self.expression(variables) if self.is_sql else None
        if verdict is None:
            return NO_VERDICT
        has_all = " AND ".join(f"{variables[variable.name]} IS NOT NULL" for variable in self.variables)
        return f"(CASE WHEN {has_all} THEN {verdict} ELSE NULL END)"


def _is_accepted(expression: str) -> bool:
    import duckdb  # 30 ms that a process which only loads tasks need not pay

    try:
        _trial_connection().cursor().execute(f"SELECT {expression}")
    except duckdb.Error:
        return False
    return True


@cache
def _trial_connection() -> DuckDBPyConnection:
    """A database of our own, kept because opening one takes longer than all trials of a task; no threads to outlive."""
    import duckdb

    return duckdb.connect(config={"threads": 1})
