"""The SQL that turns codes and answers into rows of `evaluation_results`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.sql import literal, repeated
from evals_pipeline.engine.codes import DOUBT, FALSE, MISSING, TRUE
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.ledger.ledger import RunKey

_ANSWERED = {
    "metadata": "VARCHAR",
    "model": "VARCHAR",
    "prompt_tokens": "BIGINT",
    "completion_tokens": "BIGINT",
    "cost_usd": "DOUBLE",
    "latency_ms": "DOUBLE",
}
"""Columns that only an answer fills."""


def rows_sql(use: PlannedUse, key: RunKey, code: str, *, granularity: str, stamp: int, has_answers: bool) -> str:
    """SELECT of the result rows of one evaluator from table `judged` and, where there are any, `answers`.

    A unit that was asked about and got no answer, or was over a budget, has no row: a row would supersede an older
    result that still stands.
    """
    columns = {
        **{name: f"judged.{name}" for name in ("unit_id", "trace_id", "span_id", "session_id", "unit_start")},
        **_verdicts(use, code, has_answers=has_answers),
        "outcome": _outcome(code, has_answers=has_answers),
        "error_type": f"CASE WHEN {code} >= {MISSING} THEN 'MissingVariable' {_else('error_type', has_answers)}END",
        "error_message": _error_message(use, code, has_answers=has_answers),
        **_constants(use, key, granularity),
        **{name: f"answers.{name}" if has_answers else f"NULL::{kind}" for name, kind in _ANSWERED.items()},
        "truncated": "coalesce(answers.truncated, FALSE)" if has_answers else "FALSE",
        "reused": "coalesce(answers.reused, FALSE)" if has_answers else "FALSE",
        "evaluated_at": f"make_timestamptz({stamp})",
    }
    selected = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    source = "judged LEFT JOIN answers USING (unit_id)" if has_answers else "judged"
    answered = f" OR ({code} = {DOUBT} AND answers.outcome <> '{Outcome.OVER_BUDGET}')" if has_answers else ""
    return f"SELECT {selected} FROM {source} WHERE {code} > {DOUBT}{answered}"


def _verdicts(use: PlannedUse, code: str, *, has_answers: bool) -> Mapping[str, str]:
    """Label, score and explanation: what DuckDB decided of a check, and what an answer says of anything."""
    if not isinstance(use.evaluator, PrebuiltCheck):
        kinds = {"label": "VARCHAR", "score": "DOUBLE", "explanation": "VARCHAR"}
        return {name: f"answers.{name}" if has_answers else f"NULL::{kind}" for name, kind in kinds.items()}
    score = f"CASE {code} WHEN {TRUE} THEN 1.0 WHEN {FALSE} THEN 0.0 {_else('score', has_answers)}END::DOUBLE"
    return {
        "label": _verdict(code, use.evaluator.labels, "label", has_answers=has_answers),
        "score": score,
        "explanation": _verdict(code, use.evaluator.explanations, "explanation", has_answers=has_answers),
    }


def _constants(use: PlannedUse, key: RunKey, granularity: str) -> Mapping[str, str]:
    values = {
        "task": key.task,
        "evaluator_version": use.version,
        "granularity": granularity,
        "input_fingerprint": use.fingerprint,
        "annotator_kind": str(use.evaluator.annotator_kind),
        "run_id": key.run_id,
    }
    return {name: repeated(value) for name, value in values.items()}


def _verdict(code: str, texts: Sequence[str], name: str, *, has_answers: bool) -> str:
    when_true, when_false = (literal(text) if has_answers else repeated(text, texts) for text in texts)
    return f"CASE {code} WHEN {TRUE} THEN {when_true} WHEN {FALSE} THEN {when_false} {_else(name, has_answers)}END"


def _outcome(code: str, *, has_answers: bool) -> str:
    words = [str(Outcome.EVALUATED), str(Outcome.SKIPPED), str(Outcome.ERRORED)]
    evaluated, skipped, errored = (repeated(word, words) for word in words)
    failed = f"WHEN answers.outcome = '{Outcome.ERRORED}' THEN {errored} " if has_answers else ""
    return f"CASE WHEN {code} >= {MISSING} THEN {skipped} {failed}ELSE {evaluated} END"


def _error_message(use: PlannedUse, code: str, *, has_answers: bool) -> str:
    """What is missing, or what the answer says; an evaluator of whole rows has no variable that could be missing."""
    messages = [f"variable {name!r} is missing: {path.dotted!r} has no value" for name, path in use.paths.items()]
    whens = " ".join(f"WHEN {MISSING + number} THEN {literal(message)}" for number, message in enumerate(messages))
    if not whens:
        return "answers.error_message" if has_answers else "NULL::VARCHAR"
    return f"CASE {code} {whens} {_else('error_message', has_answers)}END"


def _else(column: str, has_answers: bool) -> str:
    return f"ELSE answers.{column} " if has_answers else ""
