"""What users write in `projects/*.yaml` and `tasks/*.yaml`, as strict frozen models."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from evals_pipeline.core.model import ModelSpec

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,62}")

ParameterValue = str | int | float | bool | list[str]


def check_name(name: str) -> str:
    """`name` itself when it can become an asset key, a column and a table value; raises ValueError otherwise."""
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name: use lower-case letters, digits and underscores, a letter first, at most 63 in all"
        )
    return name


Name = Annotated[str, AfterValidator(check_name)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


class FilesSource(_Model):
    """Spans in files: a folder, a file or any URI that fsspec opens."""

    type: Literal["files"]
    path: str = Field(min_length=1)
    """Folder, file, glob or URI; a relative path starts at the project folder."""


class FilesSink(_Model):
    """Annotations as Parquet files, one per task and day."""

    type: Literal["files"]
    path: str = Field(min_length=1)
    """Folder; a relative path starts at the project folder."""


class Project(_Model):
    """Where spans are filed; has one source."""

    name: str = Field(min_length=1, max_length=200)
    """The file's name without `.yaml`; free text."""
    source: FilesSource
    sink: FilesSink | None = None
    """Where annotations go besides the results table; absent: `.evals/annotations`."""
    description: str = ""
    owners: tuple[str, ...] = ()


class Continuous(_Model):
    """A task on a schedule."""

    every_minutes: int = Field(ge=1, le=1440)
    lookback_days: int = Field(default=2, ge=0, le=14)
    """Days before today that are looked at again for spans that arrived late."""


class Allowance(_Model):
    """The most that may be spent; at least one of the two."""

    usd: float | None = Field(default=None, gt=0, le=1_000_000_000)
    tokens: int | None = Field(default=None, ge=1, le=1_000_000_000_000)
    """Prompt and completion together."""

    @model_validator(mode="after")
    def _says_something(self) -> Allowance:
        if self.usd is None and self.tokens is None:
            raise ValueError("a budget needs `usd`, `tokens` or both")
        return self


class Budget(_Model):
    """Hard limits on what a task's judges may spend; what does not fit is `over_budget` and waits for a later run."""

    run: Allowance | None = None
    """In one run."""
    day: Allowance | None = None
    """On one UTC day of spending, over all runs of the task."""
    task: Allowance | None = None
    """In all, over all runs of the task."""


class EvaluatorUse(_Model):
    """One evaluator inside a task."""

    evaluator: str = Field(min_length=1)
    result_name: Name | None = Field(default=None, alias="as")
    """The name of its result; absent: the evaluator's own name."""
    parameters: dict[str, ParameterValue] = {}
    mapping: dict[str, str] = {}
    """Variable -> column path."""
    additional_attributes: tuple[str, ...] = ()
    """Column paths that `dataset_row` of a custom evaluator has besides the mapped ones."""
    model: str | ModelSpec | None = None
    """For judges: the model to ask instead of the judge's own; a name in `models.yaml`, or the model itself."""
    filter: str | None = None
    """Selects further among the units of the task."""

    @property
    def name(self) -> str:
        """The name under which results are kept, unique in the project."""
        return self.result_name or self.evaluator.partition("@")[0]


class Task(_Model):
    """Evaluators, the project they look at, which of its units they see, and how often."""

    name: Name
    """The file's name without `.yaml`."""
    project: str
    evaluators: tuple[EvaluatorUse, ...] = Field(min_length=1)
    filter: str | None = None
    sampling_rate: float = Field(default=1.0, gt=0, le=1)
    sampling_salt: str = ""
    """Changes which units are chosen; tasks with the same salt choose the same units."""
    max_units: int | None = Field(default=None, ge=1)
    """Units a run may take on per day."""
    max_attempts: int = Field(default=3, ge=1, le=100)
    """How often a unit whose evaluator fails is tried, in as many runs."""
    budget: Budget | None = None
    """What its judges may spend; absent: no limit."""
    continuous: Continuous | None = None
    """Absent: the task runs only on demand."""
    description: str = ""
    owners: tuple[str, ...] = ()
