"""Runs Python in processes of their own: locked, as root or an ordinary user, on poorer hosts than this one.

A poorer host is this one under a filter of system calls that refuses what such a host refuses.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from evals_pipeline.sandbox import policy

REPOSITORY = Path(__file__).parents[2]
AS_SOMEBODY: dict[str, Any] = {"user": 12_345, "group": 12_345, "extra_groups": []}  # a user that nobody is

PREAMBLE = """
import errno, json, os, sys
sys.path[:0] = {paths}
from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox import folders, landlock, lock, namespaces, policy, probe, seccomp, syscalls, zones

def refuse(*names):
    syscalls.prctl(38, 1)  # no_new_privs
    checks = [((0x15, 0, 1, syscalls.number(name)), (6, 0, 0, 0x50000 | errno.EPERM)) for name in names]
    seccomp.load([(0x20, 0, 0, 0), *(step for check in checks for step in check), (6, 0, 0, seccomp.ALLOW)])

def tell(**facts):
    os.write(1, json.dumps(facts).encode())

def attempt(act):
    try:
        return act()
    except BaseException as error:
        return type(error).__name__
"""

WORKER = """
{before}
probed = probe.best(search_path=sys.path, **{how})
cage = lock.enter(probed.layers)
server = os.getpid()
worker = os.fork()
if worker == 0:
    lock.lock_worker(cage, parent=server, memory_mb=256)
{body}
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) & 0xFF)
"""


def run(script: str, *, as_user: bool = False) -> subprocess.CompletedProcess[str]:
    """A script after `PREAMBLE` in the environment of a fork server; `tell` writes to its stdout."""
    user = AS_SOMEBODY if as_user and os.geteuid() == 0 else {}
    paths = [str(REPOSITORY), *(path for path in sys.path if path.endswith("site-packages"))]
    command = [interpreter(as_user=as_user), *policy.INTERPRETER_OPTIONS, "-c", PREAMBLE.format(paths=paths) + script]
    environment = {**policy.ENVIRONMENT, "SECRET": "hunter2"}
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=120, **user)


def told(script: str, *, as_user: bool = False) -> dict[str, Any]:
    """What a script tells; skips where this host cannot do what is tried."""
    done = run(script, as_user=as_user)
    for line in done.stderr.splitlines():
        if "does not work here" in line:
            pytest.skip(line)
    assert done.stdout, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def in_a_worker(body: str, *, before: str = "", as_user: bool = False, **how: Any) -> dict[str, Any]:
    """What `body` tells from inside a locked worker; `how` goes to `probe.best`, `before` runs in the fork server."""
    script = WORKER.format(before=dedent(before), body=indent(dedent(body), "    "), how=how)
    return told(script, as_user=as_user)


def on_a_host_without(calls: Collection[str], script: str, *, as_user: bool = False) -> dict[str, Any]:
    """What a script tells where these system calls are refused."""
    return told((f"refuse(*{sorted(calls)})\n" if calls else "") + dedent(script), as_user=as_user)


@cache
def interpreter(*, as_user: bool = False) -> str:
    """This Python, or for an ordinary user one that it can run."""
    if not as_user or os.geteuid() != 0:
        return sys.executable
    check = (
        f"import sys; sys.path[:0] = [{str(REPOSITORY)!r}]; import evals_pipeline; assert sys.version_info >= (3, 11)"
    )
    for candidate in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run([candidate, "-I", "-c", check], cwd="/", capture_output=True, check=True, **AS_SOMEBODY)
            return candidate
    pytest.skip("no Python of at least 3.11 that an ordinary user can run")
