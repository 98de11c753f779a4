"""Judges as those who answer the rows in doubt: each row becomes a question to a model, each answer a result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from evals_pipeline.core.calls import NANO, Answer, Failure, OverBudget, Question, Said
from evals_pipeline.core.errors import EvaluatorError, ProviderError
from evals_pipeline.core.evaluator import EXPLANATION_LENGTH
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.engine.answers import ANSWERS, UNIT
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.llm.stores import Stores

if TYPE_CHECKING:
    from evals_pipeline.llm.caller import AskingRun

Row = dict[str, Any]

_TABLE_ROWS = 100


class JudgeAsker:
    """Asks a judge's model about each row.

    Attributes:
        order: The judge's variables. Rows come in their order, so that questions that begin alike are asked one after
            the other, where a provider's prompt cache is of use.
        batch_rows: Few, since their texts are held until their calls are sent.
    """

    batch_rows = 200

    def __init__(self, judge: Judge, stores: Stores, run: AskingRun) -> None:
        self.order = tuple(variable.name for variable in judge.variables)
        self._judge, self._stores, self._run = judge, stores, run
        self._truncated: set[str] = set()  # only of units that are being asked about

    def answers(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        """A table for about a hundred answers, as they come."""
        from evals_pipeline.llm.asking import ask_all  # brings the event loop and its clients

        questions = (self._questions(batch) for batch in rows)
        found: list[Row] = []
        refused: ProviderError | None = None
        try:
            for said in ask_all(self._judge.model, questions, self._stores, run=self._run):
                found += [self._row(*pair) for pair in said]
                if len(found) >= _TABLE_ROWS:
                    yield pa.Table.from_pylist(found, schema=ANSWERS)
                    found = []
        except ProviderError as error:
            refused = error
        if found:
            yield pa.Table.from_pylist(found, schema=ANSWERS)
        if refused is not None:
            raise refused

    def _questions(self, batch: pa.RecordBatch) -> Sequence[tuple[str, Question]]:
        asked = []
        for row in batch.to_pylist():
            unit = row.pop(UNIT)
            question = self._judge.question(row)
            if question.truncated:
                self._truncated.add(unit)
            asked.append((unit, question))
        return asked

    def _row(self, unit: str, said: Said) -> Row:
        row = {"unit_id": unit, "truncated": unit in self._truncated}
        self._truncated.discard(unit)
        match said:
            case OverBudget():
                return {**row, "outcome": Outcome.OVER_BUDGET}
            case Failure():
                return {
                    **row,
                    **_failed(said.error_type, said.message),
                    **_costs(said),
                    "model": self._judge.model.name,
                }
            case Answer():
                return {**row, **self._result(said), **_costs(said), "model": said.model}

    def _result(self, answer: Answer) -> Row:
        row: Row = {"latency_ms": answer.latency_ms, "reused": answer.reused}
        try:
            result = self._judge.result(answer)
        except EvaluatorError as error:
            return {**row, **_failed(type(error).__name__, str(error))}
        return {
            **row,
            "outcome": Outcome.EVALUATED,
            "label": result.label,
            "score": result.score,
            "explanation": result.explanation,
            "metadata": _json(result.metadata),
        }


def _failed(kind: str, message: str) -> Row:
    return {"outcome": Outcome.ERRORED, "error_type": kind, "error_message": message[:EXPLANATION_LENGTH]}


def _costs(said: Answer | Failure) -> Row:
    """What the provider counted; the cost is null where the price is unknown, 0 where nothing was asked."""
    return {
        "prompt_tokens": said.usage.prompt_tokens,
        "completion_tokens": said.usage.completion_tokens,
        "cost_usd": None if said.cost_nano_usd is None else said.cost_nano_usd / NANO,
    }


def _json(metadata: Mapping[str, object]) -> str | None:
    return json.dumps(dict(metadata), ensure_ascii=False) if metadata else None
