"""Namespaces of its own for this process, and a root folder in which nothing is but the readable folders.

Root does it by its own rights; others through a user namespace, which some systems forbid (Docker's default profile,
Ubuntu 24.04) or allow and then refuse everything inside: only a trial of the whole sequence tells.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from evals_pipeline.sandbox import syscalls

NOBODY = 65_534

_NEW_MOUNTS, _NEW_UTS, _NEW_IPC = 0x20000, 0x4000000, 0x8000000
_NEW_USER, _NEW_PIDS, _NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
_OWN = _NEW_MOUNTS | _NEW_PIDS | _NEW_NETWORK | _NEW_IPC | _NEW_UTS

_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXECUTION = 1, 2, 4, 8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 32, 4_096, 16_384, 1 << 18
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_DETACH = 2

_STAGE = Path("/tmp")  # covered by a new file system in our own namespace; the host's is untouched


def unshare() -> str:
    """Leave the host's namespaces; returns by whose rights, `root` or `user`. Raises OSError.

    The process ids change for children only: the next one to be forked is number 1 of the new namespace.
    """
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        try:
            syscalls.call("unshare", _OWN)
        except PermissionError:  # root in a container without CAP_SYS_ADMIN: go the way of everybody else
            pass
        else:
            return "root"
    syscalls.call("unshare", _NEW_USER | _OWN)
    # The kernel demands this order: who gives up setgroups may map its own group.
    for name, text in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {user} 1"), ("gid_map", f"{NOBODY} {group} 1")):
        _map(name, text)
    return "user"


def _map(name: str, text: str) -> None:
    try:
        Path("/proc/self", name).write_text(text)
    except OSError as error:  # a refused write does not say of what
        raise OSError(error.errno, f"{name}: {error.strerror}") from error


def replace_root(folders: Sequence[str]) -> None:
    """Make `/` a read-only folder that holds `folders` at their places, read-only too, and nothing else.

    Two changes of root, as bubblewrap does it: the first brings the host's files under `/old`, where the folders can be
    bound from, and the second leaves them behind. Raises OSError.
    """
    real = {Path(folder): Path(os.path.realpath(folder)) for folder in folders}  # while the host's links still lead
    os.umask(0o022)  # the folders made on the way are walked through by nobody
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)  # or our mounts would show on the host
    _mount("tmpfs", str(_STAGE), "tmpfs", _NO_SUID | _NO_DEVICES, "size=1m,mode=0755")
    _enter_root(_STAGE, "old")
    new = Path("/new")
    new.mkdir()
    _mount("tmpfs", str(new), "tmpfs", _NO_SUID | _NO_DEVICES | _NO_EXECUTION, "size=1m,mode=0755")
    for place in _outermost(real.values()):
        _bind(Path("/old"), new, place)
    for place, target in real.items():
        _link(new, place, target)
    _enter_root(new, "left")
    syscalls.call("umount2", b"/left", _DETACH)
    Path("/left").rmdir()
    _mount(None, "/", None, _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES | _NO_EXECUTION)


def _enter_root(new: Path, old: str) -> None:
    """Make `new` the root; what was the root becomes the folder `old` in it."""
    (new / old).mkdir()
    syscalls.call("pivot_root", os.fsencode(new), os.fsencode(new / old))
    os.chdir("/")


def _outermost(places: Iterable[Path]) -> list[Path]:
    """Without those that lie inside others."""
    wanted = set(places) - {Path("/")}
    return sorted(place for place in wanted if wanted.isdisjoint(place.parents))


def _bind(old: Path, new: Path, place: Path) -> None:
    source, target = old / place.relative_to("/"), new / place.relative_to("/")
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(0o444)
    _mount(str(source), str(target), None, _BIND | _RECURSIVE)
    attributes = struct.pack("<4Q", _READ_ONLY | _NO_SUID | _NO_DEVICES, 0, 0, 0)  # set, clear, propagation, user ns
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    syscalls.call("mount_setattr", _AT_FDCWD, os.fsencode(target), _AT_RECURSIVE, buffer, len(attributes))


def _link(new: Path, place: Path, target: Path) -> None:
    """`/lib64` and the like are links on most systems; paths through them go on working."""
    link = new / place.relative_to("/")
    if target != place and not os.path.lexists(link):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    syscalls.call("mount", texts[0], texts[1], texts[2], flags, texts[3])
