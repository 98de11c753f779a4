"""Puts the layers on a process: some once on the fork server, which all workers inherit, the rest on each worker.

The order matters. Namespaces and the root need rights that are dropped next; no_new_privs must stand before Landlock
and seccomp, which ordinary users may otherwise not use; and seccomp comes last, as it refuses all of the others' calls.
Nothing that a user controls may run before the last line of `lock_worker`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox import landlock, namespaces, policy, seccomp, syscalls

ORPHANED = 71
"""Exit status of a worker whose fork server is gone before it starts."""

_SET_DEATH_SIGNAL, _SET_DUMPABLE, _SET_NO_NEW_PRIVILEGES = 1, 4, 38
_DROP_FROM_BOUNDING_SET = 24
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True, slots=True)
class Layers:
    """What is to confine; the probe finds out what works here.

    Attributes:
        has_namespaces: Namespaces of its own with a root that holds the readable folders only.
        has_landlock: Files closed by Landlock.
        is_sealed: No call that names a path; whatever is needed has been imported.
        is_unsafe: No confinement at all, as the operator decided; only limits and an emptied environment.
        folders: What may be read, unless sealed.
    """

    has_namespaces: bool = False
    has_landlock: bool = False
    is_sealed: bool = False
    is_unsafe: bool = False
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cage:
    """A fork server that has entered confinement; its workers are locked with it.

    Attributes:
        layers: What confines them.
        namespaces: `root` or `user`, by whose rights there are namespaces; empty without.
        base_bytes: Address space of the fork server, which its workers start with; 0 where it is not known.
    """

    layers: Layers
    namespaces: str
    base_bytes: int


def enter(layers: Layers) -> Cage:
    """Confine the fork server; call it once, with everything imported and a single thread.

    With namespaces it forks: it returns in a new process only, number 1 of its own process namespace, while the old one
    closes all descriptors from 3, waits and exits with the new one's status.

    Raises:
        SandboxError: There is more than one thread.
        OSError: A layer cannot be put on; what was put on before it stays.
    """
    base_bytes = _address_space()
    if layers.is_unsafe:
        return Cage(layers, "", base_bytes)
    _check_threads()
    _be_first_to_go()
    rights = ""
    if layers.has_namespaces:
        rights = namespaces.unshare()
        _become_first_process()
        namespaces.replace_root(layers.folders)
    _drop_rights()
    if layers.has_namespaces:  # after the change of user, which clears it
        syscalls.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    return Cage(layers, rights, base_bytes)


def lock_worker(cage: Cage, *, parent: int, memory_mb: int) -> None:
    """Lock this process, which was just forked, for good; descriptors that are open stay usable.

    Args:
        cage: What `enter` returned in the fork server.
        parent: Process id of the fork server as it sees it itself; the worker dies with it.
        memory_mb: Address space in MiB in addition to what is inherited.

    Raises:
        OSError: A layer or limit cannot be put on: end the process.
    """
    layers = cage.layers
    _die_with(parent)
    os.setsid()
    os.nice(policy.NICENESS)
    _limit(cage, memory_mb * 2**20)
    if not layers.is_unsafe:
        syscalls.prctl(_SET_DUMPABLE, 0)  # no trace, no memory dump by processes of the same user
        if layers.has_landlock:
            landlock.restrict(() if layers.is_sealed else layers.folders)
        seccomp.load(seccomp.program(os.getpid(), is_sealed=layers.is_sealed))
    _empty_environment()


def _address_space() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 0


def _check_threads() -> None:
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    if threads != 1:
        raise SandboxError(
            f"The fork server has {threads} threads where it may have one: a package starts some when it is imported."
            "\nHint: take out of EVALS_SANDBOX_PACKAGES what was added last"
        )


def _be_first_to_go() -> None:
    with contextlib.suppress(OSError):  # a container may forbid it: memory is limited all the same
        Path("/proc/self/oom_score_adj").write_text(str(policy.OOM_SCORE))


def _become_first_process() -> None:
    child = os.fork()
    if not child:
        return
    syscalls.close_from(3)  # or the parent would wait for an end in vain
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _drop_rights() -> None:
    """No capability now, and no way to one."""
    with contextlib.suppress(OSError):  # ends at the first number the kernel does not know, or without CAP_SETPCAP
        for capability in range(64):
            syscalls.prctl(_DROP_FROM_BOUNDING_SET, capability)
    if os.geteuid() == 0:
        _become_nobody()
    header, none = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    syscalls.call("capset", ctypes.create_string_buffer(header, 8), ctypes.create_string_buffer(none, 24))
    syscalls.prctl(_SET_NO_NEW_PRIVILEGES, 1)


def _become_nobody() -> None:
    nobody = namespaces.NOBODY
    # Each on its own: a user namespace may refuse one of them, and root without CAP_SETUID has no rights to lose.
    with contextlib.suppress(PermissionError):
        os.setgroups([])
    with contextlib.suppress(PermissionError):
        os.setresgid(nobody, nobody, nobody)
    with contextlib.suppress(PermissionError):
        os.setresuid(nobody, nobody, nobody)


def _die_with(parent: int) -> None:
    if sys.platform == "linux" and syscalls.is_known_machine():
        syscalls.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(ORPHANED)


def _limit(cage: Cage, memory: int) -> None:
    for limit in policy.LIMITS:
        _set_limit(limit.name, limit.value, is_required=not cage.layers.is_unsafe)
    if cage.base_bytes:
        _set_limit("RLIMIT_AS", cage.base_bytes + memory, is_required=not cage.layers.is_unsafe)


def _set_limit(name: str, value: int, *, is_required: bool) -> None:
    """Soft and hard, never above what the hard limit is already."""
    try:
        kind: int = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bounded, bounded))
    except (AttributeError, ValueError, OSError):  # unconfined workers also run on systems with fewer limits
        if is_required:
            raise


def _empty_environment() -> None:
    for name in list(os.environ):
        if not any(fnmatchcase(name, kept) for kept in policy.KEPT_VARIABLES):
            del os.environ[name]
