"""A pandas frame in a notebook."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evals_pipeline import evaluate_frame, evaluator
from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import MappingError, ParameterError, UnknownNameError
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline_tests.llm.provider import Provider

JSON = evaluator("json_parseable")


def frame(*outputs: object) -> pd.DataFrame:
    return pd.DataFrame(
        {c.SPAN_ID: [f"s{n}" for n in range(len(outputs))], c.OUTPUT_VALUE: pd.Series(outputs, dtype=object)}
    )


def test_a_frame_gets_the_columns_that_can_be_written_back() -> None:
    spans = frame("{}", "no")

    judged = evaluate_frame(spans, JSON, mapping={"text": c.OUTPUT_VALUE}, name="is_json")

    assert list(judged.columns) == [c.SPAN_ID, *(f"eval.is_json.{part}" for part in ("label", "score", "explanation"))]
    assert judged["eval.is_json.label"].tolist() == ["parseable", "not_parseable"]
    assert judged["eval.is_json.score"].tolist() == [1.0, 0.0]
    assert judged.index.equals(spans.index)


def test_the_span_id_may_be_the_index() -> None:
    spans = frame("{}").set_index(c.SPAN_ID)

    judged = evaluate_frame(spans, JSON, mapping={"text": c.OUTPUT_VALUE})

    assert (judged.index.name, judged[c.SPAN_ID].tolist()) == (c.SPAN_ID, ["s0"])


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=str)
def test_a_missing_value_has_neither_label_nor_score(missing: object) -> None:
    judged = evaluate_frame(frame("{}", missing), JSON, mapping={"text": c.OUTPUT_VALUE})

    assert judged.drop(columns=c.SPAN_ID).iloc[1].isna().all()
    assert judged["eval.json_parseable.score"].iloc[0] == 1.0


def test_a_row_on_which_the_evaluator_fails_has_neither_label_nor_score() -> None:
    slow = evaluator("matches_regex", pattern="(a|aa)+(?=c)$")

    judged = evaluate_frame(frame("a" * 60 + "b", "c"), slow, mapping={"text": c.OUTPUT_VALUE})

    assert pd.isna(judged["eval.matches_regex.label"].iloc[0])
    assert judged["eval.matches_regex.label"].iloc[1] == "no_match"


def test_a_path_goes_into_lists_and_dictionaries_as_exports_hold_them() -> None:
    spans = frame("x").assign(**{c.OUTPUT_MESSAGES: [np.array([{"message.content": "{}"}], dtype=object)]})

    judged = evaluate_frame(spans, JSON, mapping={"text": f"{c.OUTPUT_MESSAGES}.0.message.content"})

    assert judged["eval.json_parseable.label"].tolist() == ["parseable"]


def test_no_rows_give_no_rows() -> None:
    judged = evaluate_frame(frame(), JSON, mapping={"text": c.OUTPUT_VALUE})

    assert judged.empty
    assert c.SPAN_ID in judged.columns


def test_what_is_not_there_is_told_with_what_there_is() -> None:
    with pytest.raises(MappingError, match=r"did you mean 'attributes\.output\.value'"):
        evaluate_frame(frame("{}"), JSON, mapping={"text": "attributes.output.valeu"})
    with pytest.raises(MappingError, match=r"context\.span_id"):
        evaluate_frame(frame("{}").drop(columns=c.SPAN_ID), JSON, mapping={"text": c.OUTPUT_VALUE})
    with pytest.raises(UnknownNameError, match="json_parseable"):
        evaluator("json_parsable")
    with pytest.raises(ParameterError, match="pattern"):
        evaluator("matches_regex")


@pytest.fixture
def politeness(provider: Provider) -> Judge:
    model = ModelSpec(name="gpt-5-mini", base_url=provider.base_url)
    choices = {"polite": 1.0, "rude": 0.0}
    return Judge(JudgeSpec(name="politeness", kind="judge", template="Polite? {output}", choices=choices), model)


def test_a_judge_judges_a_frame(politeness: Judge, provider: Provider) -> None:
    provider.answer = lambda prompt: "rude" if "go away" in prompt else "polite"
    spans = frame("hello", "go away", "hello", None)

    judged = evaluate_frame(spans, politeness, mapping={"output": c.OUTPUT_VALUE})

    assert judged["eval.politeness.label"].tolist()[:3] == ["polite", "rude", "polite"]
    assert judged["eval.politeness.score"].tolist()[:3] == [1.0, 0.0, 1.0]
    assert judged["eval.politeness.label"].isna().tolist() == [False, False, False, True]
    assert len(provider.asked) == 2


def test_a_frame_reuses_what_was_asked_one_by_one(politeness: Judge, provider: Provider) -> None:
    politeness.evaluate(output="asked before")

    evaluate_frame(frame("asked before", "new"), politeness, mapping={"output": c.OUTPUT_VALUE})

    assert len(provider.asked) == 2


def test_rows_that_a_judge_did_not_answer_are_null_and_counted(
    politeness: Judge, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.answer = "neither"

    judged = evaluate_frame(frame("secret text"), politeness, mapping={"output": c.OUTPUT_VALUE})

    assert judged["eval.politeness.label"].isna().all()
    assert judged["eval.politeness.explanation"].isna().all()
    assert "rows without an answer: 1 of 1" in caplog.text
    assert "secret text" not in caplog.text
