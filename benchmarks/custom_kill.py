"""A pipeline with three workers that never come to an end: to be killed, and looked at what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa

from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.program import Limits, Program
from evals_pipeline.sandbox.settings import SandboxSettings

WORKERS = 3
HANGING = Program(
    "from evals_pipeline import CodeEvaluator, EvaluationResult\n\n\n"
    "class Hangs(CodeEvaluator):\n"
    "    def evaluate(self, *, text=None, **kwargs):\n"
    "        while text == 'hang':\n"
    "            pass\n"
    "        return EvaluationResult(1.0)\n",
    "evaluators/hangs.py",
    "Hangs",
    variables={"text": "text"},
)


def seconds_until_nothing_is_left(tier: int) -> tuple[int, float]:
    """How many processes a pipeline had made when it was killed with SIGKILL, and how long the last one lived on."""
    pipeline = subprocess.Popen([sys.executable, "-m", "benchmarks.custom_kill", str(tier)], stdout=subprocess.PIPE)
    assert pipeline.stdout is not None
    pipeline.stdout.readline()
    while len(made := _descendants(pipeline.pid)) < WORKERS + 1:
        time.sleep(0.05)
    time.sleep(1)
    began = time.perf_counter()
    pipeline.send_signal(signal.SIGKILL)
    while any(_lives(each) for each in made):
        time.sleep(0.001)
    seconds = time.perf_counter() - began
    pipeline.wait()
    pipeline.stdout.close()
    return len(made), seconds


def _lives(process: int) -> bool:
    """Whether it is there and more than an entry that its new parent has not taken note of yet."""
    try:
        return Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _descendants(process: int) -> set[int]:
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
    found: set[int] = set()
    while more := {each for each, parent in parents.items() if parent in {process, *found}} - found:
        found |= more
    return found


def main() -> None:
    """Hang, until killed."""
    sandbox = Sandbox.start(SandboxSettings(), tier=int(sys.argv[1]))
    rows = pa.record_batch({"text": ["hang"]})
    for _ in range(WORKERS):
        session = sandbox.session(HANGING, Limits(row_seconds=600))
        threading.Thread(target=session.evaluate, args=(rows,), daemon=True).start()
    print("ready", flush=True)
    time.sleep(600)
    os.abort()


if __name__ == "__main__":
    main()
