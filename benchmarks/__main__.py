"""`python -m benchmarks [NAME] [--spans N] [--quick] [--slow-peer]`: all benchmarks, those of the judges, or one."""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Callable

from benchmarks import (
    code_checks,
    custom_code,
    idle_runs,
    judge_corridor,
    judge_cpu,
    judge_fairness,
    judge_limits,
    judge_memory,
    judge_pace,
    judge_phoenix,
    judge_quota,
    judge_refusals,
    memory,
)
from benchmarks.judge_mock import MOCK
from benchmarks.meter import machine, spinning_ns

Benchmark = Callable[..., None]

CHECKS: dict[str, Benchmark] = {"code_checks": code_checks.main, "memory": memory.main, "idle_runs": idle_runs.main}

JUDGES: dict[str, Benchmark] = {
    "judge_pace": judge_pace.main,
    "judge_cpu": judge_cpu.main,
    "judge_phoenix": judge_phoenix.main,
    "judge_corridor": judge_corridor.main,
    "judge_limits": judge_limits.main,
    "judge_refusals": judge_refusals.main,
    "judge_quota": judge_quota.main,
    "judge_memory": judge_memory.main,
    "judge_fairness": judge_fairness.main,
}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*CHECKS, "custom_code", "judges", *JUDGES])
    parser.add_argument("--spans", type=int, help="size of the largest data set of spans")
    parser.add_argument("--quick", action="store_true", help="a short look at the judges and at custom code")
    parser.add_argument("--slow-peer", action="store_true", help="measure the peer under refusals again, for minutes")
    asked = parser.parse_args()
    print(f"{machine()}; a turn of a plain loop takes {spinning_ns():.0f} ns")
    for name, run in _chosen(asked).items():
        print(f"\n{name}: {run.func.__doc__} (load {os.getloadavg()[0]:.1f})", flush=True)
        run()


def _chosen(asked: argparse.Namespace) -> dict[str, functools.partial[None]]:
    """Name -> benchmark with its options."""
    spans = {"spans": asked.spans} if asked.spans else {}
    runs = {name: functools.partial(run, **spans) for name, run in CHECKS.items()}
    runs["custom_code"] = functools.partial(custom_code.main, quick=asked.quick)
    for name, run in JUDGES.items():
        more = {"with_slow_peer": True} if asked.slow_peer and name == "judge_refusals" else {}
        runs[name] = functools.partial(run, quick=asked.quick, **more)
    if asked.name is None:
        if not MOCK.is_file():
            print(f"judges not measured: there is no {MOCK.name} in {MOCK.parent}, beside the repository")
        return {name: run for name, run in runs.items() if name not in JUDGES or MOCK.is_file()}
    wanted = JUDGES if asked.name == "judges" else [asked.name]
    return {name: runs[name] for name in wanted}


if __name__ == "__main__":
    main()
