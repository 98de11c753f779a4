"""From a reply with status 200 to what became of the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from evals_pipeline.core.calls import Answer, Failure, Question, Usage
from evals_pipeline.llm.forms import Form
from evals_pipeline.llm.headers import quota
from evals_pipeline.llm.label_odds import odds
from evals_pipeline.llm.pricing import Prices
from evals_pipeline.llm.probing import Finding, Step
from evals_pipeline.llm.reading import Problem, Verdict, read, usage_of
from evals_pipeline.llm.replies import Good, Malformed, Never
from evals_pipeline.llm.wire import Received


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and of which model at what price."""

    question: Question
    form: Form
    model: str
    prices: Prices | None


def completion_of(received: Received) -> Mapping[str, Any] | None:
    """The completion that a reply holds; None when it is something else."""
    if received.status != 200:
        return None
    try:
        value = orjson.loads(received.body)
    except orjson.JSONDecodeError:
        return None
    is_one = isinstance(value, dict) and isinstance(value.get("choices"), list) and value["choices"]
    return value if is_one and isinstance(value["choices"][0], dict) else None


def answered(received: Received, completion: Mapping[str, Any], asked: Asked) -> Step:
    """Read the answer."""
    usage = usage_of(completion)
    cost = asked.prices.cost(usage) if asked.prices is not None and usage is not None else None
    found = read(completion["choices"][0], asked.form, asked.question)
    if isinstance(found, Verdict):
        return Step(_good(received, completion, asked, (found, usage or Usage(), cost)), "understood")
    limits = quota(received.headers)
    if found.is_filtered:
        failure = Failure("ContentFilterFinishReasonError", found.problem, usage or Usage(), cost, calls=1)
        return Step(Never(failure, limits), "other")
    return Step(Malformed(found.said, found.problem, usage or Usage(), cost, limits), _finding(found))


def _good(
    received: Received, completion: Mapping[str, Any], asked: Asked, found: tuple[Verdict, Usage, int | None]
) -> Good:
    verdict, usage, cost = found
    question, model = asked.question, completion.get("model")
    answer = Answer(
        label=verdict.label,
        explanation=verdict.explanation,
        model=model if isinstance(model, str) and model else asked.model,
        usage=usage,
        cost_nano_usd=cost,
        latency_ms=received.latency_ms,
        probabilities=(
            odds(completion["choices"][0], verdict.label, verdict.said, question.labels) if question.logprobs else None
        ),
        request_id=received.headers.get("x-request-id"),
    )
    return Good(answer, quota(received.headers))


def _finding(found: Problem) -> Finding:
    if found.is_unclear:
        return "unclear"
    return "ignored" if found.is_ignored else "understood"
