"""What belongs to a custom code evaluator besides its class: `evaluators/NAME.yaml` beside `evaluators/NAME.py`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evals_pipeline.core.evaluator import ParameterType
from evals_pipeline.core.task import Name, ParameterValue

SOURCE_BYTES = 64 * 1024
"""Longest source of an evaluator, in bytes of UTF-8."""


class ParameterSpec(BaseModel):
    """A static parameter, which the class reads as `self.<name>`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: ParameterType
    default: ParameterValue | None = None
    """Absent: every task must give it."""
    description: str = ""


class CodeSettings(BaseModel):
    """Settings of a custom code evaluator; all of them may be left out, and with them the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Name
    """The file's name without `.yaml`; that of the `.py` file beside it."""
    kind: Literal["code"]
    description: str = ""
    """Absent: the docstring of the class."""
    parameters: dict[str, ParameterSpec] = {}
    """Static parameters with their types; one that is not listed takes whatever a task gives."""
    granularity: Literal["span"] = "span"
    filter: str | None = None
    """Units that the evaluator is for, whatever the task; both filters must hold."""
    row_seconds: float = Field(default=5.0, gt=0, le=3_600)
    """Time limit of a row."""
    memory_mb: int = Field(default=512, ge=16, le=65_536)
    """Memory that a worker may take in addition to the packages, in MiB."""
    owners: tuple[str, ...] = ()
