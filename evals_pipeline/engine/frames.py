"""Evaluating a pandas frame in a notebook, without a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evals_pipeline.core.columns import SPAN_ID
from evals_pipeline.core.errors import MappingError, did_you_mean
from evals_pipeline.core.evaluator import EvaluationResult
from evals_pipeline.core.paths import as_text, walk
from evals_pipeline.core.task import check_name
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.python_rows import evaluate_rows

if TYPE_CHECKING:
    import pandas as pd


def evaluate_frame(
    frame: pd.DataFrame, evaluator: PrebuiltCheck, *, mapping: Mapping[str, str] | None = None, name: str | None = None
) -> pd.DataFrame:
    """Judge every row of `frame` by the evaluator's plain definition.

    Args:
        frame: Spans as an Arize or Phoenix export holds them; `context.span_id` as a column or as the index.
        evaluator: What `evaluator("matches_regex", pattern="…")` gives.
        mapping: Variable -> column or path; a variable whose name is a column may be left out.
        name: The name of the result; absent: the evaluator's.

    Returns:
        One row per row of `frame`, same index. Columns: `context.span_id`, `eval.<name>.label`, `eval.<name>.score`,
        `eval.<name>.explanation`. Label and score are null where a variable is missing or the evaluator failed; the
        explanation, too, so that the frame can be handed to a write-back as it is.

    Raises:
        MappingError: When a variable is mapped to no column of the frame.
    """
    import pandas as pd

    title = check_name(name or evaluator.name)
    spans = frame.reset_index() if frame.index.name == SPAN_ID else frame
    columns = [str(column) for column in spans.columns]
    if SPAN_ID not in columns:
        raise MappingError(f"the frame has no column {SPAN_ID!r}; there is: {', '.join(columns)}")
    texts = {
        variable.name: _texts(spans, (mapping or {}).get(variable.name, variable.name), columns)
        for variable in evaluator.variables
    }
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


def _texts(spans: pd.DataFrame, path: str, columns: Sequence[str]) -> list[str | None]:
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        column = ".".join(parts[:length])
        if column in columns:
            return [_text(value, tuple(parts[length:])) for value in spans[column]]
    hint = did_you_mean(path, columns)
    raise MappingError(f"the frame has no column {path!r}; there is: {', '.join(columns)}", hint=hint)


def _text(value: object, parts: tuple[str, ...]) -> str | None:
    listed = value.tolist() if hasattr(value, "tolist") else value
    found = walk(listed, parts)
    return None if _is_missing(found) else as_text(found)


def _is_missing(value: Any) -> bool:
    """Whether it is one of the ways in which pandas says that there is nothing: None, NaN, NA, NaT."""
    import pandas as pd

    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def _judged(
    evaluator: PrebuiltCheck, texts: Mapping[str, Sequence[str | None]], count: int
) -> list[EvaluationResult | None]:
    rows = [{name: values[number] for name, values in texts.items()} for number in range(count)]
    complete = [{name: value for name, value in row.items() if value is not None} for row in rows]
    said = iter(evaluate_rows(evaluator, [row for row in complete if len(row) == len(texts)]))
    answers = [next(said) if len(row) == len(texts) else None for row in complete]
    return [answer if isinstance(answer, EvaluationResult) else None for answer in answers]
