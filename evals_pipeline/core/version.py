"""An evaluator's immutable revision in the hub, what is pushed to become one, and what is told of its file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from evals_pipeline.core.evaluator import Parameter, Variable

MESSAGE_LENGTH = 1_000
"""Longest commit message in characters; the limit of Arize's hub."""


Pin = tuple[str, int]
"""Name of an evaluator and number of its version."""


class EvaluatorKind(StrEnum):
    """What people bring to the hub."""

    JUDGE = "judge"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Content:
    """An evaluator as it is written: what a file holds and what a version keeps.

    Attributes:
        source: The Python of a custom evaluator, the YAML of a judge.
        settings: The YAML beside a custom evaluator; empty where there is none.
    """

    kind: EvaluatorKind
    source: str
    settings: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is pushed.

    Attributes:
        content_hash: SHA-256 in hex of what counts of the content.
        message: Why, in 1 to 1,000 characters.
        author: Who, such as `Ada <ada@example.com>`.
        filter: The evaluator's own filter, whatever the task's.
    """

    name: str
    content: Content
    content_hash: str
    message: str
    author: str
    variables: tuple[Variable, ...]
    parameters: tuple[Parameter, ...]
    granularity: str
    filter: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """A draft that the hub has taken; it never changes.

    Attributes:
        number: From 1 per name, without gaps.
        pushed_at: UTC.
    """

    draft: Draft
    number: int
    pushed_at: datetime

    @property
    def name(self) -> str:
        """The evaluator's name."""
        return self.draft.name

    @property
    def content(self) -> Content:
        """What it says."""
        return self.draft.content

    @property
    def spelled(self) -> str:
        """As a task pins it: `polite@3`."""
        return f"{self.draft.name}@{self.number}"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should know about a file that is not broken.

    Attributes:
        file: As people write it from the project folder.
        hint: What to do about it.
    """

    file: str
    message: str
    hint: str

    def __str__(self) -> str:
        """File and message, then the hint on a line of its own."""
        return f"{self.file} {self.message}\nHint: {self.hint}"
