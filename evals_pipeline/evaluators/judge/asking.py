"""One question at a time, for notebooks, and what all questions of a notebook share.

Tasks ask through the engine, which asks many at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from evals_pipeline.core.calls import NANO, Answer, Failure, OverBudget, Question, Said
from evals_pipeline.core.errors import EvaluatorError, MappingError, did_you_mean
from evals_pipeline.core.evaluator import EvaluationResult
from evals_pipeline.core.paths import as_text
from evals_pipeline.llm.asking import ask_all
from evals_pipeline.llm.caller import AskingRun
from evals_pipeline.llm.memory import in_memory_stores
from evals_pipeline.llm.stores import Stores

if TYPE_CHECKING:
    from evals_pipeline.evaluators.judge.judge import Judge


def ask_one(judge: Judge, values: Mapping[str, object]) -> EvaluationResult:
    """What the model of `judge` says of `values`; raises as `Judge.evaluate` does."""
    question = judge.question(_texts(judge, values))
    said = _said(judge, question)
    if not isinstance(said, Answer):
        raise EvaluatorError(f"{judge.name} got no answer: {_why(said)}")
    result = judge.result(said)
    return replace(result, metadata={**_about(said, question), **result.metadata})


def _texts(judge: Judge, values: Mapping[str, object]) -> dict[str, str]:
    names = [variable.name for variable in judge.variables]
    for name in values:
        if name not in names:
            message = f"{judge.name} has no variable {name!r}; there is: {', '.join(names)}"
            raise MappingError(message, hint=did_you_mean(name, names))
    absent = [name for name in names if name not in values]
    if absent:
        raise MappingError(f"{judge.name} needs a value for: {', '.join(absent)}", hint=f"add {absent[0]}=…")
    return {name: _text(name, values[name]) for name in names}


def _text(name: str, value: Any) -> str:
    import pandas as pd  # where values come from in a notebook, which has it loaded

    plain = value.tolist() if hasattr(value, "tolist") else value
    text = None if pd.api.types.is_scalar(plain) and pd.isna(plain) else as_text(plain)
    if text is None:
        raise EvaluatorError(f"{name!r} has no value, and a missing value is never judged")
    return text


def _said(judge: Judge, question: Question) -> Said:
    run = AskingRun(owner=f"notebook {uuid4()}", task=judge.name)
    deliveries = list(ask_all(judge.model, [[("", question)]], notebook_stores(), run=run))
    ((_, said),) = deliveries[0]
    return said


def _why(said: Failure | OverBudget) -> str:
    return f"{said.error_type}: {said.message}" if isinstance(said, Failure) else f"over the budget of the {said.scope}"


def _about(answer: Answer, question: Question) -> dict[str, Any]:
    return {
        "model": answer.model,
        "prompt_tokens": answer.usage.prompt_tokens,
        "completion_tokens": answer.usage.completion_tokens,
        "cost_usd": None if answer.cost_nano_usd is None else answer.cost_nano_usd / NANO,
        "latency_ms": answer.latency_ms,
        "reused": answer.reused,
        "truncated": question.truncated,
    }


@cache
def notebook_stores() -> Stores:
    """One for the process, so that a repeated question costs nothing and limits hold over all judges and frames."""
    return in_memory_stores()
