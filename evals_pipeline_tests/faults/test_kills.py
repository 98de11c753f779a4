"""`kill -9` of a run at random moments, and at the worst ones."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline_tests.builders import deliver, project_folder, span, walk
from evals_pipeline_tests.faults.processes import (
    POINTS,
    TWO_CHECKS,
    Child,
    Point,
    assert_exactly_once,
    seconds_of_a_run,
)

pytestmark = pytest.mark.faults


def deliver_more(folder: Path, number: int) -> tuple[set[str], set[str]]:
    """A new file with three new spans, one of them not admitted, and one span of the file before once more."""
    kinds = {f"{number}a": "LLM", f"{number}b": "LLM", f"{number}c": "TOOL"}
    again = [span(f"{number - 1}a")] if number else []
    deliver(folder, f"file{number:05}", again + [span(id_, **{c.SPAN_KIND: kind}) for id_, kind in kinds.items()])
    return set(kinds), {id_ for id_, kind in kinds.items() if kind == "LLM"}


@pytest.mark.timeout(3000)
def test_runs_killed_at_random_moments_leave_nothing_missing_and_nothing_double(tmp_path, fault_rounds) -> None:
    folder = project_folder(tmp_path, format=TWO_CHECKS)
    delivered, admitted = deliver_more(folder, 0)
    duration = seconds_of_a_run(folder, "undisturbed")
    kills = rounds = 0

    while kills < fault_rounds:
        rounds += 1
        more = deliver_more(folder, rounds)
        delivered, admitted = delivered | more[0], admitted | more[1]
        kills += Child(folder, f"killed{rounds}").kill_after(random.uniform(0, duration))
        if rounds % 25 == 0:
            duration = seconds_of_a_run(folder, f"undisturbed{rounds}")
    walk(folder, run_id="last")

    assert_exactly_once(folder, delivered, admitted)
    assert walk(folder, run_id="after").evaluated.rows == 0


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_run_killed_at_the_worst_moment_is_completed_by_the_next(tmp_path: Path, point: Point) -> None:
    folder = project_folder(tmp_path, format=TWO_CHECKS)
    delivered, admitted = deliver_more(folder, 0)

    code = Child(folder, "killed", dies=point).wait()
    more = deliver_more(folder, 1)
    walk(folder, run_id="next")

    assert code == -9
    assert_exactly_once(folder, delivered | more[0], admitted | more[1])


@pytest.mark.parametrize("point", POINTS[4:], ids=str)
def test_a_run_killed_and_started_again_under_its_own_id_counts_every_candidate_once(
    tmp_path: Path, point: Point
) -> None:
    folder = project_folder(tmp_path, format=TWO_CHECKS)
    delivered, admitted = deliver_more(folder, 0)

    code = Child(folder, "same", dies=point).wait()
    walk(folder, run_id="same")

    assert code == -9
    assert_exactly_once(folder, delivered, admitted)
