"""How two contents differ, line by line."""

from __future__ import annotations

import difflib

from evals_pipeline.core.version import Content
from evals_pipeline.hub.contents import settled


def difference(name: str, old: tuple[str, Content], new: tuple[str, Content]) -> str:
    """A unified diff of source and settings; empty when they are the same.

    Args:
        name: Of the evaluator.
        old: What it is called in the heading, such as `polite@2`, and what it says.
        new: The same of what it became.
    """
    (before, first), (after, second) = old, new
    source = _diff(source_file(name, first), before, first.source, source_file(name, second), after, second.source)
    settings = f"{name}.yaml"
    return source + _diff(settings, before, first.settings, settings, after, second.settings)


def source_file(name: str, content: Content) -> str:
    """The file that such a source stands in."""
    return f"{name}.yaml" if content.kind == "judge" else f"{name}.py"


def _diff(old_file: str, before: str, old: str, new_file: str, after: str, new: str) -> str:
    lines = difflib.unified_diff(
        settled(old).splitlines(keepends=True),
        settled(new).splitlines(keepends=True),
        f"{old_file} ({before})",
        f"{new_file} ({after})",
    )
    return "".join(lines)
