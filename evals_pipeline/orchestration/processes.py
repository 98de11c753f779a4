"""Which process works on a run, so that a run whose process is gone can be told from one that is busy.

Dagster's local launcher does not look; a killed run would stay `STARTED` for good, with its pool slots. Deals with
processes of this machine only: those of a fleet are watched by their launcher.
"""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

import dagster as dg
from sqlalchemy.exc import IntegrityError

PROCESS_TAG = "evals/process"

UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
"""A run that others wait for."""

MESSAGE = "The process of this run is gone: it was killed, or its machine was restarted."


def process_tag() -> dict[str, str]:
    """The tag that says that this process works on a run."""
    return {PROCESS_TAG: _identity(os.getpid())}


def mark_process(context: dg.AssetExecutionContext) -> None:
    """Tag the run with this process; a run launched by the daemon is only then known to be ours to watch."""
    mine = process_tag()
    if context.run.tags.get(PROCESS_TAG) != mine[PROCESS_TAG]:
        context.instance.add_run_tags(context.run.run_id, mine)


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report runs whose process on this machine is gone as failed, free what they hold, and return their ids."""
    active = instance.get_runs(filters=dg.RunsFilter(statuses=list(UNFINISHED)))
    dead = [run for run in active if _is_gone(run.tags.get(PROCESS_TAG, ""))]
    for run in dead:
        instance.report_run_failed(run, MESSAGE)
    held = instance.event_log_storage.get_concurrency_run_ids()
    for run_id in held & {run.run_id for run in dead}:
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    return [run.run_id for run in dead]


def limit_pools(instance: dg.DagsterInstance, pools: set[str]) -> None:
    """Let each pool hold one step at a time, unless somebody has chosen a limit for it already.

    A pool that only has the instance's default is not limited when it is seen for the first time.
    """
    storage = instance.event_log_storage
    chosen = {limit.name for limit in storage.get_pool_limits() if not limit.from_default}
    for pool in sorted(pools - chosen):
        with suppress(IntegrityError):  # another process has limited it at this very moment
            storage.set_concurrency_slots(pool, 1)


def _is_gone(tag: str) -> bool:
    machine, _, rest = tag.partition("/")
    number, _, _ = rest.partition("/")
    return machine == _machine() and number.isdigit() and _identity(int(number)) != tag


def _identity(number: int) -> str:
    """Machine, number and start of a process. Numbers are given out again; a start time tells two owners apart."""
    return f"{_machine()}/{number}/{_started(number)}"


@cache
def _machine() -> str:
    return platform.node().replace("/", "_") or "localhost"


def _started(number: int) -> str:
    stat = Path(f"/proc/{number}/stat")
    if Path("/proc/self/stat").exists():
        try:
            state, *fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return "gone"
        return "gone" if state in "ZX" else fields[18]  # field 22 of proc(5): clock ticks since boot
    listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(number)], capture_output=True, text=True, check=False)
    return "-".join(listed.stdout.split()) or "gone"
