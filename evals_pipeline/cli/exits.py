"""Exit codes: what a script may rely on."""

from __future__ import annotations

from evals_pipeline.core.errors import (
    ConfigError,
    EvalsError,
    LakeError,
    LedgerError,
    SinkError,
    SourceError,
    WindowError,
)

OK = 0
BROKEN = 1
"""A run failed, a file is broken or something required is missing."""
USAGE = 2
"""The command or the configuration is wrong."""
STORAGE = 3
"""A source, a sink, the lake or the ledger failed."""
INTERRUPTED = 130
KILLED = 128
"""What shells add to the number of the signal that ended a program."""

EXPLAINED = (
    "Exit codes: 0 all went well; 1 a run failed or something is broken; 2 wrong usage or configuration; "
    "3 a source, the lake, the ledger or an output failed; 130 interrupted."
)


def code_of(error: EvalsError) -> int:
    """The exit code that stands for `error`."""
    match error:
        case ConfigError() | WindowError():
            return USAGE
        case SourceError() | SinkError() | LakeError() | LedgerError():
            return STORAGE
        case _:
            return BROKEN
