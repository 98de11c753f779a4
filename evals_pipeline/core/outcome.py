"""What became of a candidate. Every candidate of every run and evaluator has exactly one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a candidate, in the order in which the corridor decides it."""

    FILTERED = "filtered"
    """The unit does not match the task's or the evaluator's filter."""
    PENDING = "pending"
    """The trace or session is not complete yet."""
    SAMPLED_OUT = "sampled_out"
    """Its hash is not below the sampling rate."""
    OVER_LIMIT = "over_limit"
    """Beyond the run's `max_units`."""
    ALREADY_EVALUATED = "already_evaluated"
    """A current result exists for this version and these inputs."""
    SKIPPED = "skipped"
    """A mapped variable is missing; the row says which."""
    OVER_BUDGET = "over_budget"
    """Its cost would exceed a budget."""
    EVALUATED = "evaluated"
    """Has a label or a score."""
    ERRORED = "errored"
    """The evaluator failed; class and message are recorded."""


SETTLED = (Outcome.EVALUATED, Outcome.SKIPPED)
"""Outcomes of a row that stands until its inputs or its evaluator change."""

UNFINISHED = (Outcome.PENDING, Outcome.OVER_LIMIT, Outcome.OVER_BUDGET)
"""Outcomes that a later run takes up again."""


def summed(parts: Iterable[Mapping[str, Mapping[Outcome, int]]]) -> dict[str, dict[Outcome, int]]:
    """Evaluator -> outcome -> candidates, over all `parts`."""
    together: dict[str, dict[Outcome, int]] = {}
    for part in parts:
        for evaluator, of in part.items():
            mine = together.setdefault(evaluator, {})
            for outcome, count in of.items():
                mine[outcome] = mine.get(outcome, 0) + count
    return together
