"""The SQL that turns codes into rows of `evaluation_results`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from evals_pipeline.core.errors import EvaluatorError
from evals_pipeline.core.evaluator import EXPLANATION_LENGTH, EvaluationResult
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.sql import literal, repeated
from evals_pipeline.engine.codes import DOUBT, FALSE, MISSING, TRUE
from evals_pipeline.engine.plan import PlannedUse
from evals_pipeline.ledger.ledger import RunKey

ANSWERS = pa.schema(
    [
        ("unit_id", pa.string()),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("explanation", pa.string()),
        ("error_type", pa.string()),
        ("error_message", pa.string()),
    ]
)
"""What a plain definition said of a unit: a label and a score, or an error."""

_UNUSED = {
    "metadata": "VARCHAR",
    "model": "VARCHAR",
    "prompt_tokens": "BIGINT",
    "completion_tokens": "BIGINT",
    "cost_usd": "DOUBLE",
    "latency_ms": "DOUBLE",
}
"""Columns that only judges fill."""


def answer_row(unit_id: str, said: EvaluationResult | EvaluatorError) -> dict[str, object]:
    """A row of `ANSWERS`."""
    if isinstance(said, EvaluationResult):
        return {"unit_id": unit_id, "label": said.label, "score": said.score, "explanation": said.explanation}
    kind = type(said.__cause__ or said).__name__
    return {"unit_id": unit_id, "error_type": kind, "error_message": str(said)[:EXPLANATION_LENGTH]}


def rows_sql(use: PlannedUse, key: RunKey, code: str, *, granularity: str, stamp: int, has_answers: bool) -> str:
    """SELECT of the result rows of one evaluator from table `judged` and, where there are any, `answers`."""
    yes, no = use.check.labels
    because, because_not = use.check.explanations
    columns = {
        **{name: f"judged.{name}" for name in ("unit_id", "trace_id", "span_id", "session_id", "unit_start")},
        "label": _verdict(code, [yes, no], "label", has_answers=has_answers),
        "score": f"CASE {code} WHEN {TRUE} THEN 1.0 WHEN {FALSE} THEN 0.0 {_else('score', has_answers)}END::DOUBLE",
        "explanation": _verdict(code, [because, because_not], "explanation", has_answers=has_answers),
        "outcome": _outcome(code, has_answers=has_answers),
        "error_type": f"CASE WHEN {code} >= {MISSING} THEN 'MissingVariable' {_else('error_type', has_answers)}END",
        "error_message": f"CASE {code} {_missing(use)} {_else('error_message', has_answers)}END",
        **_constants(use, key, granularity),
        **{name: f"NULL::{kind}" for name, kind in _UNUSED.items()},
        "truncated": "FALSE",
        "reused": "FALSE",
        "evaluated_at": f"make_timestamptz({stamp})",
    }
    selected = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    source = "judged LEFT JOIN answers USING (unit_id)" if has_answers else "judged"
    return f"SELECT {selected} FROM {source} WHERE {code} >= {DOUBT}"


def _constants(use: PlannedUse, key: RunKey, granularity: str) -> Mapping[str, str]:
    values = {
        "task": key.task,
        "evaluator_version": use.check.version,
        "granularity": granularity,
        "input_fingerprint": use.fingerprint,
        "annotator_kind": str(use.check.annotator_kind),
        "run_id": key.run_id,
    }
    return {name: repeated(value) for name, value in values.items()}


def _verdict(code: str, texts: Sequence[str], name: str, *, has_answers: bool) -> str:
    when_true, when_false = (literal(text) if has_answers else repeated(text, texts) for text in texts)
    return f"CASE {code} WHEN {TRUE} THEN {when_true} WHEN {FALSE} THEN {when_false} {_else(name, has_answers)}END"


def _outcome(code: str, *, has_answers: bool) -> str:
    words = [str(Outcome.EVALUATED), str(Outcome.SKIPPED), str(Outcome.ERRORED)]
    evaluated, skipped, errored = (repeated(word, words) for word in words)
    failed = f"WHEN answers.error_type IS NOT NULL THEN {errored} " if has_answers else ""
    return f"CASE WHEN {code} >= {MISSING} THEN {skipped} {failed}ELSE {evaluated} END"


def _missing(use: PlannedUse) -> str:
    messages = [f"variable {name!r} is missing: {path.dotted!r} has no value" for name, path in use.paths.items()]
    return " ".join(f"WHEN {MISSING + number} THEN {literal(message)}" for number, message in enumerate(messages))


def _else(column: str, has_answers: bool) -> str:
    return f"ELSE answers.{column} " if has_answers else ""
