"""Several runs of the same task and day at once, some of them killed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from evals_pipeline_tests.builders import project_folder, walk
from evals_pipeline_tests.faults.processes import TWO_CHECKS, Child, assert_exactly_once, seconds_of_a_run
from evals_pipeline_tests.faults.test_kills import deliver_more

pytestmark = pytest.mark.faults


@pytest.mark.timeout(3000)
def test_overlapping_runs_judge_every_unit_once_and_none_of_them_fails(tmp_path: Path, fault_rounds: int) -> None:
    folder = project_folder(tmp_path, format=TWO_CHECKS)
    delivered, admitted = deliver_more(folder, 0)
    duration = seconds_of_a_run(folder, "undisturbed")
    codes = []

    for number in range(1, 1 + max(fault_rounds // 6, 1)):
        more = deliver_more(folder, number)
        delivered, admitted = delivered | more[0], admitted | more[1]
        together = [Child(folder, f"run{number}-{position}") for position in range(random.randint(2, 4))]
        if random.random() < 0.6:
            together.pop(random.randrange(len(together))).kill_after(random.uniform(0, duration * 2))
        codes += [child.wait() for child in together]
    walk(folder, run_id="last")

    assert set(codes) == {0}
    assert_exactly_once(folder, delivered, admitted)


def test_the_first_runs_of_all_may_start_at_once(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, format=TWO_CHECKS)
    delivered, admitted = deliver_more(folder, 0)

    together = [Child(folder, f"run{position}") for position in range(4)]
    codes = [child.wait() for child in together]

    assert codes == [0, 0, 0, 0]
    assert_exactly_once(folder, delivered, admitted)
