"""What a file of the `evaluators` folder has to do with the versions that were pushed of it."""

from __future__ import annotations

from enum import StrEnum

from evals_pipeline.core.version import Content, Notice, Version
from evals_pipeline.hub.contents import content_hash


class FileState(StrEnum):
    """How a file and the newest version of its name compare."""

    PUSHED = "pushed"
    """They are the same."""
    CHANGED = "changed"
    """They differ; the version runs."""
    NEVER_PUSHED = "never pushed"
    """There is no version; the file runs as it stands."""
    NO_FILE = "no file"
    """There is no file; the version runs."""


def state_of(file: Content | None, latest: Version | None) -> FileState:
    """How they compare; one of the two must be there."""
    if file is None:
        return FileState.NO_FILE
    if latest is None:
        return FileState.NEVER_PUSHED
    return FileState.PUSHED if content_hash(file) == latest.draft.content_hash else FileState.CHANGED


def notice_of(name: str, file: str, state: FileState, latest: Version | None) -> Notice | None:
    """What to tell of a file in that state; None where all is well."""
    hint = f"push it: evals hub push {name} -m '...'"
    if state is FileState.CHANGED and latest is not None:
        return Notice(file, f"differs from {latest.spelled}, which runs", hint)
    if state is FileState.NEVER_PUSHED:
        return Notice(file, "runs as it stands, never pushed", hint)
    return None
