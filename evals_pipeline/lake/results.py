"""Which of a unit's results is the current one."""

from __future__ import annotations


def current_results(relation: str) -> str:
    """SQL of the newest row of each (project, evaluator, unit) in a relation with the columns of a result."""
    return (
        f"SELECT * FROM {relation} QUALIFY row_number() OVER"
        " (PARTITION BY project, evaluator, unit_id ORDER BY evaluated_at DESC) = 1"
    )
