"""Wall time, CPU time and memory of a block or of a child process, and what machine this is."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Any


class Meter:
    """Wall and CPU seconds of a block; CPU counts all threads of this process and its finished children."""

    wall: float
    cpu: float

    def __enter__(self) -> Meter:
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wall, self.cpu = time.perf_counter() - self._wall, _cpu_seconds() - self._cpu


@dataclass(frozen=True, slots=True)
class Child:
    """What a child process reported (its last line, JSON) and what it cost."""

    report: dict[str, Any]
    wall: float
    peak_mib: float


def run_child(*arguments: str, python: str = sys.executable, env: dict[str, str] | None = None) -> Child:
    """Run `python *arguments`; its last line of output is its report, its peak memory is the system's own account."""
    began = time.perf_counter()
    process = subprocess.Popen([python, *arguments], stdout=subprocess.PIPE, env={**os.environ, **(env or {})})
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed with {process.returncode}")
    report = json.loads(output.decode().strip().splitlines()[-1])
    return Child(report, time.perf_counter() - began, usage.ru_maxrss / 1024)


def machine() -> str:
    """One line: cores, load, Python and the versions that matter."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "deltalake", "pyarrow", "dagster"))
    host = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.machine()}"
    return f"{host}, Python {platform.python_version()}, {packages}"


def spinning_ns() -> float:
    """CPU nanoseconds of one turn of a plain loop just now: says how slowed the machine is."""
    began = time.process_time()
    total = 0
    for number in range(1_000_000):
        total += number
    return (time.process_time() - began) * 1000


def show(title: str, **figures: object) -> None:
    """Print one line of figures."""
    told = ", ".join(f"{name} {_told(value)}" for name, value in figures.items())
    print(f"{title}: {told}", flush=True)


def _told(value: object) -> str:
    return (
        f"{value:,.3g}"
        if isinstance(value, float) and value < 1000
        else f"{value:,.0f}"
        if isinstance(value, float)
        else str(value)
    )


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
