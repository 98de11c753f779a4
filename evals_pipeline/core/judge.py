"""What users write in `evaluators/*.yaml` to make an LLM judge."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evals_pipeline.core.model import ModelSpec
from evals_pipeline.core.task import Name

LABEL_LENGTH = 100
"""Longest label in characters; the limit of Arize's write-back."""

DEFAULT_MODEL = "default"


class JudgeSpec(BaseModel):
    """An LLM judge: what is asked, which labels it may answer with, and by which model."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Name
    """The file's name without `.yaml`."""
    kind: Literal["judge"]
    template: str = Field(min_length=1)
    """The prompt, with a `{variable}` where a value goes; other braces stand as they are."""
    choices: dict[str, float | None] = Field(min_length=2)
    """Label -> score; a score may be null. A list of labels gives null scores."""
    explanation: bool = True
    """Whether the model says why, before it says the label."""
    direction: Literal["maximize", "minimize", "none"] = "maximize"
    """Which scores are good; for display."""
    model: str | ModelSpec = DEFAULT_MODEL
    """A name in `models.yaml`, or the model itself."""
    score: Literal["choices", "logprobs"] = "choices"
    """`logprobs`: the choices' scores weighted by the probabilities of their labels, where the endpoint tells them."""
    max_value_tokens: int = Field(default=8_000, ge=50)
    """A longer value is cut in the middle, with a visible mark, and the result says `truncated`."""
    variables: dict[str, str] = {}
    """Variable -> what it is; for people. Names must occur in the template."""
    filter: str | None = None
    """Units that the judge is for, whatever the task; both filters must hold."""
    description: str = ""
    source: str = ""
    """Where the idea comes from."""
    owners: tuple[str, ...] = ()

    @field_validator("choices", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if not isinstance(value, dict | list):
            raise ValueError("choices are labels with their scores, such as {good: 1, bad: 0}")
        for label in value:
            if not isinstance(label, str):  # YAML's yes, no, on, off and bare numbers
                raise ValueError(f"YAML reads {label!r} where a label is: put labels in quotes, such as 'yes' or '1'")
        if len(set(value)) < max(2, len(value)):
            raise ValueError(f"a judge chooses between at least two different labels; there is: {', '.join(value)}")
        return dict.fromkeys(value) if isinstance(value, list) else value

    @field_validator("choices")
    @classmethod
    def _fits(cls, value: dict[str, float | None]) -> dict[str, float | None]:
        for label, score in value.items():
            if not 1 <= len(label.strip()) <= LABEL_LENGTH:
                raise ValueError(f"a label has 1 to {LABEL_LENGTH} characters, unlike {label[:120]!r}")
            if score is not None and not abs(score) < float("inf"):
                raise ValueError(f"the score of {label!r} must be a finite number or null")
        if len({label.strip().casefold() for label in value}) != len(value):
            raise ValueError("two labels differ by case or white space only")
        return value
