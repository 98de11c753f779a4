"""What a run's judges are likely to ask and cost, from a sample of the rows that they would be shown."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from evals_pipeline.core.calls import NANO, Question, Tally, Usage
from evals_pipeline.core.sql import identifier
from evals_pipeline.engine.codes import value_sql
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.lake.connection import one_row
from evals_pipeline.ledger.database import Database

SAMPLE_ROWS = 500
EXPLANATION_TOKENS = 80
LABEL_TOKENS = 12
"""What an answer is taken to need while the judge has no answers of its own to go by."""

_ENOUGH_CALLS = 20


@dataclass(frozen=True, slots=True)
class JudgeEstimate:
    """What one judge is likely to ask and cost.

    Attributes:
        model: The model's name.
        questions: Units with all values, for which an answer is needed.
        calls: Those of them whose question has no answer yet, as far as the sample tells. Equal questions among them
            are asked once, and a malformed answer twice, which is not known before.
        prompt_tokens: Of all calls together.
        completion_tokens: Of all calls together.
        tokens_an_answer: What was assumed for one answer.
        answers_counted: Calls of earlier runs that this is the mean of; 0 where it is a guess.
        usd: Of all calls together; None where the price is unknown.
        rows_measured: Rows that were turned into questions and measured.
    """

    model: str
    questions: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    tokens_an_answer: int
    answers_counted: int
    usd: float | None
    rows_measured: int

    def __add__(self, other: JudgeEstimate) -> JudgeEstimate:
        """Both together, for the same judge on different days."""
        is_priced = self.usd is not None and other.usd is not None
        return JudgeEstimate(
            self.model,
            self.questions + other.questions,
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            max(self.tokens_an_answer, other.tokens_an_answer),
            max(self.answers_counted, other.answers_counted),
            (self.usd or 0) + (other.usd or 0) if is_priced else None,
            self.rows_measured + other.rows_measured,
        )


def estimate(
    connection: duckdb.DuckDBPyConnection, database: Database, use: PlannedUse, judge: Judge, asked: str, past: Tally
) -> JudgeEstimate:
    """What `judge` would ask about the units of `asked`, SQL of units beside their spans; nothing is sent.

    Args:
        connection: Where `asked` can be read.
        database: Where answers are kept.
        use: The judge's use in the task.
        judge: The judge.
        asked: FROM clause with condition.
        past: What the judge asked before in this task, for the length of its answers.
    """
    values = {name: value_sql(path) for name, path in use.paths.items()}
    complete = f"{asked} AND {' AND '.join(f'{value} IS NOT NULL' for value in values.values())}"
    (count,) = one_row(connection, f"SELECT count(*) FROM {complete}")
    shown = ", ".join(f"{value} AS {identifier(name)}" for name, value in values.items())
    sample = f"SELECT * FROM (SELECT {shown} FROM {complete}) USING SAMPLE reservoir({SAMPLE_ROWS} ROWS) REPEATABLE (1)"
    table: pa.Table = connection.sql(sample).to_arrow_table()
    return _estimated(judge, [judge.question(row) for row in table.to_pylist()], count, past, database)


def _estimated(
    judge: Judge, questions: Sequence[Question], count: int, past: Tally, database: Database
) -> JudgeEstimate:
    from evals_pipeline.ledger.known_answers import known_answers
    from evals_pipeline.llm.access import base_url_of
    from evals_pipeline.llm.bodies import Bodies
    from evals_pipeline.llm.forms import schema
    from evals_pipeline.llm.pricing import prices_of
    from evals_pipeline.llm.tokens import likely_tokens

    base_url = base_url_of(judge.model, os.environ)
    bodies, prices = Bodies(judge.model, base_url), prices_of(judge.model, base_url)
    keys = [bodies.key(question) for question in questions]
    known = known_answers(database, set(keys))
    new = [question for question, key in zip(questions, keys, strict=True) if key not in known]
    form = len(json.dumps(schema(tuple(judge.labels_and_scores), judge.spec.explanation)))
    answer = _answer_tokens(judge, past)
    usages = [Usage(likely_tokens(question.messages, form), answer) for question in new]
    scale = count / len(questions) if questions else 0.0
    return JudgeEstimate(
        model=judge.model.name,
        questions=count,
        calls=round(len(new) * scale),
        prompt_tokens=round(sum(usage.prompt_tokens for usage in usages) * scale),
        completion_tokens=round(answer * len(new) * scale),
        tokens_an_answer=answer,
        answers_counted=past.calls if past.calls >= _ENOUGH_CALLS else 0,
        usd=None if prices is None else sum(map(prices.cost, usages)) * scale / NANO,
        rows_measured=len(questions),
    )


def _answer_tokens(judge: Judge, past: Tally) -> int:
    if past.calls >= _ENOUGH_CALLS:
        return round(past.usage.completion_tokens / past.calls)
    return min(LABEL_TOKENS + EXPLANATION_TOKENS * judge.spec.explanation, judge.model.max_output_tokens)
