"""Finds out, by trying, how well custom code can be confined on this host.

Every tier is tried whole, from the first namespace to the last filter, in a child that is thrown away: a kernel or a
container may offer the first step of a layer and refuse its last (Ubuntu 24.04 lets everybody make a user namespace
and then refuses every mount in it).
"""

from __future__ import annotations

import os
import platform
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox import folders, landlock, lock, syscalls
from evals_pipeline.sandbox.report import SandboxReport
from evals_pipeline.sandbox.settings import LOWEST_TIER

_OFF = "Custom evaluators are off: "
_WAYS_OUT = (
    "\nHint: {way}, or set EVALS_SANDBOX=unsafe to run custom evaluators with all rights of this process. "
    "Evaluators that need no sandbox go on working."
)
_NO_SECCOMP_WAY = "use a Linux kernel with CONFIG_SECCOMP_FILTER, or a container whose profile allows seccomp(2)"
_WEAKER_WAY = "allow what is refused, in the container's profile or on the host, or accept a weaker tier"
_NO_LINUX_WAY = "run the pipeline on 64-bit Linux, x86_64 or aarch64, for example in a container"

_WORKS = "works"
_SECCOMP = ": seccomp: "  # how a failure of that call is told (`syscalls.call`)
_TRIAL_MEMORY_MB = 512


@dataclass(frozen=True, slots=True)
class Probed:
    """The tightest confinement that works here.

    Attributes:
        tier: 1 to 3 as in `SandboxReport`; None without confinement.
        layers: For `lock.enter`.
        namespaces: By whose rights they can be made; empty without.
        landlock: Version of Landlock's interface that is used; 0 without.
        reasons: Why it is not tighter.
    """

    tier: int | None
    layers: lock.Layers
    namespaces: str = ""
    landlock: int = 0
    reasons: tuple[str, ...] = ()

    def report(self, packages: Iterable[str] = ()) -> SandboxReport:
        """What is stored with a run; `packages` are what evaluators may import."""
        return SandboxReport(
            tier=self.tier,
            is_sealed=self.layers.is_sealed,
            namespaces=self.namespaces,
            landlock=self.landlock,
            seccomp=self.tier is not None,
            kernel=platform.release(),
            machine=syscalls.machine(),
            packages=tuple(packages),
            reasons=self.reasons,
        )


def best(
    *,
    tier: int | None = None,
    min_tier: int = LOWEST_TIER,
    is_unsafe: bool = False,
    search_path: Iterable[str] = (),
) -> Probed:
    """Try the tiers from the first on; forks, so that it belongs into a small process with a single thread.

    Args:
        tier: Try this one only, without the layers of tighter ones; all where None.
        min_tier: The weakest that will do where `tier` is None.
        is_unsafe: Try nothing, confine nothing.
        search_path: `sys.path` of the workers; its folders of packages stay readable.

    Raises:
        SandboxError: Nothing that will do works here, with the cause and the ways out.
    """
    if is_unsafe:
        return Probed(None, lock.Layers(is_unsafe=True), reasons=("EVALS_SANDBOX=unsafe: nothing is confined",))
    _refuse_foreign_systems()
    version = landlock.version()
    failures: list[str] = []
    for wanted, layers in _candidates(folders.readable(search_path), has_landlock=version > 0):
        if wanted > min_tier if tier is None else wanted != tier:
            continue
        trial = _attempt(layers)
        if not trial.error:
            used = version if layers.has_landlock else 0
            return Probed(wanted, layers, trial.namespaces, used, _reasons(version, failures))
        failures.append(f"tier {wanted}: {trial.error}")
    raise _refusal(tier, min_tier, _reasons(version, failures))


def _refuse_foreign_systems() -> None:
    what = f"{platform.system()} on {syscalls.machine()}"
    if sys.platform != "linux":
        raise SandboxError(f"{_OFF}they can be confined on Linux only, and this is {what}.{_ways(_NO_LINUX_WAY)}")
    if not syscalls.is_known_machine():
        known = ", ".join(syscalls.AUDIT_ARCHITECTURES)
        cause = f"system calls can be filtered on {known} (64 bits), and this is {what}"
        raise SandboxError(f"{_OFF}{cause}.{_ways(_NO_LINUX_WAY)}")


def _candidates(readable: tuple[str, ...], *, has_landlock: bool) -> list[tuple[int, lock.Layers]]:
    """Tier and layers, the tightest first; each tier unsealed before sealed, which lets evaluators import late."""
    first = lock.Layers(has_namespaces=True, has_landlock=has_landlock, folders=readable)
    second = lock.Layers(has_landlock=True, folders=readable)
    found = [(1, first), (1, replace(first, is_sealed=True))]
    if has_landlock:
        found += [(2, second), (2, replace(second, is_sealed=True))]
    return [*found, (3, lock.Layers(is_sealed=True, folders=readable))]


def _reasons(version: int, failures: Sequence[str]) -> tuple[str, ...]:
    """Once each: what forbids a tier forbids it sealed, too."""
    missing = [] if version else ["Landlock is missing, switched off or forbidden here"]
    return tuple(dict.fromkeys([*missing, *failures]))


@dataclass(frozen=True, slots=True)
class _Trial:
    namespaces: str
    error: str


def _attempt(layers: lock.Layers) -> _Trial:
    """Put the layers on in a child as a worker would get them, and see whether they hold and let it read."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _try_and_leave(layers, writer)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answer:
        kind, _, text = answer.read().partition(":")
    os.waitpid(child, 0)
    if kind == _WORKS:
        return _Trial(text, "")
    return _Trial("", text or "the kernel ended the process that tried it")


def _try_and_leave(layers: lock.Layers, writer: int) -> NoReturn:
    try:
        cage = lock.enter(layers)
        lock.lock_worker(cage, parent=os.getppid(), memory_mb=_TRIAL_MEMORY_MB)
        _see_that_it_holds(layers)
        answer = f"{_WORKS}:{cage.namespaces}"
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        answer = f"failed:{place}{error.strerror or error}"
    except BaseException as error:  # noqa: BLE001  # whatever happens, no second fork server may come out of here
        answer = f"failed:{error or type(error).__name__}"
    os.write(writer, answer.encode(errors="replace"))
    os._exit(0)


def _see_that_it_holds(layers: lock.Layers) -> None:
    for place in () if layers.is_sealed else layers.folders:
        try:
            os.close(os.open(place, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            raise SandboxError(f"sealed, as user {os.getuid()} cannot read {place} ({error.strerror})") from error
    try:
        socket.socket(socket.AF_UNIX).close()
    except PermissionError:
        return
    raise SandboxError("the filter of system calls is on, and a socket can be made all the same")


def _refusal(tier: int | None, min_tier: int, reasons: Sequence[str]) -> SandboxError:
    without_seccomp = {reason.partition(_SECCOMP)[2] for reason in reasons} - {""}
    if without_seccomp:
        detail = "; ".join(without_seccomp)
        return SandboxError(f"{_OFF}this host has no seccomp filter (seccomp(2): {detail}).{_ways(_NO_SECCOMP_WAY)}")
    if tier is not None:
        cause = f"tier {tier} was asked for and does not work here"
    elif min_tier < LOWEST_TIER:
        cause = f"EVALS_SANDBOX_MIN_TIER={min_tier} demands more than works here"
    else:
        cause = "no kind of confinement works here"
    return SandboxError(f"{_OFF}{cause} ({'; '.join(reasons)}).{_ways(_WEAKER_WAY)}")


def _ways(way: str) -> str:
    return _WAYS_OUT.format(way=way)
