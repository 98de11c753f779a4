"""Descriptors: those that were left open, those that can be opened again, and new ones."""

from __future__ import annotations

import fcntl
import os
import signal
import socket

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import call, native, read
from evals_pipeline_tests.sandbox.attacks.targets import Victim


@attack()
def uses_descriptors_that_were_left_open(notes, aim):
    closed = 0
    for descriptor in range(4, 4_096):
        try:
            fcntl.fcntl(descriptor, fcntl.F_GETFD)
        except OSError:
            closed += 1
        else:
            notes.add(f"descriptor {descriptor}", "worked", "open")
    notes.see("closed", closed)
    for what, deed in (
        ("read", lambda: os.pread(aim.files.leak, 100, 0)),
        ("write", lambda: os.write(aim.files.leak, b"!")),
    ):
        try:
            notes.see(what, deed())
        except OSError as error:
            notes.see(what, error)


@attack()
def opens_its_descriptors_again(notes, aim):
    for descriptor in range(4):
        for folder in ("/proc/self/fd", "/dev/fd", "/proc/thread-self/fd"):
            notes.attempt(f"{folder}/{descriptor}", os.open, f"{folder}/{descriptor}", os.O_RDONLY | os.O_NONBLOCK)
    notes.attempt("/dev/stdin", os.open, "/dev/stdin", os.O_RDONLY | os.O_NONBLOCK)


@attack(Victim)
def has_a_signal_sent_by_a_pipe(notes, aim):
    """A pipe that becomes readable signals its owner: anyone may be named the owner."""
    set_owner, set_signal = 8, 10
    descriptor = 3
    notes.attempt("owner", native, "fcntl", descriptor, set_owner, aim.victim.pid)
    notes.attempt("owner, high bits", call, "fcntl", descriptor, set_owner | 1 << 32, aim.victim.pid)
    notes.attempt("signal", native, "fcntl", descriptor, set_signal, int(signal.SIGKILL))
    notes.attempt("asynchronous", native, "fcntl", descriptor, 4, os.O_ASYNC)
    notes.attempt("by ioctl", native, "ioctl", descriptor, 0x5452, b"\1\0\0\0")
    notes.attempt("larger pipe", native, "fcntl", descriptor, 1031, 1 << 20)
    os.write(1, b"news\n")


@attack()
def makes_descriptors_of_every_sort(notes, aim):
    notes.attempt("pipe", os.pipe)
    notes.attempt("socket pair", socket.socketpair)
    notes.attempt("memory", os.memfd_create, "x")
    notes.attempt("secret memory", call, "memfd_secret", 0)
    notes.attempt("event", native, "eventfd", 0, 0)
    notes.attempt("timer", native, "timerfd_create", 1, 0)
    notes.attempt("signals", native, "signalfd", -1, (b"\0" * 128), 0)
    notes.attempt("epoll", native, "epoll_create1", 0)
    notes.attempt("own process", call, "pidfd_open", os.getpid(), 0)
    notes.attempt("page faults", call, "userfaultfd", 0)
    notes.attempt("ring", call, "io_uring_setup", 1, bytes(120))
    notes.attempt("rules", call, "landlock_create_ruleset", b"\1" + bytes(7), 8, 0)
    notes.attempt("terminal", native, "posix_openpt", os.O_RDWR)


@attack()
def moves_data_between_descriptors(notes, aim):
    notes.attempt("sendfile", os.sendfile, 1, 0, 0, 1)
    notes.attempt("splice", native, "splice", 0, None, 1, None, 1, 2)
    notes.attempt("tee", native, "tee", 0, 1, 1, 2)
    notes.attempt("vmsplice", call, "vmsplice", 1, bytes(16), 0, 0)
    notes.attempt("copy_file_range", os.copy_file_range, 0, 1, 1)
    notes.attempt("socket of a pipe", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=0).getpeername())
    notes.attempt("lock", native, "flock", 0, 6)


@attack(control="the control's worker has the results' descriptor alone, and no control socket to look for")
def looks_for_the_control_socket(notes, aim):
    import gc

    for each in gc.get_objects():
        if isinstance(each, socket.socket) and each.fileno() >= 0:
            notes.add("socket", "worked", repr(each))
    for descriptor in range(64):
        notes.attempt(f"send on {descriptor}", native, "send", descriptor, b'{"spawn": 1}', 12, 0)
    notes.attempt("log of the server", read, "/dev/stderr")
