"""Taking more memory or time than one is given, and ending badly. The other rows are scored all the same."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

from evals_pipeline.sandbox.program import Limits
from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import Notes, native

SMALL = Limits(row_seconds=10.0, load_seconds=20.0, memory_mb=64)
TINY = Limits(row_seconds=10.0, load_seconds=20.0, memory_mb=32)
SHORT = Limits(row_seconds=0.4, load_seconds=20.0, memory_mb=64)
ENDLESS = ("TimeoutError",)
CRASH = ("WorkerCrashed",)


@attack(limits=SMALL)
def takes_memory_at_once(notes, aim):
    notes.attempt("bytes", lambda: len(bytearray(200_000_000)))
    notes.attempt("list", lambda: len([0] * 30_000_000))
    notes.attempt("text", lambda: len("x" * 200_000_000))
    notes.attempt("number", lambda: (1 << 1_600_000_000).bit_length())


@attack(limits=SMALL)
def takes_memory_bit_by_bit(notes, aim):
    kept = []

    def hoard():
        while len(kept) < 300:
            kept.append(bytearray(1_000_000))
        return len(kept)

    notes.attempt("hoard", hoard)
    kept.clear()


@attack(limits=SMALL)
def takes_memory_from_the_kernel(notes, aim):
    import mmap

    maps = ctypes.CDLL(None, use_errno=True).mmap
    maps.restype, maps.argtypes = ctypes.c_ssize_t, [ctypes.c_size_t] * 6

    def many(size, count):
        for _ in range(count):
            if maps(0, size, 3, 0x4022, ctypes.c_size_t(-1).value, 0) == -1:
                raise OSError(ctypes.get_errno(), "mmap")
        return count

    def refuse():
        raise MemoryError

    notes.attempt("mmap", lambda: len(mmap.mmap(-1, 200_000_000)))
    notes.attempt("unreserved", many, 50_000_000, 8)
    notes.attempt("malloc", lambda: ctypes.CDLL(None).malloc(200_000_000) or refuse())
    notes.attempt("shared", lambda: len(mmap.mmap(-1, 200_000_000, flags=mmap.MAP_SHARED)))


@attack(ends=("MemoryError",), limits=SMALL)
def dies_of_its_own_memory(notes, aim):
    notes.end("error of the row")
    grown = []
    while len(grown) < 10_000:
        grown.append(bytearray(1_000_000))


@attack(ends=ENDLESS, limits=SHORT)
def never_returns(notes, aim):
    notes.end("loop")
    while True:
        pass


@attack(ends=ENDLESS, limits=SHORT)
def swallows_whatever_would_stop_it(notes, aim):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    notes.end("loop")
    while True:
        try:
            while True:
                pass
        except BaseException:  # noqa: BLE001
            continue


@attack(ends=ENDLESS, limits=SHORT)
def loops_inside_c(notes, aim):
    import re

    notes.end("pattern")
    re.match(r"(a|a)*$", "a" * 60 + "b")


@attack(ends=ENDLESS, limits=SHORT)
def sleeps(notes, aim):
    notes.end("sleep")
    time.sleep(1_000)


@attack(ends=ENDLESS, limits=SHORT)
def loops_after_its_verdict(notes, aim):
    """The result is there; what belongs to it never ends."""
    from evals_pipeline.core.evaluator import EvaluationResult

    class Text(str):
        __slots__ = ()

        def __str__(self):
            while True:
                time.sleep(1)

    notes.end("text")
    return EvaluationResult(label=Text("x"), explanation=Text("y"))


@attack(ends=CRASH)
def breaks_its_process(notes, aim):
    notes.end("segmentation fault")
    ctypes.string_at(0)


@attack(ends=CRASH)
def leaves_without_a_word(notes, aim):
    notes.end("exit")
    os._exit(0)


@attack(ends=CRASH)
def aborts(notes, aim):
    notes.end("abort")
    os.abort()


@attack(ends=CRASH)
def kills_itself(notes, aim):
    notes.end("kill")
    os.kill(os.getpid(), signal.SIGKILL)


@attack(ends=("SystemExit", "WorkerCrashed"))
def exits_politely(notes, aim):
    notes.end("sys.exit")
    sys.exit(3)


@attack(ends=("KeyboardInterrupt", "WorkerCrashed"))
def interrupts(notes, aim):
    notes.end("interrupt")
    raise KeyboardInterrupt


@attack(ends=("RecursionError", "WorkerCrashed", "MemoryError", "SystemError"), limits=TINY)
def recurses_in_python(notes, aim):
    def deeper(depth):
        return deeper(depth + 1)

    sys.setrecursionlimit(2**31 - 1)
    notes.end("recursion")
    deeper(0)


@attack(ends=("RecursionError", "WorkerCrashed", "MemoryError"))
def recurses_in_c(notes, aim):
    nested = []
    for _ in range(200_000):
        nested = [nested]
    sys.setrecursionlimit(2**31 - 1)
    notes.end("recursion")
    repr(nested)
    raise RecursionError("not even deep")


@attack(ends=("", "WorkerCrashed"), others=False)
def leaves_a_timer_burning(notes, aim):
    """It goes off in a later row, of its own session at most."""
    notes.attempt("of the kernel", native, "timer_create", 0, None, ctypes.byref(ctypes.c_void_p()))
    notes.end("timers")
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)


@attack()
def uses_up_its_descriptors(notes, aim):
    kept = []
    while len(kept) < 2_000:
        try:
            kept.append(os.dup(1))
        except OSError as error:
            notes.see("end", error)
            break
    else:
        notes.add("descriptors", "worked", str(len(kept)))
    for each in kept:
        os.close(each)


@attack(ends=ENDLESS, limits=Limits(row_seconds=0.4, load_seconds=0.5, memory_mb=64))
def is_never_loaded():
    Notes().end("loop")
    while True:
        time.sleep(1)


@attack(ends=("SystemExit", "WorkerCrashed"))
def exits_while_it_is_loaded():
    Notes().end("exit")
    os._exit(0)


@attack(ends=("TimeoutError", "ProtocolError"), limits=SHORT, others=False)
def holds_on_with_all_it_has(notes, aim):
    """Every signal blocked, every descriptor closed: nothing tells the host but its own clock."""
    notes.end("closed")
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    os.close(3)
    os.close(0)
    while True:
        time.sleep(1)
