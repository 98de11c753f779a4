"""Custom evaluators over a pandas frame in a notebook."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evals_pipeline import code_evaluator, evaluate_frame
from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import ConfigError, MappingError, ParameterError

SOURCE = """
from arize.experiments.evaluators.base import CodeEvaluator, EvaluationResult


class LongAnswer(CodeEvaluator):
    limit: int = 3

    def evaluate(self, *, output=None, cost=2.0, messages=None, dataset_row=None, **kwargs):
        seen = (output, cost, messages, *(dataset_row.items() if dataset_row else ()))
        return EvaluationResult(label="long" if len(output) > self.limit else "short", explanation=repr(seen))
"""


def frame(*outputs: object) -> pd.DataFrame:
    ids = [f"s{n}" for n in range(len(outputs))]
    texts = pd.Series(outputs, index=ids, dtype=object)
    return pd.DataFrame({c.SPAN_ID: ids, c.OUTPUT_VALUE: texts}, index=ids)


def test_a_source_judges_a_frame_in_the_sandbox(caplog: pytest.LogCaptureFixture) -> None:
    spans = frame("abcd", "a", None, 7)

    judged = evaluate_frame(spans, code_evaluator(SOURCE), mapping={"output": c.OUTPUT_VALUE})

    assert judged["eval.long_answer.label"].tolist()[:2] == ["long", "short"]
    assert judged.iloc[2:].drop(columns=c.SPAN_ID).isna().all(axis=None)
    assert judged.index.equals(spans.index)
    (warning,) = [each.message for each in caplog.records if each.levelno == logging.WARNING]
    assert "1 of 3" in warning
    assert "TypeError: object of type 'int' has no len() (evaluator.py, line 10)" in warning


def test_a_file_with_settings_beside_it_is_given_parameters_and_more_columns(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(SOURCE)
    (tmp_path / "long.yaml").write_text("kind: code\nparameters: {limit: {type: number, default: 10}}\n")
    spans = frame("abcd").assign(
        cost=[np.float64(0.5)],
        when=pd.to_datetime(["2026-01-10T12:00:00Z"]),
        **{c.OUTPUT_MESSAGES: [np.array([{"content": "hi", "n": np.array([1, 2])}], dtype=object)]},
    )
    mapping = {"output": c.OUTPUT_VALUE, "messages": c.OUTPUT_MESSAGES}

    by_default = evaluate_frame(spans, code_evaluator(tmp_path / "long.py"), mapping=mapping)
    chosen = evaluate_frame(
        spans,
        code_evaluator(str(tmp_path / "long.py"), limit=3),
        mapping=mapping,
        name="chosen",
        additional_attributes=["when", f"{c.OUTPUT_MESSAGES}.0.content"],
    )

    assert by_default["eval.long.label"].tolist() == ["short"]
    assert chosen["eval.chosen.label"].tolist() == ["long"]
    seen = chosen["eval.chosen.explanation"].iloc[0]
    assert seen.startswith("('abcd', 0.5, [{'content': 'hi', 'n': [1, 2]}], ")
    assert "('when', datetime.datetime(2026, 1, 10, 12, 0, tzinfo=datetime.timezone.utc))" in seen
    assert "('attributes.llm.output_messages.0.content', 'hi')" in seen


def test_what_can_be_no_evaluator_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"evaluator.py, line 2, column 8"):
        code_evaluator("import json\nimport requests\n" + SOURCE.replace("\nfrom", "from"))
    with pytest.raises(ConfigError, match="cannot be read"):
        code_evaluator(tmp_path / "none.py")
    with pytest.raises(ParameterError, match="did you mean 'limit'"):
        code_evaluator(SOURCE, limt=1)


def test_what_is_mapped_wrongly_is_told_with_what_there_is() -> None:
    spans, long_answer = frame("a"), code_evaluator(SOURCE)

    with pytest.raises(MappingError, match="did you mean 'output'"):
        evaluate_frame(spans, long_answer, mapping={"outputs": c.OUTPUT_VALUE})
    with pytest.raises(MappingError, match=r"did you mean 'attributes\.output\.value'"):
        evaluate_frame(spans, long_answer, mapping={"output": "attributes.output.valeu"})
    with pytest.raises(MappingError, match="shown nothing"):
        evaluate_frame(spans, long_answer)


def test_an_empty_frame_gives_an_empty_one() -> None:
    judged = evaluate_frame(frame(), code_evaluator(SOURCE), mapping={"output": c.OUTPUT_VALUE})

    assert judged.empty
    assert c.SPAN_ID in judged.columns
