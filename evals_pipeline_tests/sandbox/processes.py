"""Which processes a sandbox has: its fork server is started with a folder of the test on its path."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest

from evals_pipeline.sandbox.parent import Host
from evals_pipeline.sandbox.settings import PACKAGES


def marked(folder: Path) -> Host:
    """This process's host, recognizable by a folder."""
    host = Host.of_this_process(PACKAGES)
    return replace(host, paths=(*host.paths, str(folder)))


def processes_of(folder: Path) -> list[int]:
    """Processes that live and name the folder in their arguments; a worker has those of its fork server."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("looks for processes in /proc, which Linux has")
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and _names(each, folder)]


def _names(process: Path, folder: Path) -> bool:
    try:
        is_named = bytes(folder) in (process / "cmdline").read_bytes().split(b"\0")
        return is_named and (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # gone meanwhile
        return False


def comes_true(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether it comes true in time."""
    deadline = monotonic() + seconds
    while not (is_true := condition()) and monotonic() < deadline:
        sleep(0.01)
    return is_true


@contextmanager
def few_descriptors(spare: int) -> Iterator[None]:
    """Let this process open so many descriptors more; afterwards sees that it has no more than before."""
    before = _next_descriptor()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert _next_descriptor() == before


def _next_descriptor() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    return reader
