"""What every evaluator is, whatever runs inside: its variables, parameters and results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

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
    """A value that is fixed in the task file."""

    name: str
    type: ParameterType
    description: str
    default: str | float | bool | tuple[str, ...] | None = None
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What an evaluator says of one unit: a label, a score or both, and why."""

    score: float | None = None
    label: str | None = None
    explanation: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.score is None and not self.label:
            raise ValueError("a result needs a score or a label")
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"a score must be finite, not {self.score!r}")
