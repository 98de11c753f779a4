"""Doing things to other processes."""

from __future__ import annotations

import os
import resource
import signal
import struct

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import call, native
from evals_pipeline_tests.sandbox.attacks.targets import Victim


@attack(Victim)
def kills_another_process(notes, aim):
    notes.attempt("kill", lambda: os.kill(aim.victim.pid, signal.SIGTERM) or "sent")
    notes.attempt("group", lambda: os.killpg(os.getpgid(aim.victim.pid), 0) or "sent")
    notes.attempt("high bits", call, "kill", aim.victim.pid | 1 << 32, 0)


@attack(Victim)
def kills_by_lesser_known_calls(notes, aim):
    note = struct.pack("iiiiiiii", int(signal.SIGTERM), 0, -1, 0, os.getpid(), os.getuid(), 0, 0).ljust(128, b"\0")
    pid, number = aim.victim.pid, int(signal.SIGTERM)
    notes.attempt("tkill", call, "tkill", pid, 0)
    notes.attempt("tgkill", call, "tgkill", pid, pid, 0)
    notes.attempt("rt_sigqueueinfo", call, "rt_sigqueueinfo", pid, number, note)
    notes.attempt("rt_tgsigqueueinfo", call, "rt_tgsigqueueinfo", pid, pid, number, note)
    handle = notes.attempt("pidfd_open", call, "pidfd_open", pid, 0)
    notes.attempt("pidfd_send_signal", call, "pidfd_send_signal", handle or 0, number, None, 0)


@attack()
def signals_everybody(notes, aim):
    """Signal 0 asks whether a signal would be let through."""
    for what, target in (("everybody", -1), ("own group", 0), ("first process", 1), ("parent", os.getppid())):
        notes.attempt(what, lambda target=target: os.kill(target, 0) or "may")
    notes.attempt("parent's group", lambda: os.killpg(os.getpgid(os.getppid()), 0) or "may")


@attack(Victim)
def limits_another_process(notes, aim):
    lower = (64, 64)
    notes.attempt("prlimit", resource.prlimit, aim.victim.pid, resource.RLIMIT_NOFILE, lower)
    notes.attempt("high bits", call, "prlimit64", aim.victim.pid | 1 << 32, 7, None, bytes(16))
    notes.attempt("read", resource.prlimit, aim.victim.pid, resource.RLIMIT_NOFILE)
    notes.attempt("the parent's", resource.prlimit, os.getppid(), resource.RLIMIT_NOFILE)


@attack(Victim)
def slows_another_process(notes, aim):
    pid = aim.victim.pid
    notes.attempt("nice", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19) or "set")
    notes.attempt("affinity", lambda: os.sched_setaffinity(pid, list(os.sched_getaffinity(0))[:1]) or "set")
    notes.attempt("scheduler", lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)) or "set")
    notes.attempt("attributes", call, "sched_setattr", pid, struct.pack("IIQiIQQQ", 48, 5, 0, 0, 0, 0, 0, 0), 0)
    notes.attempt("disk", call, "ioprio_set", 1, pid, 3 << 13)
    notes.attempt("out of memory first", open, f"/proc/{pid}/oom_score_adj", "w")


@attack()
def takes_more_for_itself(notes, aim):
    """Its own limits and rank are part of the wall."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    notes.attempt("memory", lambda: resource.setrlimit(resource.RLIMIT_AS, (soft, hard)) or "set")
    notes.attempt("descriptors", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)) or "set")
    notes.attempt("by number", call, "prlimit64", 0, 9, bytes(b"\xff" * 16), None)
    notes.attempt("rank", lambda: os.setpriority(os.PRIO_PROCESS, 0, 19) or "set")
    notes.attempt("affinity", lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)) or "set")
    notes.attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)) or "set")
    notes.attempt("locked memory", native, "mlockall", 1)
    notes.attempt("own limits of the first process", resource.prlimit, 1, resource.RLIMIT_AS)
