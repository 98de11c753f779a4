"""What every attack brings along: the text of this module stands before the attack in the evaluator that is run.

Attacks may use all its names, and what their own module imports with `import x`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import socket
from types import SimpleNamespace

NOT_PERMITTED = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})
"""What a filter of system calls says."""

REFUSALS = NOT_PERMITTED | {
    errno.ENOENT,  # no such path in the private root
    errno.ESRCH,  # no such process in the private pid namespace
    errno.ENOTTY,  # every ioctl
    errno.EROFS,
    errno.ENOMEM,
    errno.EMFILE,
}
"""What a wall says. With any other error the kernel has looked at the arguments: the attack has reached it."""

# x86-64 and aarch64; None where there is no such call. All others go by their name in the C library.
NUMBERS = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "execveat": (322, 281),
    "fcntl": (72, 25),
    "finit_module": (313, 273),
    "fork": (57, None),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "futex": (202, 98),
    "futex_requeue": (456, 456),
    "futex_waitv": (449, 449),
    "get_robust_list": (274, 100),
    "getpid": (39, 172),
    "init_module": (175, 105),
    "io_setup": (206, 0),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "kill": (62, 129),
    "landlock_create_ruleset": (444, 444),
    "lookup_dcookie": (212, 18),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "openat": (257, 56),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "pkey_mprotect": (329, 288),
    "prlimit64": (302, 261),
    "process_madvise": (440, 440),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "remap_file_pages": (216, 234),
    "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setattr": (314, 274),
    "seccomp": (317, 277),
    "set_mempolicy": (238, 237),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "socket": (41, 198),
    "swapoff": (168, 225),
    "syslog": (103, 116),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "userfaultfd": (323, 282),
    "vfork": (58, None),
    "vmsplice": (316, 75),
}
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


class Notes:
    """What an attack tried and what came of it, kept in its log and, if it lives to give one, in its result.

    A step has `worked`, was `refused` by a wall, has `reached` the kernel, which knew better, is `broken` when it
    failed for a reason of its own, or was just `seen`.
    """

    def __init__(self) -> None:
        self.steps: list[list[str]] = []

    def attempt(self, what, deed, *arguments, **named):
        """Do what must not work; None when it did not."""
        return self._try(REFUSALS, what, deed, arguments, named)

    def probe(self, what, deed, *arguments, **named):
        """Make a system call with senseless arguments: whatever the kernel says of those, it was asked."""
        return self._try(NOT_PERMITTED, what, deed, arguments, named)

    def _try(self, refusals, what, deed, arguments, named):
        try:
            got = deed(*arguments, **named)
        except Exception as error:  # noqa: BLE001  # every failure is judged
            self.add(what, judge(error, refusals), f"{type(error).__name__}: {error}")
            return None
        self.add(what, "worked", repr(got))
        return got

    def see(self, what, value=""):
        """Keep something that is no breach by itself, but may hold a secret."""
        self.add(what, "seen", str(value))

    def end(self, what):
        """The last step before something that does not return."""
        self.add(what, "end", "")

    def add(self, what, verdict, evidence):
        self.steps.append([str(what)[:80], verdict, evidence[:160]])
        try:
            os.write(1, f"@step {json.dumps(self.steps[-1])}\n".encode())
        except OSError:
            return  # attacks on descriptors may have closed it

    def report(self) -> str:
        worst_first = sorted(
            self.steps, key=lambda step: ("worked", "reached", "broken", "seen", "end", "refused").index(step[1])
        )
        return json.dumps([*worst_first[:60], ["the end", "end", f"{len(self.steps)} steps"]])[:9_900]


def judge(error, refusals) -> str:
    while getattr(error, "reason", None) and isinstance(error.reason, OSError):
        error = error.reason  # of urllib
    if isinstance(error, (socket.gaierror, TimeoutError, MemoryError)):
        return "refused"
    if isinstance(error, OSError) and error.errno is not None:
        return "refused" if error.errno in refusals else "worked" if refusals is NOT_PERMITTED else "reached"
    if isinstance(error, ImportError) and is_sealed():
        return "refused"  # what is not there yet cannot be loaded
    says_no = type(error).__name__ in ("RuntimeError", "OperationalError") or "not allowed" in str(error)
    return "refused" if says_no or isinstance(error, OSError) else "broken"


def is_sealed() -> bool:
    try:
        os.listdir(os.path.dirname(os.__file__))  # noqa: PTH120, PTH208
    except PermissionError:
        return True
    return False


def native(name, *arguments):
    """Call a function of the C library; -1 becomes an OSError."""
    return checked(name, getattr(libc, name)(*map(as_argument, arguments)))


def call(name, *arguments):
    """Make a system call by its number; -1 becomes an OSError."""
    number = NUMBERS[name][("x86_64", "aarch64").index(platform.machine())]
    if number is None:
        raise OSError(errno.ENOSYS, f"{name}: no such call on {platform.machine()}")
    return checked(name, libc.syscall(ctypes.c_long(number), *map(as_argument, arguments)))


def checked(name, result):
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def as_argument(value):
    return ctypes.c_long(value) if isinstance(value, int) else value


def read(path, mode="r"):
    """The beginning of a file."""
    with open(path, mode) as file:  # noqa: PTH123  # as short as an attacker writes it
        return file.read(4_000)


def aims(text) -> SimpleNamespace:
    """What an attack aims at, as the host described it."""
    return json.loads(text, object_hook=lambda fields: SimpleNamespace(**fields))
