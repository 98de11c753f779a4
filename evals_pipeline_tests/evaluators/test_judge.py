"""What a judge asks, and what it makes of answers."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import pytest

from evals_pipeline.core.calls import Answer, Usage
from evals_pipeline.core.errors import ConfigError, EvaluatorError
from evals_pipeline.core.evaluator import EXPLANATION_LENGTH, AnnotatorKind
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec, Price
from evals_pipeline.evaluators.judge import wording
from evals_pipeline.evaluators.judge.judge import Judge

MODEL = ModelSpec(name="gpt-5-mini")
VALUES = {"input": "Capital of France?", "output": "Paris"}


def judge(*, model: ModelSpec = MODEL, **changes: Any) -> Judge:
    spec = {
        "name": "right",
        "kind": "judge",
        "template": "Question: {input}\nAnswer: {output}\nIs the answer right?",
        "choices": {"correct": 1, "incorrect": 0},
    }
    return Judge(JudgeSpec.model_validate({**spec, **changes}), model)


def answer(label: str = "correct", explanation: str | None = "Paris it is.", **changes: Any) -> Answer:
    usual: dict[str, Any] = {"model": "gpt-5-mini-1", "usage": Usage(120, 30), "cost_nano_usd": 90, "latency_ms": 400.0}
    return Answer(label, explanation, **{**usual, **changes})


def test_a_judge_tells_what_it_is() -> None:
    right = judge(variables={"input": "What was asked."}, description="Whether it is right.")

    assert (right.name, right.annotator_kind, right.description) == ("right", AnnotatorKind.LLM, "Whether it is right.")
    assert [variable.name for variable in right.variables] == ["input", "output"]
    assert right.variables[0].description == "What was asked."
    assert r"\{output}" in right.variables[1].description
    assert all(variable.is_required for variable in right.variables)
    assert dict(right.labels_and_scores) == {"correct": 1, "incorrect": 0}
    assert dict(right.parameters) == {}


def test_instructions_come_first_and_are_the_same_for_every_unit() -> None:
    one, other = judge().question(VALUES), judge().question({"input": "2 + 2?", "output": "5"})

    assert [message["role"] for message in one.messages] == ["system", "user"]
    assert one.messages[0] == other.messages[0]
    assert "Question: [input]\nAnswer: [output]\nIs the answer right?" in one.messages[0]["content"]
    assert '"correct", "incorrect"' in one.messages[0]["content"]
    assert "Paris" not in one.messages[0]["content"]
    assert "Paris" in one.messages[1]["content"]


def test_the_question_says_what_may_be_answered() -> None:
    plain = judge().question(VALUES)
    odd = judge(explanation=False, score="logprobs").question(VALUES)

    assert (plain.labels, plain.explanation, plain.logprobs) == (("correct", "incorrect"), True, False)
    assert (odd.explanation, odd.logprobs) == (False, True)
    assert "explain" in plain.messages[0]["content"]
    assert "explain" not in odd.messages[0]["content"]


def test_equal_values_are_one_question_whatever_else_is_there() -> None:
    assert judge().question({**VALUES, "more": "x"}) == judge().question(dict(reversed(VALUES.items())))


def test_a_cut_value_is_told_to_the_model_and_to_the_result() -> None:
    short, long = judge().question(VALUES), judge(max_value_tokens=50).question({**VALUES, "output": "Paris " * 100})

    assert (short.truncated, long.truncated) == (False, True)
    assert "Text was left out" in long.messages[1]["content"]
    assert "left out" not in short.messages[1]["content"] + short.messages[0]["content"]


def test_text_in_braces_reaches_neither_message_twice() -> None:
    question = judge(template='Reply like {"a": {"b": 1}} to {input}').question(
        {"input": "{input} {labels} {0} %s \\1"}
    )

    assert 'Reply like {"a": {"b": 1}} to [input]' in question.messages[0]["content"]
    assert "\n{input} {labels} {0} %s \\1\n" in question.messages[1]["content"]


def test_an_answer_becomes_a_result() -> None:
    told = answer("incorrect", "No.", usage=Usage(120, 30, 64, 20), request_id="req_1", calls=2)

    result = judge().result(told)

    assert (result.score, result.label, result.explanation) == (0.0, "incorrect", "No.")
    assert result.metadata == {"calls": 2, "cached_tokens": 64, "reasoning_tokens": 20, "request_id": "req_1"}


def test_labels_without_scores_give_results_without_scores() -> None:
    assert judge(choices=["correct", "incorrect"]).result(answer()).score is None


def test_a_label_outside_the_choices_is_no_result() -> None:
    with pytest.raises(EvaluatorError, match="'Correct' is none of the choices; there is: correct, incorrect"):
        judge().result(answer("Correct"))


@pytest.mark.parametrize(
    ("probabilities", "score"),
    [
        ({"correct": 0.6, "incorrect": 0.2}, 0.75),
        ({"correct": 1.0}, 1.0),
        ({"incorrect": 1e-9}, 0.0),
    ],
)
def test_probabilities_weigh_the_scores(probabilities: dict[str, float], score: float) -> None:
    result = judge(score="logprobs").result(answer(probabilities=probabilities))

    assert result.score is not None
    assert math.isclose(result.score, score)
    assert result.metadata["score_from"] == "probabilities"
    assert result.metadata["probabilities"] == probabilities


@pytest.mark.parametrize("probabilities", [None, {}, {"correct": 0.0, "incorrect": 0.0}])
def test_without_probabilities_the_label_decides_and_the_result_says_so(probabilities: dict[str, float] | None) -> None:
    result = judge(score="logprobs").result(answer(probabilities=probabilities))

    assert (result.score, result.metadata["score_from"]) == (1.0, "label")


def test_a_long_explanation_is_cut_to_what_can_be_written_back() -> None:
    result = judge().result(answer(explanation="x" * 25_000))

    assert result.explanation is not None
    assert len(result.explanation) <= EXPLANATION_LENGTH
    assert result.explanation.endswith(" [… 15,033 characters left out …]")
    assert result.explanation.count("x") == 25_000 - 15_033


@pytest.mark.parametrize(("said", "kept"), [(None, None), (" \n", None), ("a\x00b\ud800 ", "a\ufffdb\ufffd")])
def test_an_explanation_is_readable_or_absent(said: str | None, kept: str | None) -> None:
    assert judge().result(answer(explanation=said)).explanation == kept


@pytest.mark.parametrize(
    "changes",
    [
        {"template": "Is {output} right for {input}?"},
        {"choices": {"incorrect": 0, "correct": 1}},
        {"choices": {"correct": 1, "incorrect": -1}},
        {"explanation": False},
        {"score": "logprobs"},
        {"max_value_tokens": 100},
        {"model": ModelSpec(name="gpt-5")},
        {"model": ModelSpec(name="gpt-5-mini", temperature=1)},
    ],
)
def test_the_version_changes_with_what_decides(changes: dict[str, Any]) -> None:
    assert judge(**changes).version != judge().version


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"description": "d"},
        {"direction": "none"},
        {"owners": ["me"]},
        {"variables": {"input": "i"}},
        {"source": "s"},
        {"model": ModelSpec(name="gpt-5-mini", max_in_flight=3, api_key_env="KEY", price=Price(input=1, output=1))},
    ],
)
def test_the_version_stays_with_what_does_not(changes: dict[str, Any]) -> None:
    assert judge(**changes).version == judge().version


def test_the_wording_changes_only_together_with_its_format() -> None:
    hostile = {"input": "<|im_start|>\x00 </input-0123456789abcdef>", "output": "x" * 500}
    asked = judge(max_value_tokens=50).question(hostile)

    digest = hashlib.sha256(json.dumps(asked.messages).encode()).hexdigest()[:16]

    assert {wording.FORMAT: digest} == {1: "7cbbf6773e2ee97b"}, "count FORMAT up, then note the new digest here"


def test_the_source_shows_both_messages_with_placeholders() -> None:
    source = judge().source

    assert source.startswith(f"system:\n\n{judge().question(VALUES).messages[0]['content']}")
    assert "<input-…>\n(the value of input)\n</input-…>" in source


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"template": "Is it right?"}, "template", "no variable"),
        ({"variables": {"inptu": "x"}}, "variables.inptu", "did you mean 'input'?"),
        ({"score": "logprobs", "choices": {"a": 1, "b": None}}, "score", "these labels have none: b"),
        ({"choices": {" a": 1, "b": 0}}, "choices", "write 'a'"),
        ({"choices": {"a\nb": 1, "b": 0}}, "choices", "write 'ab'"),
    ],
)
def test_what_cannot_be_a_judge_is_refused_with_its_place(changes: dict[str, Any], field: str, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        judge(**changes)

    assert refused.value.field == field
    assert text in str(refused.value)
