"""What confined code may do, and why: data only.

Whatever is not written here is refused. A new entry needs its reason beside it, and a row in the tests of the filter;
`seccomp` turns the calls into a program for the kernel, `landlock` and `namespaces` close the files, `lock` sets the
limits. None of these knows an exception that is not here.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

from evals_pipeline.sandbox.rules import Below, Calls, IsNull, IsSelf, Limit, OneOf, OnlyReading, Rule, Without

# ---------------------------------------------------------------------------------------------- system calls

ALWAYS = (
    Calls("rows come in and results go out through descriptors that are open already", ("read", "write", "close")),
    Calls("the same, in pieces, as Python's and Arrow's files do it", ("readv", "writev", "pread64", "lseek", "fstat")),
    Calls("`os.dup`, and libraries that keep standard output aside", ("dup",)),
    Calls("waiting on own descriptors, and `time.sleep` of older libraries", ("poll", "ppoll", "select", "pselect6")),
    Calls("memory, bounded by RLIMIT_AS; what may be executed is a rule below", ("brk", "munmap", "mremap", "madvise")),
    Calls("a loop that waits for a lock gives way", ("sched_yield",)),
    Calls("numerical libraries ask which core they are on", ("getcpu",)),
    Calls("handlers of its own signals; Python and faulthandler set them", ("rt_sigaction", "rt_sigprocmask")),
    Calls("coming back from a handler, and its stack", ("rt_sigreturn", "sigaltstack", "restart_syscall")),
    Calls("evaluators that limit their own time with `signal.alarm`", ("setitimer", "getitimer", "alarm")),
    Calls("clocks where the kernel has no vDSO", ("gettimeofday", "time", "times")),
    Calls("`time.sleep`; the row's time limit is the parent's", ("nanosleep",)),
    Calls("`random`, `uuid`, `secrets` and the seeds of hash tables", ("getrandom",)),
    Calls("own identity: logging, `getpass`, random seeds", ("getpid", "gettid", "getppid")),
    Calls("the same for user and group", ("getuid", "geteuid", "getgid", "getegid")),
    Calls("`platform`; and memory size, which the C library's sort asks for", ("uname", "sysinfo")),
    Calls("own use and limits: the `resource` module", ("getrusage", "getrlimit")),
    Calls("leaving", ("exit", "exit_group")),
)

READING_FILES = (
    Calls(
        "imports look for modules, and libraries for their data, inside the readable folders", ("newfstatat", "statx")
    ),
    Calls("the same on older C libraries and musl", ("stat", "lstat", "access", "readlink")),
    Calls("listing a package's folder, which the import system caches", ("getdents64",)),
    Calls("`os.access`, `os.path.realpath`, `os.getcwd`", ("faccessat", "faccessat2", "readlinkat", "getcwd")),
)
"""Refused with EACCES where the sandbox is sealed."""

PROT_WRITE, PROT_EXEC, MAP_ANONYMOUS = 2, 4, 0x20
FUTEX_PRIVATE, FUTEX_CLOCK_REALTIME = 128, 256
FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET = 0, 1, 9, 10
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 1030
PR_SET_NAME, PR_GET_NAME = 15, 16
FOREIGN_CLOCKS = 16  # from here on ids mean devices, or the CPU time of other processes

_OWN_CLOCK = ((Below(0, FOREIGN_CLOCKS),),)
_LOCKS = (FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME)

RULES = (
    Rule(
        "mmap",
        "memory and libraries, but no memory that was written and can be executed: no machine code of its own",
        ((Without(2, PROT_EXEC),), (Without(2, PROT_WRITE), Without(3, MAP_ANONYMOUS))),
    ),
    Rule(
        "mprotect",
        "allocators and the loader; making memory executable is what they never need",
        ((Without(2, PROT_EXEC),),),
    ),
    Rule(
        "futex",
        "locks of this process only; priority inheritance and requeueing have been ways into the kernel",
        ((OneOf(1, tuple(FUTEX_PRIVATE | operation for operation in _LOCKS)),),),
    ),
    Rule(
        "fcntl",
        "copies and flags of descriptors; F_SETOWN, F_SETSIG and O_ASYNC would make the kernel signal other processes",
        ((OneOf(1, (F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC)),),),
    ),
    Rule("kill", "`signal.raise_signal` of older libraries; nobody else's process", ((IsSelf(0),),)),
    Rule("tgkill", "abort(3), and Python's own signals", ((IsSelf(0),),)),
    Rule(
        "prlimit64", "`resource.getrlimit`; no limit is changed, no other process asked", ((OneOf(0, (0,)), IsNull(2)),)
    ),
    Rule("prctl", "libraries name their thread", ((OneOf(0, (PR_SET_NAME, PR_GET_NAME)),),)),
    Rule(
        "sched_getaffinity",
        "`os.cpu_count`; asked of others it would tell which processes there are",
        ((OneOf(0, (0,)),), (IsSelf(0),)),
    ),
    Rule("clock_gettime", "clocks; the negative ids are CPU times of other processes", _OWN_CLOCK),
    Rule("clock_getres", "the same", _OWN_CLOCK),
    Rule("clock_nanosleep", "`time.sleep`", _OWN_CLOCK),
)

OPENING_FILES = (
    Rule(
        "openat",
        "imports and libraries' data, for reading only; O_PATH, O_CREAT, O_TMPFILE and O_ASYNC are not reading",
        ((OnlyReading(2),),),
    ),
    Rule("open", "the same in musl", ((OnlyReading(1),),)),
)
"""Refused with EACCES where the sandbox is sealed."""

READ_FLAGS = {
    # O_CLOEXEC | O_NONBLOCK | O_NOCTTY, then O_DIRECTORY, O_NOFOLLOW and O_LARGEFILE, whose bits differ
    "x86_64": 0o2004400 | 0o200000 | 0o400000 | 0o100000,
    "aarch64": 0o2004400 | 0o40000 | 0o100000 | 0o400000,
}

REFUSALS: Mapping[str, int] = {
    "ioctl": errno.ENOTTY,  # what a pipe says when Python asks whether it is a terminal
    "clone3": errno.ENOSYS,  # the C library then tries clone, which is refused like everything else
}
"""Calls that are refused with another error than EPERM."""

# Never "kill": an unknown call of a new library version is then an error of one row, not a dead worker.
REFUSAL = errno.EPERM
FILE_REFUSAL = errno.EACCES

# -------------------------------------------------------------------------------------------- readable files

# Never a prefix of the interpreter itself (a virtual environment can hold a pip.conf with a password), the working
# folder, a home, /etc, /proc, /sys or /tmp.
CODE_FOLDERS = ("site-packages", "dist-packages")
"""Folders of `sys.path` with these names hold installed packages; others may be somebody's working folder."""

SHARED_FILES: Mapping[str, str] = {
    "/lib64": "shared libraries that packages load late",
    "/usr/lib64": "the same",
    "/lib/x86_64-linux-gnu": "the same on Debian",
    "/usr/lib/x86_64-linux-gnu": "the same on Debian",
    "/lib/aarch64-linux-gnu": "the same on Debian",
    "/usr/lib/aarch64-linux-gnu": "the same on Debian",
    "/etc/ld.so.cache": "where the loader looks a shared library up",
    "/usr/share/zoneinfo": "named time zones",
}

# ------------------------------------------------------------------------------------------------- resources

LIMITS = (
    Limit("RLIMIT_CPU", 86_400, "seconds; the last resort should the parent forget a worker, far above an honest run"),
    Limit("RLIMIT_CORE", 0, "a core file would hold rows"),
    Limit("RLIMIT_FSIZE", 0, "no file grows, whatever else fails"),
    Limit("RLIMIT_NOFILE", 64, "a lazy import needs a few"),
    Limit("RLIMIT_MEMLOCK", 0, "bytes; locked memory is taken from everybody"),
    Limit("RLIMIT_MSGQUEUE", 0, "bytes in POSIX message queues"),
    Limit("RLIMIT_SIGPENDING", 32, "signals that wait"),
    # Counts all processes of the user on the host and ignores root: seccomp is what keeps a worker from starting one.
    Limit("RLIMIT_NPROC", 0, "processes and threads"),
)
NICENESS = 5  # the pipeline's own work comes first
OOM_SCORE = 1_000  # when memory runs out the kernel ends a worker, not the pipeline

# --------------------------------------------------------------------------------------------- fork server

INTERPRETER_OPTIONS = ("-I", "-B", "-X", "utf8")
"""Isolated: no PYTHON* variables, no user's packages, no script's folder; nothing is written beside modules."""

ENVIRONMENT: Mapping[str, str] = {
    "LC_ALL": "C.UTF-8",  # text is UTF-8 everywhere
    "TZ": "UTC",  # local time is the same on every host, and needs no file
    # One thread each: confined code cannot start any, and a fork server with threads cannot fork safely.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "DUCC0_NUM_THREADS": "1",  # scipy's FFT makes its threads when first used
    "POLARS_MAX_THREADS": "1",
    # pandas imports pyarrow, whose jemalloc starts a thread on import; the choice of pool alone does not prevent it.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",  # more would only count against the worker's address space
}
"""The whole environment of the fork server: no secret of the pipeline is in the memory that workers inherit."""

KEPT_VARIABLES = ("*_NUM_THREADS", "TZ")
"""What stays in a worker's: libraries read these when first used, which may be in a row."""

# ------------------------------------------------------------------------------------- what is imported early

WARM_MODULES = (
    "scipy.stats",
    "scipy.optimize",
    "scipy.spatial",
    "scipy.special",
    "scipy.linalg",
    "scipy.sparse",
    "_strptime",  # imported by the first `strptime`
)
"""Imported by the fork server besides the packages, where they are installed: all workers share their memory."""

# Sealed workers can import nothing late, so that the fork server imports everything.
SEALED_PACKAGES = ("pydantic_core", "annotated_types", "dateutil", "tzdata", "typing_extensions")
"""What the packages bring along and evaluators use with them."""

_PACKAGES_OF_STDLIB = (
    "asyncio collections concurrent ctypes email encodings html http importlib json logging urllib xml"
)
SEALED_STDLIB = (*_PACKAGES_OF_STDLIB.split(), "zoneinfo")
"""Packages of the standard library whose submodules are imported too."""

_TERMINALS_AND_TOOLS = """antigravity this idlelib tkinter turtle turtledemo test lib2to3 ensurepip venv pip curses
readline rlcompleter pty tty webbrowser pydoc pdb doctest unittest distutils"""
_OTHER_SYSTEMS = "crypt nis spwd ossaudiodev msilib winreg msvcrt winsound nt"
SKIPPED_STDLIB = frozenset(f"{_TERMINALS_AND_TOOLS} {_OTHER_SYSTEMS}".split())
"""Never imported early: they print, wait for a terminal, warn that they are deprecated, or belong to other systems."""

_TESTS_AND_BUILDS = ".tests .conftest _testing .testing distutils f2py _pyinstaller .mypy"
SKIPPED_PARTS = (*_TESTS_AND_BUILDS.split(), ".v1", "plotting._matplotlib", "mbcs", "oem", "windows_")
"""The same for submodules with these in their names; `.v1` is pydantic's old self, which warns."""
