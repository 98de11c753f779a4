"""Which of a unit's results is the current one."""

from __future__ import annotations

import duckdb

from evals_pipeline.lake.results import current_results


def test_the_newest_result_of_each_project_evaluator_and_unit_is_current() -> None:
    rows = """(VALUES
        ('p', 'e', 'u', 1, 'old'), ('p', 'e', 'u', 3, 'newest'), ('p', 'e', 'u', 2, 'middle'),
        ('p', 'e', 'v', 1, 'other unit'), ('p', 'f', 'u', 1, 'other evaluator'), ('q', 'e', 'u', 1, 'other project')
    ) AS t(project, evaluator, unit_id, evaluated_at, label)"""

    found = duckdb.sql(f"SELECT label FROM ({current_results(rows)})").fetchall()

    assert {label for (label,) in found} == {"newest", "other unit", "other evaluator", "other project"}


def test_a_failure_that_is_newer_than_a_verdict_is_current() -> None:
    rows = """(VALUES ('p', 'e', 'u', 1, 'evaluated'), ('p', 'e', 'u', 2, 'errored'))
        AS t(project, evaluator, unit_id, evaluated_at, outcome)"""

    assert duckdb.sql(f"SELECT outcome FROM ({current_results(rows)})").fetchall() == [("errored",)]
