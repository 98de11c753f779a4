"""What people should know of files that are not broken, such as an evaluator that differs from what runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from evals_pipeline.cli import screen

if TYPE_CHECKING:
    from evals_pipeline.core.version import Notice


def show_notices(notices: Iterable[Notice]) -> None:
    """Say them on stderr."""
    for notice in notices:
        screen.note(f"notice: {notice.file} {notice.message}", style="yellow")
        screen.note(f"Hint: {notice.hint}")
