"""Files of a project folder that cannot be used, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evals_pipeline.core.errors import ConfigError

EVALUATOR = "evaluator"
MODELS = "models"


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file that cannot be used, and why. `field` is the dotted place inside it, empty for the whole file."""

    path: Path
    kind: str
    field: str
    message: str
    hint: str

    @property
    def name(self) -> str:
        """The name that the project, evaluator or task would have."""
        return self.path.stem

    @property
    def file(self) -> str:
        """The file as people write it from the project folder."""
        return self.path.name if self.kind == MODELS else f"{self.path.parent.name}/{self.path.name}"

    @property
    def place(self) -> str:
        """File and field."""
        return self.file + (f", {self.field}" if self.field else "")

    def __str__(self) -> str:
        """File and field, then the message and the hint on lines of their own."""
        return f"{self.place}: {self.message}" + (f"\nHint: {self.hint}" if self.hint else "")

    @classmethod
    def of(cls, path: Path, kind: str, error: ConfigError) -> BrokenFile:
        """What `error` says of the file; the error itself, which holds on to all who passed it on, is let go."""
        return cls(path, kind, error.field, error.message, error.hint)
