"""Evaluating a pandas frame in a notebook, without a project."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from evals_pipeline.core.calls import Answer, Failure, Question, Said
from evals_pipeline.core.columns import SPAN_ID
from evals_pipeline.core.errors import EvaluatorError, MappingError, did_you_mean
from evals_pipeline.core.evaluator import EvaluationResult
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.paths import as_text, walk
from evals_pipeline.core.task import check_name
from evals_pipeline.engine.hub.resolving import Evaluator
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.python_rows import evaluate_rows

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_ROWS_AT_ONCE = 200


def evaluate_frame(
    frame: pd.DataFrame,
    evaluator: Evaluator,
    *,
    mapping: Mapping[str, str] | None = None,
    name: str | None = None,
    additional_attributes: Sequence[str] = (),
) -> pd.DataFrame:
    """Judge every row of `frame`: by a check's plain definition, in the sandbox, or by asking a judge's model.

    A judge asks many rows at once, also inside a running event loop; equal questions are asked once as long as the
    process lasts. Rows that got no answer are counted in a warning of the logger, with the reasons.

    Args:
        frame: Spans as an Arize or Phoenix export holds them; `context.span_id` as a column or as the index.
        evaluator: What `evaluator("matches_regex", pattern="…")`, `code_evaluator("polite.py")` or
            `create_classifier(…)` gives.
        mapping: Variable -> column or path; a variable whose name is a column may be left out, and so may one of a
            custom evaluator that has a default.
        name: The name of the result; absent: the evaluator's.
        additional_attributes: Columns or paths that `dataset_row` of a custom evaluator has besides the mapped ones.

    Returns:
        One row per row of `frame`, same index. Columns: `context.span_id`, `eval.<name>.label`, `eval.<name>.score`,
        `eval.<name>.explanation`. Label and score are null where a variable is missing or the evaluator failed; the
        explanation, too, so that the frame can be handed to a write-back as it is.

    Raises:
        MappingError: When a variable is mapped to no column of the frame.
        ConfigError: When the key of a judge's model is not in the environment.
        ProviderError: When a judge's provider refuses every call.
        SandboxError: When a custom evaluator cannot be run in confinement.
    """
    import pandas as pd

    title = check_name(name or evaluator.name)
    spans = frame.reset_index() if frame.index.name == SPAN_ID else frame
    columns = [str(column) for column in spans.columns]
    if SPAN_ID not in columns:
        raise MappingError(f"the frame has no column {SPAN_ID!r}; there is: {', '.join(columns)}")
    if isinstance(evaluator, Custom):
        judged = _run(evaluator, spans, mapping or {}, additional_attributes, columns)
    else:
        paths = {each.name: (mapping or {}).get(each.name, each.name) for each in evaluator.variables}
        texts = {variable: _values(spans, path, columns, as_text) for variable, path in paths.items()}
        judged = _judged(evaluator, texts, len(spans))
    return pd.DataFrame(
        {
            SPAN_ID: spans[SPAN_ID].to_numpy(),
            f"eval.{title}.label": pd.Series([said.label if said else None for said in judged], dtype="str").to_numpy(),
            f"eval.{title}.score": pd.Series(
                [said.score if said else None for said in judged], dtype="float64"
            ).to_numpy(),
            f"eval.{title}.explanation": pd.Series(
                [said.explanation if said else None for said in judged], dtype="str"
            ).to_numpy(),
        },
        index=frame.index,
    )


def _run(
    custom: Custom, spans: pd.DataFrame, mapping: Mapping[str, str], additional: Sequence[str], columns: Sequence[str]
) -> list[EvaluationResult | None]:
    """What a custom evaluator says of each row, shown values in their own types."""
    from evals_pipeline.engine.trying.notebooks import evaluate_columns

    known = [variable.name for variable in custom.variables]
    for name in mapping:
        if name not in known:
            raise MappingError(
                f"{name!r} is mapped, but the evaluator has no such variable; there is: {', '.join(known) or 'none'}",
                hint=did_you_mean(name, known),
            )
    variables = {
        each.name: mapping.get(each.name, each.name)
        for each in custom.variables
        if each.name in mapping or each.name in columns or each.is_required
    }
    paths = dict.fromkeys([*variables.values(), *additional])
    if not paths:
        raise MappingError(f"{custom.name!r} is shown nothing", hint="map one of its variables to a column")
    shown = {path: _values(spans, path, columns, lambda value: value) for path in paths}
    return evaluate_columns(custom, shown, variables)


def _values(spans: pd.DataFrame, path: str, columns: Sequence[str], shown: Callable[[Any], Any]) -> list[Any]:
    """What `path` leads to in each row, as `shown` shows it; None where there is nothing."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        column = ".".join(parts[:length])
        if column in columns:
            return [_value(value, tuple(parts[length:]), shown) for value in spans[column]]
    hint = did_you_mean(path, columns)
    raise MappingError(f"the frame has no column {path!r}; there is: {', '.join(columns)}", hint=hint)


def _value(value: object, parts: tuple[str, ...], shown: Callable[[Any], Any]) -> Any:
    listed = value if isinstance(value, datetime) or not hasattr(value, "tolist") else value.tolist()
    found = walk(listed, parts)
    return None if _is_missing(found) else shown(found)


def _is_missing(value: Any) -> bool:
    """Whether it is one of the ways in which pandas says that there is nothing: None, NaN, NA, NaT."""
    import pandas as pd

    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def _judged(
    evaluator: PrebuiltCheck | Judge, texts: Mapping[str, Sequence[str | None]], count: int
) -> list[EvaluationResult | None]:
    rows = [{name: values[number] for name, values in texts.items()} for number in range(count)]
    known = [{name: value for name, value in row.items() if value is not None} for row in rows]
    complete = [row for row in known if len(row) == len(texts)]
    said = iter(_asked(evaluator, complete) if isinstance(evaluator, Judge) else evaluate_rows(evaluator, complete))
    answers = [next(said) if len(row) == len(texts) else None for row in known]
    return [answer if isinstance(answer, EvaluationResult) else None for answer in answers]


def _asked(judge: Judge, rows: Sequence[Mapping[str, str]]) -> list[EvaluationResult | None]:
    from evals_pipeline.evaluators.judge.asking import notebook_stores
    from evals_pipeline.llm.asking import ask_all
    from evals_pipeline.llm.caller import AskingRun

    run = AskingRun(f"frame {uuid4()}", judge.name)
    found: list[EvaluationResult | None] = [None] * len(rows)
    failures: Counter[str] = Counter()
    for delivery in ask_all(judge.model, _batches(judge, rows), notebook_stores(), run=run):
        for number, said in delivery:
            try:
                found[int(number)] = _result(judge, said)
            except EvaluatorError as error:
                failures[str(error)] += 1
    if failures:
        reasons = ", ".join(f"{reason} {count}" for reason, count in failures.most_common())
        logger.warning("rows without an answer: %d of %d (%s)", failures.total(), len(rows), reasons)
    return found


def _batches(judge: Judge, rows: Sequence[Mapping[str, str]]) -> Iterator[list[tuple[str, Question]]]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        yield [(str(start + place), judge.question(row)) for place, row in enumerate(some)]


def _result(judge: Judge, said: Said) -> EvaluationResult:
    """Raises EvaluatorError with the kind of failure; its message may quote what the model said."""
    if not isinstance(said, Answer):
        raise EvaluatorError(said.error_type if isinstance(said, Failure) else str(Outcome.OVER_BUDGET))
    return judge.result(said)
