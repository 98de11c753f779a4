"""What the mapped paths find in real spans, before an evaluator is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals_pipeline.core.columns import SPAN_ID
from evals_pipeline.core.paths import Path, resolve, resolve_natural


@dataclass(frozen=True, slots=True)
class VariablePreview:
    """What one variable's path finds.

    Attributes:
        variable: Its name.
        path: Where it is read from.
        resolved: In how many of the spans the path finds a value; an empty text is one.
        total: The number of spans looked at.
        examples: Span id and value, in full, of the first spans, as the evaluator is shown it; None where the path
            finds nothing.
    """

    variable: str
    path: Path
    resolved: int
    total: int
    examples: tuple[tuple[str, Any], ...]

    @property
    def share(self) -> float | None:
        """The share of the spans in which the path finds a value, 0 to 1; None without spans."""
        return self.resolved / self.total if self.total else None


def preview(
    spans: Sequence[Mapping[str, object]],
    paths: Mapping[str, Path],
    *,
    limit: int | None = None,
    are_natural: bool = False,
) -> tuple[VariablePreview, ...]:
    """One preview per variable over all `spans`, each with at most `limit` examples (absent: one per span).

    A span is a mapping from column to value, with the derived columns that `paths` name already computed. Values are
    text, unless `are_natural`: then they are in their own types, as custom evaluators see them.
    """
    find = resolve_natural if are_natural else resolve
    return tuple(_preview_of(variable, path, spans, find, limit) for variable, path in paths.items())


def _preview_of(
    variable: str,
    path: Path,
    spans: Sequence[Mapping[str, object]],
    find: Callable[[Mapping[str, Any], Path], Any],
    limit: int | None,
) -> VariablePreview:
    values = [(str(span[SPAN_ID]), find(span, path)) for span in spans]
    resolved = sum(value is not None for _, value in values)
    return VariablePreview(variable, path, resolved, len(values), tuple(values[:limit]))
