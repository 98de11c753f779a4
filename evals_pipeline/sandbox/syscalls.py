"""The numbers of system calls, and how to make those that Python offers no function for.

A new processor architecture is a new column here; everything else of the sandbox goes by names.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from functools import cache

AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What the kernel calls an architecture where it hands a system call to a filter (linux/audit.h)."""

# name: (x86_64, aarch64), from asm/unistd_64.h and asm-generic/unistd.h. None: the architecture has no such call.
# The numbers of aarch64 come from the same headers but have never been run.
NUMBERS: dict[str, tuple[int, int | None]] = {
    "access": (21, None),
    "alarm": (37, None),
    "brk": (12, 214),
    "capset": (126, 91),
    "clock_getres": (229, 114),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "clone": (56, 220),
    "clone3": (435, 435),
    "close": (3, 57),
    "close_range": (436, 436),
    "dup": (32, 23),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "fcntl": (72, 25),
    "fstat": (5, 80),
    "futex": (202, 98),
    "getcpu": (309, 168),
    "getcwd": (79, 17),
    "getdents64": (217, 61),
    "getegid": (108, 177),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getitimer": (36, 102),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getrandom": (318, 278),
    "getrlimit": (97, 163),
    "getrusage": (98, 165),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "getuid": (102, 174),
    "ioctl": (16, 29),
    "kill": (62, 129),
    "landlock_add_rule": (445, 445),
    "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446),
    "lseek": (8, 62),
    "lstat": (6, None),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "nanosleep": (35, 101),
    "newfstatat": (262, 79),
    "open": (2, None),
    "openat": (257, 56),
    "pivot_root": (155, 41),
    "poll": (7, None),
    "ppoll": (271, 73),
    "prctl": (157, 167),
    "pread64": (17, 67),
    "prlimit64": (302, 261),
    "pselect6": (270, 72),
    "read": (0, 63),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "readv": (19, 65),
    "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "seccomp": (317, 277),
    "select": (23, None),
    "setitimer": (38, 103),
    "sigaltstack": (131, 132),
    "stat": (4, None),
    "statx": (332, 291),
    "sysinfo": (99, 179),
    "tgkill": (234, 131),
    "time": (201, None),
    "times": (100, 153),
    "umount2": (166, 39),
    "uname": (63, 160),
    "unshare": (272, 97),
    "write": (1, 64),
    "writev": (20, 66),
}

Argument = int | bytes | ctypes.Array[ctypes.c_char] | ctypes.Structure | None


def machine() -> str:
    """The processor architecture as `uname -m` spells it."""
    return platform.machine()


def is_known_machine() -> bool:
    """Whether this architecture has a column here; without one nothing can be filtered."""
    is_64_bit = sys.maxsize > 2**32  # a 32-bit Python under a 64-bit kernel uses other numbers
    return machine() in AUDIT_ARCHITECTURES and is_64_bit


def number(name: str, architecture: str = "") -> int | None:
    """The number of the call on `architecture` (this machine's unless told); None where it has no such call."""
    column = list(AUDIT_ARCHITECTURES).index(architecture or machine())
    return NUMBERS[name][column]


def call(name: str, *arguments: Argument) -> int:
    """Make a system call; buffers go as pointers. Raises OSError naming the call."""
    number_of_call = number(name)
    if number_of_call is None:
        raise OSError(errno.ENOSYS, f"{name}: there is no such call on {machine()}")
    result = int(_libc().syscall(ctypes.c_long(number_of_call), *map(_as_argument, arguments)))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def prctl(option: int, value: int = 0) -> None:
    """Set an attribute of this process, with unused arguments 0 as newer options demand."""
    call("prctl", option, value, 0, 0, 0)


def close_from(first: int) -> None:
    """Close all descriptors from `first` on.

    Python's own way tries every number up to the limit where it was built for an older C library, and in some
    containers the limit is a billion.
    """
    try:
        if sys.platform != "linux" or not is_known_machine():
            raise OSError(errno.ENOSYS, "close_range is Linux's")
        call("close_range", first, 2**32 - 1, 0)
    except OSError:  # also before Linux 5.9
        os.closerange(first, os.sysconf("SC_OPEN_MAX"))


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _as_argument(value: Argument) -> object:
    if value is None or isinstance(value, int):
        return ctypes.c_long(value or 0)
    if isinstance(value, bytes):
        return ctypes.c_char_p(value)
    return ctypes.byref(value)
