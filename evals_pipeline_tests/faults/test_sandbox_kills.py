"""`kill -9` of a run whose custom evaluators are at work: no process is left, and no result is missing or double."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.engine.installation import opened
from evals_pipeline.lake.delta import Lake
from evals_pipeline.ledger.ledger import Ledger
from evals_pipeline_tests.builders import TASK, deliver, project_folder, span, verdicts, walk, write_code
from evals_pipeline_tests.faults.processes import Child, Point, assert_exactly_once

pytestmark = pytest.mark.faults

GONE_SECONDS = 5.0
"""One second is promised; a machine that has other work may take longer to take processes apart."""

SLOW = """
import time

from evals_pipeline import CodeEvaluator, EvaluationResult


class Slow(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        time.sleep({seconds})
        return EvaluationResult(label=output)
"""
BOTH = json.dumps(
    {
        "project": "shop",
        "evaluators": [
            {"evaluator": "slow", "mapping": {"output": c.OUTPUT_VALUE}},
            {"evaluator": "json_parseable", "mapping": {"text": c.OUTPUT_VALUE}},
        ],
    }
)


POINTS = [
    Point(Ledger, "record_sandbox"),
    Point(Ledger, "record_sandbox", is_after=True),
    *(Point(Lake, "write", call, is_after=True) for call in (3, 4)),
    *(Point(Lake, "commit", 3, is_after=after) for after in (False, True)),
]
"""The steps of a run while its sandbox is there."""


def shop(folder: Path, count: int, *, seconds: float = 0.02) -> tuple[Path, set[str]]:
    ids = {f"s{n}" for n in range(count)}
    project_folder(folder, [span(id_, **{c.OUTPUT_VALUE: f"answer {id_}"}) for id_ in ids], **{TASK: BOTH})
    write_code(folder, "slow", SLOW.format(seconds=seconds))
    return folder, ids


def below(pid: int) -> set[int]:
    """The processes that `pid` has made, and those that these have made."""
    numbers = [int(each.name) for each in Path("/proc").glob("[0-9]*")]
    parents = {number: int(fields[1]) for number in numbers if (fields := fields_of(number))}
    found, more = set[int](), {pid}
    while more:
        more = {child for child, parent in parents.items() if parent in more} - found
        found |= more
    return found


def fields_of(pid: int) -> list[str]:
    """What proc(5) says of a process from its state on; nothing where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def are_gone(pids: set[int]) -> bool:
    """Whether none of them runs; who has ended is listed until the first process of the machine has heard of it."""
    return all(fields_of(pid)[:1] in ([], ["Z"], ["X"]) for pid in pids)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not (is_met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return is_met


def is_at_work(folder: Path, pid: int) -> bool:
    """Whether a worker has been made: before the ledger knows the sandbox, its processes are only trials."""
    with opened(folder) as here:
        sandbox = next((run.sandbox for run in here.ledger.runs()), None)
    return sandbox is not None and len(below(pid)) >= (3 if sandbox["namespaces"] else 2)


def test_a_killed_run_leaves_no_process_behind(tmp_path: Path) -> None:
    folder, _ = shop(tmp_path, 4, seconds=3600)
    write_code(folder, "slow", SLOW.format(seconds=3600), "row_seconds: 3600")
    child = Child(folder, "killed")
    pid = child.process.pid or 0
    assert wait_for(lambda: is_at_work(folder, pid))
    confined = below(pid)

    os.kill(pid, signal.SIGKILL)
    child.wait()

    assert wait_for(lambda: are_gone(confined), GONE_SECONDS)


def test_runs_killed_at_random_moments_lose_nothing_and_leave_nothing_double(tmp_path: Path) -> None:
    folder, ids = shop(tmp_path, 40)

    for number in range(6):
        Child(folder, f"killed{number}").kill_after(random.uniform(0.05, 1.5))
        more = {f"more{number}_{n}" for n in range(5)}
        deliver(folder, f"more{number}", [span(id_, **{c.OUTPUT_VALUE: f"answer {id_}"}) for id_ in more])
        ids |= more
    walk(folder, run_id="last")

    assert_exactly_once(folder, ids, ids)
    said = {unit: label for (name, unit), label in verdicts(folder).items() if name == "slow"}
    assert said == {id_: f"answer {id_}" for id_ in ids}


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_run_with_custom_code_killed_at_the_worst_moment_is_completed_by_the_next(
    tmp_path: Path, point: Point
) -> None:
    folder, ids = shop(tmp_path, 6, seconds=0)

    code = Child(folder, "killed", dies=point).wait()
    walk(folder, run_id="next")

    assert code == -signal.SIGKILL
    assert_exactly_once(folder, ids, ids)


def test_a_fork_server_that_dies_fails_the_run_and_the_next_one_takes_up_the_rest(tmp_path: Path) -> None:
    folder, ids = shop(tmp_path, 60, seconds=0.1)
    child = Child(folder, "orphaned")
    pid = child.process.pid or 0
    assert wait_for(lambda: is_at_work(folder, pid))

    for each in below(pid):
        with suppress(ProcessLookupError):  # the end of one is the end of those below it
            os.kill(each, signal.SIGKILL)
    code = child.wait()
    walk(folder, run_id="next")

    assert code == 1
    assert_exactly_once(folder, ids, ids)
