"""Starts a program as a host does that allows less: run by another interpreter in place of the real one.

Arguments: the names of `DENIALS`, separated by commas, then the program and its arguments.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

CALLS = {  # x86-64, aarch64
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone3": (435, 435),
    "mount": (165, 40),
    "pivot_root": (155, 41),
    "mount_setattr": (442, 442),
    "landlock_create_ruleset": (444, 444),
    "seccomp": (317, 277),
}
DENIALS = {
    "namespaces": {"unshare": errno.EPERM, "setns": errno.EPERM, "clone3": errno.ENOSYS},
    # What Ubuntu 24.04 does: a user namespace may be made, and then nothing in it.
    "mounts": {"mount": errno.EPERM, "pivot_root": errno.EPERM, "mount_setattr": errno.EPERM},
    "landlock": {"landlock_create_ruleset": errno.ENOSYS},
    "seccomp": {"seccomp": errno.ENOSYS},
    "capabilities": {},
}
# Those of a container: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw,
# sys_chroot, mknod, audit_write and setfcap.
OF_CONTAINERS = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}
LOAD, IF_EQUAL, ANSWER, ALLOW, ERROR = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 22, 24, 38


class Program(ctypes.Structure):
    """Of the kernel's `sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def main() -> None:
    names, *command = sys.argv[1:]
    denied = {call: code for name in names.split(",") for call, code in DENIALS[name].items()}
    if "capabilities" in names:
        for capability in set(range(64)) - OF_CONTAINERS:
            prctl(PR_CAPBSET_DROP, capability)
    if os.getuid():
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    if denied:
        deny(denied)
    os.execv(command[0], command)


def deny(calls: dict[str, int]) -> None:
    column = ("x86_64", "aarch64").index(platform.machine())
    steps = [(LOAD, 0, 0, 0)]
    for name, code in calls.items():
        steps += [(IF_EQUAL, 0, 1, CALLS[name][column]), (ANSWER, 0, 0, ERROR | code)]
    packed = b"".join(struct.pack("<HBBI", *step) for step in [*steps, (ANSWER, 0, 0, ALLOW)])
    program = Program(len(packed) // 8, packed)
    if prctl(PR_SET_SECCOMP, 2, ctypes.byref(program)):
        raise OSError(ctypes.get_errno(), "the host cannot be made poorer")


def prctl(option: int, first: int, second: object = 0) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.prctl(option, ctypes.c_ulong(first), second, 0, 0))


if __name__ == "__main__":
    main()
