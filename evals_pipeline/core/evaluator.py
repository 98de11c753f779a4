"""What every evaluator is, whatever runs inside: its variables, parameters and results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

EXPLANATION_LENGTH = 10_000
"""Longest explanation in characters; the limit of Arize's write-back."""

ParameterType = Literal["string", "string_array", "regex", "number", "boolean"]


class AnnotatorKind(StrEnum):
    """Who judged, in OpenInference's words."""

    CODE = "CODE"
    LLM = "LLM"
    HUMAN = "HUMAN"


@dataclass(frozen=True, slots=True)
class Variable:
    """A value that an evaluator is shown, mapped by the task from a span's columns."""

    name: str
    description: str
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that is fixed in the task file; `type` is None where nothing says it and any value will do."""

    name: str
    type: ParameterType | None
    description: str
    default: str | float | bool | tuple[str, ...] | None = None
    is_required: bool = False


@dataclass(frozen=True)  # without slots: pasted evaluators look into `__dict__` and `vars()` of their results
class EvaluationResult:
    """What an evaluator says of one unit: a label, a score or both, and why.

    Label and explanation become text, and an empty one becomes None, as in the class of this name that `arize` has.

    Raises:
        ValueError: There is neither a score nor a label, or the score is not finite.
        TypeError: The score is no number.
    """

    score: float | None = None
    label: str | None = None
    explanation: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.score is None:
            if not self.label:
                raise ValueError("a result needs a score or a label")
        elif not _is_finite(self.score):
            raise ValueError(f"a score must be finite, not {self.score!r}")
        if type(self.label) is not str or not self.label:
            object.__setattr__(self, "label", _text(self.label))
        if type(self.explanation) is not str or not self.explanation:
            object.__setattr__(self, "explanation", _text(self.explanation))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> EvaluationResult | None:
        """The result that `values` spell out, whatever else they hold; None for nothing."""
        if not values:
            return None
        return cls(values.get("score"), values.get("label"), values.get("explanation"), values.get("metadata") or {})


def _text(value: object) -> str | None:
    return (str(value) or None) if value is not None else None


def _is_finite(score: object) -> bool:
    try:
        return math.isfinite(score)  # type: ignore[arg-type]  # evaluators that people bring may say anything
    except TypeError:
        raise TypeError(f"a score must be a number, not {score!r}") from None
