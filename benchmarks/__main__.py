"""`python -m benchmarks [NAME] [--spans N]`: all benchmarks, or one."""

from __future__ import annotations

import argparse

from benchmarks import code_checks, idle_runs, memory
from benchmarks.meter import machine, spinning_ns

BENCHMARKS = {"code_checks": code_checks.main, "memory": memory.main, "idle_runs": idle_runs.main}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(BENCHMARKS))
    parser.add_argument("--spans", type=int, help="size of the largest data set")
    asked = parser.parse_args()
    print(f"{machine()}; a turn of a plain loop takes {spinning_ns():.0f} ns")
    for name, run in BENCHMARKS.items():
        if asked.name in (None, name):
            print(f"\n{name}: {run.__doc__}")
            run(**({"spans": asked.spans} if asked.spans else {}))


if __name__ == "__main__":
    main()
