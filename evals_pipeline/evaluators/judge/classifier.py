"""Judges made in Python, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack

from pydantic import ConfigDict, Field, ValidationError, model_validator

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.evaluators.judge.judge import Judge


class LLM(ModelSpec):
    """A model to ask, as notebooks spell it: `LLM(provider="openai", model="gpt-5-mini", base_url=None)`.

    Takes all that `models.yaml` does, such as `temperature` and `max_in_flight`. There is no `api_key`: the key is read
    from the environment when the model is asked, from OPENAI_API_KEY or the variable that `api_key_env` names.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # someone may have written a key

    name: str = Field(alias="model", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _without_key(cls, given: Any) -> Any:
        if isinstance(given, dict) and "api_key" in given:
            raise ValueError("there is no `api_key`: put it in the environment and name its variable, `api_key_env`")
        return given


class _Settings(TypedDict, total=False):
    """What a classifier may be told besides; the same as in a judge's file."""

    score: Literal["choices", "logprobs"]
    max_value_tokens: int
    variables: Mapping[str, str]
    description: str


def create_classifier(
    name: str,
    prompt_template: str,
    llm: ModelSpec,
    choices: Mapping[str, float | None] | Sequence[str],
    *,
    explanation: bool = True,
    direction: Literal["maximize", "minimize", "none"] = "maximize",
    **settings: Unpack[_Settings],
) -> Judge:
    """A judge that chooses one of `choices`.

    Args:
        name: Lower-case letters, digits and underscores; the result's name.
        prompt_template: What is asked, with `{variable}` in single braces where a value is meant.
        llm: The model to ask.
        choices: Label -> score, or labels alone: then results have no score.
        explanation: Whether the model says why, before the label.
        direction: Which scores are good; for display.
        settings: What else a judge's file may say.

    Returns:
        What `evaluate_frame` takes; its `evaluate(**values)` judges one row.

    Raises:
        ConfigError: Something does not fit; `field` says what.
    """
    model = ModelSpec.model_validate(llm.model_dump())  # an LLM is one, under another name
    given = {
        "name": name,
        "kind": "judge",
        "template": prompt_template,
        "choices": list(choices) if isinstance(choices, tuple) else choices,
        "explanation": explanation,
        "direction": direction,
        "model": model,
        **settings,
    }
    try:
        spec = JudgeSpec.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        message = f"{problem['msg'].removeprefix('Value error, ')}, not {problem['input']!r}"
        raise ConfigError(message, field=place) from error
    return Judge(spec, model)
