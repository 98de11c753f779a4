import errno
import os

import pytest

from evals_pipeline.sandbox import policy, seccomp, syscalls
from evals_pipeline.sandbox.seccomp import ALLOW, ERROR, KILL

OWN_PID = 4_711
ARCHITECTURES = list(syscalls.AUDIT_ARCHITECTURES)
PERMISSION, ACCESS = ERROR | errno.EPERM, ERROR | errno.EACCES
MINUS_100 = 2**64 - 100  # AT_FDCWD
TIMEOUT = 2**40 + 3  # any address


class Kernel:
    """Interprets a filter as the kernel does, and refuses what the kernel would refuse to load."""

    def __init__(self, architecture: str = "x86_64", *, is_sealed: bool = False) -> None:
        self.architecture = architecture
        self.program = seccomp.program(OWN_PID, is_sealed=is_sealed, architecture=architecture)

    def verdict(self, call: str | int, *arguments: int, convention: int | None = None) -> int:
        number = syscalls.number(call, self.architecture) if isinstance(call, str) else call
        assert number is not None
        data = [number, syscalls.AUDIT_ARCHITECTURES[self.architecture] if convention is None else convention, 0, 0]
        for argument in (*arguments, *(0,) * (6 - len(arguments))):
            data += [argument & 0xFFFFFFFF, argument >> 32 & 0xFFFFFFFF]
        return self.run(data)

    def run(self, data: list[int]) -> int:
        accumulator = position = 0
        while True:
            code, if_true, if_false, operand = self.program[position]
            position += 1
            match code:
                case 0x06:
                    return operand
                case 0x20:
                    accumulator = data[operand // 4]
                case 0x05:
                    position += operand
                case 0x15:
                    position += if_true if accumulator == operand else if_false
                case 0x35:
                    position += if_true if accumulator >= operand else if_false
                case 0x45:
                    position += if_true if accumulator & operand else if_false
                case _:
                    raise AssertionError(f"an instruction the kernel would refuse: {code:#x}")


@pytest.fixture(params=ARCHITECTURES)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return Kernel(request.param)


def names(groups: tuple[policy.Calls, ...], architecture: str) -> list[str]:
    return [name for group in groups for name in group.names if syscalls.number(name, architecture) is not None]


def test_calls_of_the_policy_are_allowed(kernel: Kernel) -> None:
    calls = names((*policy.ALWAYS, *policy.READING_FILES), kernel.architecture)

    assert {call for call in calls if kernel.verdict(call, 2**63, 2**63, 2**63) != ALLOW} == set()


def test_whatever_is_not_in_the_policy_is_an_error_and_never_a_kill(kernel: Kernel) -> None:
    mentioned = {
        number for name in syscalls.NUMBERS if (number := syscalls.number(name, kernel.architecture)) is not None
    }
    locking = ["capset", "mount", "pivot_root", "seccomp", "unshare", "umount2", "mount_setattr"]

    verdicts = {kernel.verdict(number) for number in set(range(1_000)) - mentioned}

    assert verdicts == {PERMISSION}
    assert {kernel.verdict(call) for call in locking} == {PERMISSION}


def test_another_calling_convention_ends_the_process(kernel: Kernel) -> None:
    i386, s390 = 0x40000003, 0x80000016

    assert {kernel.verdict("read", convention=other) for other in (i386, s390, 0)} == {KILL}


def test_x32_calls_end_the_process() -> None:
    assert {Kernel("x86_64").verdict(0x40000000 | number) for number in (0, 1, 59, 520)} == {KILL}


R, W, X = 1, 2, 4
PRIVATE, SHARED, ANONYMOUS = 2, 1, 0x20


@pytest.mark.parametrize(
    ("call", "arguments", "expected"),
    [
        pytest.param("mmap", (0, 4096, R | W, PRIVATE | ANONYMOUS), ALLOW, id="memory"),
        pytest.param("mmap", (0, 4096, R | X, PRIVATE, 5), ALLOW, id="a library's code"),
        pytest.param("mmap", (0, 4096, R | W, PRIVATE, 5), ALLOW, id="a library's data"),
        pytest.param("mmap", (0, 4096, R | W | X, PRIVATE, 5), PERMISSION, id="code that can be written"),
        pytest.param("mmap", (0, 4096, R | X, PRIVATE | ANONYMOUS), PERMISSION, id="code from nowhere"),
        pytest.param("mmap", (0, 4096, W | X, SHARED | ANONYMOUS), PERMISSION, id="both"),
        pytest.param("mmap", (0, 4096, 2**32 | R | X, PRIVATE | ANONYMOUS), PERMISSION, id="with high bits set"),
        pytest.param("mprotect", (0, 4096, R | W), ALLOW, id="memory made writable"),
        pytest.param("mprotect", (0, 4096, R | X), PERMISSION, id="memory made executable"),
        pytest.param("futex", (1, 128 | 0, 2, TIMEOUT), ALLOW, id="wait"),
        pytest.param("futex", (1, 128 | 1, 1), ALLOW, id="wake"),
        pytest.param("futex", (1, 128 | 9 | 256, 1, TIMEOUT), ALLOW, id="wait until, as Python's locks do"),
        pytest.param("futex", (1, 128 | 10, 1), ALLOW, id="wake by bits"),
        pytest.param("futex", (1, 0, 1), PERMISSION, id="wait on memory shared with others"),
        pytest.param("futex", (1, 128 | 3, 1), PERMISSION, id="requeue"),
        pytest.param("futex", (1, 128 | 6, 1), PERMISSION, id="lock with priority inheritance"),
        pytest.param("futex", (1, 128 | 11, 1), PERMISSION, id="wait and requeue with inheritance"),
        pytest.param("futex", (1, 128 | 12, 1), PERMISSION, id="requeue with inheritance"),
        pytest.param("futex", (1, 2**32 | 128 | 6, 1), PERMISSION, id="the same with high bits set"),
        pytest.param("kill", (OWN_PID, 15), ALLOW, id="a signal to itself"),
        pytest.param("kill", (OWN_PID + 1, 15), PERMISSION, id="a signal to another"),
        pytest.param("kill", (0, 15), PERMISSION, id="a signal to the group"),
        pytest.param("kill", (2**32 - 1, 9), PERMISSION, id="a signal to all"),
        pytest.param("tgkill", (OWN_PID, OWN_PID, 6), ALLOW, id="abort"),
        pytest.param("tgkill", (1, 1, 9), PERMISSION, id="a signal to another's thread"),
        pytest.param("fcntl", (3, 0, 10), ALLOW, id="copy a descriptor"),
        pytest.param("fcntl", (3, 1030, 0), ALLOW, id="copy a descriptor, closed on exec"),
        pytest.param("fcntl", (3, 3), ALLOW, id="read flags"),
        pytest.param("fcntl", (3, 4, 0o20000), PERMISSION, id="set flags: O_ASYNC"),
        pytest.param("fcntl", (3, 8, 1), PERMISSION, id="F_SETOWN"),
        pytest.param("fcntl", (3, 10, 9), PERMISSION, id="F_SETSIG"),
        pytest.param("fcntl", (3, 15, 1), PERMISSION, id="F_SETOWN_EX"),
        pytest.param("fcntl", (3, 1024, 1), PERMISSION, id="a lease"),
        pytest.param("fcntl", (3, 1031, 1 << 20), PERMISSION, id="the size of a pipe"),
        pytest.param("prlimit64", (0, 7, 0, TIMEOUT), ALLOW, id="own limits"),
        pytest.param("prlimit64", (0, 7, TIMEOUT, 0), PERMISSION, id="set own limits"),
        pytest.param("prlimit64", (0, 7, 2**32, 0), PERMISSION, id="set them from an address with a low half of 0"),
        pytest.param("prlimit64", (1, 7, 0, TIMEOUT), PERMISSION, id="another's limits"),
        pytest.param("prctl", (15, TIMEOUT), ALLOW, id="name the thread"),
        pytest.param("prctl", (4, 1), PERMISSION, id="become dumpable"),
        pytest.param("prctl", (1, 0), PERMISSION, id="outlive the parent"),
        pytest.param("prctl", (22, 2), PERMISSION, id="another filter"),
        pytest.param("sched_getaffinity", (0, 128, TIMEOUT), ALLOW, id="how many cores"),
        pytest.param("sched_getaffinity", (OWN_PID, 128, TIMEOUT), ALLOW, id="the same by its own id"),
        pytest.param("sched_getaffinity", (1, 128, TIMEOUT), PERMISSION, id="another's cores"),
        pytest.param("clock_gettime", (3, TIMEOUT), ALLOW, id="own CPU time"),
        pytest.param("clock_gettime", (2**32 - 6, TIMEOUT), PERMISSION, id="another's CPU time"),
        pytest.param("clock_nanosleep", (1, 0, TIMEOUT), ALLOW, id="sleep"),
        pytest.param("clone", (0x3D0F00, TIMEOUT), PERMISSION, id="a thread"),
        pytest.param("clone3", (TIMEOUT, 88), ERROR | errno.ENOSYS, id="a thread the newer way"),
        pytest.param("ioctl", (1, 0x5401), ERROR | errno.ENOTTY, id="is it a terminal"),
        pytest.param("ioctl", (0, 0x5412, TIMEOUT), ERROR | errno.ENOTTY, id="type into a terminal"),
    ],
)
def test_arguments_decide(kernel: Kernel, call: str, arguments: tuple[int, ...], expected: int) -> None:
    assert kernel.verdict(call, *arguments) == expected


FLAGS = {
    "x86_64": {"directory": 0o200000, "no_follow": 0o400000, "large": 0o100000, "direct": 0o40000},
    "aarch64": {"directory": 0o40000, "no_follow": 0o100000, "large": 0o400000, "direct": 0o200000},
}
CLOSE_ON_EXEC, NOT_BLOCKING = 0o2000000, 0o4000


def test_files_are_opened_for_reading(kernel: Kernel) -> None:
    flags = FLAGS[kernel.architecture]
    reading = [0, CLOSE_ON_EXEC, CLOSE_ON_EXEC | NOT_BLOCKING | flags["directory"], flags["no_follow"], flags["large"]]

    assert {kernel.verdict("openat", MINUS_100, TIMEOUT, flag) for flag in reading} == {ALLOW}


@pytest.mark.parametrize(
    "flag",
    [
        pytest.param(1, id="write"),
        pytest.param(2, id="read and write"),
        pytest.param(3, id="neither"),
        pytest.param(0o100, id="create"),
        pytest.param(0o1000, id="truncate"),
        pytest.param(0o2000, id="append"),
        pytest.param(0o20000, id="signal when ready"),
        pytest.param(0o10000000, id="path only"),
        pytest.param(0o20000000, id="temporary file"),
    ],
)
def test_files_are_not_opened_in_another_way(kernel: Kernel, flag: int) -> None:
    assert kernel.verdict("openat", MINUS_100, TIMEOUT, CLOSE_ON_EXEC | flag) == ACCESS
    assert kernel.verdict("openat", MINUS_100, TIMEOUT, FLAGS[kernel.architecture]["direct"]) == ACCESS


def test_the_older_call_to_open_files_is_held_to_the_same() -> None:
    kernel = Kernel("x86_64")

    assert kernel.verdict("open", TIMEOUT, CLOSE_ON_EXEC) == ALLOW
    assert kernel.verdict("open", TIMEOUT, 0o101) == ACCESS


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_sealed_worker_names_no_path(architecture: str) -> None:
    sealed = Kernel(architecture, is_sealed=True)
    calls = [*names(policy.READING_FILES, architecture), "openat"]

    assert {sealed.verdict(call, MINUS_100, TIMEOUT) for call in calls} == {ACCESS}
    assert {sealed.verdict(call) for call in names(policy.ALWAYS, architecture)} == {ALLOW}


def test_flags_of_this_machine_are_what_python_knows() -> None:
    if not syscalls.is_known_machine():
        pytest.skip("the numbers of this machine are not known")

    reading = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_DIRECTORY | os.O_NOFOLLOW
    more = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_PATH | (os.O_TMPFILE & ~os.O_DIRECTORY)

    assert policy.READ_FLAGS[syscalls.machine()] & reading == reading
    assert policy.READ_FLAGS[syscalls.machine()] & more == 0
