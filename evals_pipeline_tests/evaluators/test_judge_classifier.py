"""Judges in a notebook, against a provider on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

import evals_pipeline
from evals_pipeline.core.errors import ConfigError, EvaluatorError, MappingError, ProviderError
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.evaluators.judge.classifier import LLM, create_classifier
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline_tests.llm.provider import Provider, filtered, wrong_key

CHOICES = {"correct": 1.0, "incorrect": 0.0}
TEMPLATE = "Q: {input} A: {output}"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


def classifier(provider: Provider, template: str = TEMPLATE) -> Judge:
    llm = LLM(model="gpt-5-mini", base_url=provider.base_url)
    return create_classifier(name="right", llm=llm, prompt_template=template, choices=CHOICES)


def test_the_package_offers_what_a_notebook_needs() -> None:
    assert evals_pipeline.create_classifier is create_classifier
    assert evals_pipeline.LLM is LLM


def test_a_classifier_judges_one_row(provider: Provider) -> None:
    provider.answer = "incorrect"

    result = classifier(provider).evaluate(input="Capital of France?", output="Lyon")

    assert (result.label, result.score, result.explanation) == ("incorrect", 0.0, "Because the text says so.")
    assert (result.metadata["prompt_tokens"], result.metadata["completion_tokens"]) == (120, 30)
    assert (result.metadata["truncated"], result.metadata["calls"]) == (False, 1)
    assert "\nLyon\n" in provider.prompts[-1]


def test_a_repeated_question_is_not_asked_again(provider: Provider) -> None:
    right = classifier(provider)
    right.evaluate(input="Capital of France?", output="Paris")
    asked = len(provider.asked)

    again = right.evaluate(input="Capital of France?", output="Paris")

    assert len(provider.asked) == asked
    assert (again.metadata["reused"], again.metadata["cost_usd"]) == (True, 0.0)


def test_a_classifier_works_inside_a_running_event_loop(provider: Provider) -> None:
    async def cell() -> str | None:
        return classifier(provider).evaluate(input="in Jupyter", output="Paris").label

    assert asyncio.run(cell()) == "correct"


def test_what_is_no_text_is_shown_as_json(provider: Provider) -> None:
    classifier(provider).evaluate(input={"question": "größe?"}, output=np.array(["Paris", 1], dtype=object))

    assert '{"question":"größe?"}' in provider.prompts[-1]
    assert '["Paris",1]' in provider.prompts[-1]


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, np.float64("nan")], ids=repr)
def test_a_missing_value_is_never_judged(provider: Provider, missing: object) -> None:
    with pytest.raises(EvaluatorError, match="'output' has no value"):
        classifier(provider).evaluate(input="Capital of France?", output=missing)

    assert provider.asked == []


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"input": "a"}, "right needs a value for: output"),
        ({"input": "a", "outptu": "b"}, "did you mean 'output'"),
        ({"input": "a", "output": "b", "reference": "c"}, "right has no variable 'reference'; there is: input, output"),
    ],
)
def test_other_values_than_the_template_has_are_refused(provider: Provider, values: dict[str, str], text: str) -> None:
    with pytest.raises(MappingError) as refused:
        classifier(provider).evaluate(**values)

    assert text in str(refused.value)


def test_a_row_without_an_answer_raises(provider: Provider) -> None:
    right = classifier(provider)
    right.evaluate(input="what the endpoint can do", output="is known now")
    provider.next(filtered())

    with pytest.raises(EvaluatorError, match="right got no answer: "):
        right.evaluate(input="something", output="filtered")


def test_a_refused_key_raises(provider: Provider) -> None:
    provider.next(*[wrong_key()] * 5)

    with pytest.raises(ProviderError):
        classifier(provider).evaluate(input="a", output="key")


def test_a_classifier_equals_a_judge_in_a_file() -> None:
    named = create_classifier("right", TEMPLATE, LLM(model="m", temperature=1), CHOICES, direction="none")
    plain = create_classifier("right", TEMPLATE, ModelSpec(name="m", temperature=1), CHOICES, direction="none")

    assert named == plain
    assert named.version == plain.version
    assert type(named.model) is ModelSpec


@pytest.mark.parametrize("choices", [["yes", "no"], ("yes", "no"), {"yes": None, "no": None}])
def test_choices_may_be_labels_alone(choices: list[str] | dict[str, None]) -> None:
    yes_or_no = create_classifier("sure", "{a}", LLM(model="m"), choices)

    assert dict(yes_or_no.labels_and_scores) == {"yes": None, "no": None}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "Not A Name"}, "name"),
        ({"prompt_template": "{{a}}"}, "template"),
        ({"choices": "yes"}, "choices"),
        ({"choices": {"yes": (1, "described"), "no": 0}}, "choices.yes"),
        ({"direction": "neutral"}, "direction"),
        ({"max_value_tokens": 1}, "max_value_tokens"),
        ({"temperature": 1}, "temperature"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(given: dict[str, object], field: str) -> None:
    usual = {"name": "sure", "prompt_template": "{a}", "llm": LLM(model="m"), "choices": ["yes", "no"]}

    with pytest.raises(ConfigError) as refused:
        create_classifier(**{**usual, **given})  # type: ignore[arg-type]  # wrong on purpose

    assert refused.value.field == field


@pytest.mark.parametrize("name", ["api_key", "apikey"])
def test_a_key_that_is_written_down_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LLM.model_validate({"model": "m", name: "sk-secret"})

    assert "sk-secret" not in str(refused.value)
