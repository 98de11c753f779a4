"""Everything this project raises on purpose.

EvalsError
├── ConfigError          a project, task or evaluator is wrong: refused before a span is read
│   ├── FilterError          a filter cannot be read or names an unknown column
│   ├── MappingError         a variable is unmapped, or mapped to something that cannot exist
│   ├── ParameterError       an evaluator's parameter is missing, unknown or of the wrong form
│   └── UnknownNameError     a task, project, evaluator or unit that does not exist
├── SourceError          spans cannot be read
├── SinkError            results cannot be attached
├── WindowError          a day or a range that cannot be run
├── LakeError            the lake cannot be read or written
├── LedgerError          the ledger database cannot be read or written
├── SandboxError         custom code cannot be run in confinement: ends what needs it, its units wait
├── ProviderError        a model provider refuses every call: ends the run, its units wait for the next one
└── EvaluatorError       one unit cannot be judged: becomes a row, never stops a run
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EvalsError(Exception):
    """Base of all errors raised on purpose; its text is written for the person who can mend it."""


class ConfigError(EvalsError):
    """A project, task or evaluator is wrong.

    Attributes:
        field: Dotted place inside the file, such as `evaluators.0.filter`; empty when the whole file is meant.
        hint: What to do about it; empty when there is nothing to add.
    """

    def __init__(self, message: str, *, field: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint

    def __str__(self) -> str:
        """The message, then the hint on a line of its own."""
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message


class FilterError(ConfigError):
    """A filter cannot be read, uses something outside the language, or names an unknown column."""


class MappingError(ConfigError):
    """A variable is unmapped, or mapped to something that cannot exist."""


class ParameterError(ConfigError):
    """An evaluator's parameter is missing, unknown or of the wrong form."""


class UnknownNameError(ConfigError):
    """Something was asked for by a name that does not exist."""

    @classmethod
    def of(cls, what: str, name: str, known: Iterable[str], *, field: str = "") -> UnknownNameError:
        """Build the error from what was asked, what there is and the nearest match."""
        names = sorted(known)
        there_is = ", ".join(names[:20]) + (", …" if len(names) > 20 else "") if names else "none"
        return cls(f"there is no {what} {name!r}; there is: {there_is}", field=field, hint=did_you_mean(name, names))


class SourceError(EvalsError):
    """Spans cannot be read from where the project says they are."""


class SinkError(EvalsError):
    """Results cannot be attached where the project says they go."""


class WindowError(EvalsError):
    """A day or a range of days that cannot be run."""


class LakeError(EvalsError):
    """The lake cannot be read or written."""


class LedgerError(EvalsError):
    """The ledger database cannot be read or written."""


class SandboxError(EvalsError):
    """Custom code cannot be run in confinement on this machine; nothing of it is run."""


class ProviderError(EvalsError):
    """A model provider refuses every call: wrong key, unknown model, exhausted account. The run ends at once."""


class EvaluatorError(EvalsError):
    """One unit cannot be judged; it becomes a row with outcome `errored`."""


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`did you mean 'x'?` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"did you mean {near[0]!r}?" if near else ""
