"""The definitions row by row, for what DuckDB leaves in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evals_pipeline.core.errors import ConfigError, EvaluatorError
from evals_pipeline.core.evaluator import EvaluationResult
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck


def evaluate_rows(check: PrebuiltCheck, rows: Iterable[Mapping[str, str]]) -> list[EvaluationResult | EvaluatorError]:
    """One result or error per row, in order. A row holds the value of every variable of `check`.

    An error that the definition did not raise on purpose is the `__cause__` of the EvaluatorError that stands for it.
    Only ConfigError passes through.
    """
    return [_evaluate(check, row) for row in rows]


def _evaluate(check: PrebuiltCheck, row: Mapping[str, str]) -> EvaluationResult | EvaluatorError:
    try:
        return check.evaluate(**{variable.name: row[variable.name] for variable in check.variables})
    except ConfigError:
        raise
    except EvaluatorError as error:
        return error
    except Exception as error:  # noqa: BLE001  (one bad row never stops a run)
        failure = EvaluatorError(f"{type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure
