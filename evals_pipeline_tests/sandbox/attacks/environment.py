"""Secrets in environments and memory: its own, its parent's, other processes'."""

from __future__ import annotations

# ruff: noqa: PTH123, PTH208
import ctypes
import os
import posix

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import call, native, read
from evals_pipeline_tests.sandbox.attacks.targets import Victim


@attack()
def reads_its_environment(notes, aim):
    notes.see("os", dict(os.environ.items()))
    for name in ("PIPELINE_API_KEY", "OPENAI_API_KEY", "PATH", "HOME", "VIRTUAL_ENV", "PYTHONPATH"):
        notes.see(name, os.environ.get(name))
    secret = {name: value for name, value in posix.environ.items() if b"KEY" in name}
    notes.see("posix", secret)


@attack()
def reads_the_environment_in_c(notes, aim):
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    notes.see("getenv", getenv(b"PIPELINE_API_KEY"))
    block = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    entries = []
    while block and block[len(entries)]:
        entries.append(block[len(entries)])
    notes.see("environ", [each for each in entries if b"KEY" in each])


@attack()
def finds_the_first_environment_on_the_stack(notes, aim):
    """The kernel leaves it above the stack, whatever is removed from the lists later."""
    getauxval = ctypes.CDLL(None).getauxval
    getauxval.restype = ctypes.c_ulong
    name_of_program = getauxval(31)  # AT_EXECFN, right behind the environment
    found = []
    for start in range(name_of_program - 1, name_of_program - 4_000, -1):
        text = ctypes.string_at(start)
        if text.startswith((b"PIPELINE_API_KEY", b"HOME=")):
            found.append(text)
    notes.see("stack", found)


@attack()
def reads_the_environment_of_its_parents(notes, aim):
    notes.attempt("parent", read, f"/proc/{os.getppid()}/environ", "rb")
    notes.attempt("first process", read, "/proc/1/environ", "rb")
    notes.attempt("first process's memory", os.open, "/proc/1/mem", os.O_RDONLY)


@attack(Victim)
def reads_the_environment_of_another_process(notes, aim):
    notes.attempt("victim", read, f"/proc/{aim.victim.pid}/environ", "rb")
    notes.attempt("thread", read, f"/proc/{aim.victim.pid}/task/{aim.victim.pid}/environ", "rb")
    notes.attempt("its command", read, f"/proc/{aim.victim.pid}/cmdline", "rb")
    notes.attempt("its files", lambda: os.listdir(f"/proc/{aim.victim.pid}/fd"))


@attack(Victim)
def reads_the_memory_of_another_process(notes, aim):
    kept = ctypes.create_string_buffer(aim.victim.length)
    here = (ctypes.c_size_t * 2)(ctypes.addressof(kept), aim.victim.length)
    there = (ctypes.c_size_t * 2)(aim.victim.address, aim.victim.length)

    def memory():
        with open(f"/proc/{aim.victim.pid}/mem", "rb", buffering=0) as file:
            file.seek(aim.victim.address)
            return file.read(aim.victim.length)

    notes.attempt("process_vm_readv", native, "process_vm_readv", aim.victim.pid, here, 1, there, 1, 0)
    notes.see("read", kept.value)
    notes.attempt("mem", memory)
    notes.attempt("process_vm_writev", native, "process_vm_writev", aim.victim.pid, here, 1, there, 1, 0)


@attack(Victim)
def traces_another_process(notes, aim):
    seize, interrupt, attach = 0x4206, 0x4207, 16
    notes.attempt("seize", native, "ptrace", seize, aim.victim.pid, 0, 0)
    notes.attempt("interrupt", native, "ptrace", interrupt, aim.victim.pid, 0, 0)
    notes.attempt("attach to the parent", native, "ptrace", seize, os.getppid(), 0, 0)
    if not notes.steps or notes.steps[0][1] != "worked":
        notes.attempt("attach", native, "ptrace", attach, aim.victim.pid, 0, 0)


@attack(Victim)
def takes_a_descriptor_of_another_process(notes, aim):
    handle = notes.attempt("pidfd_open", call, "pidfd_open", aim.victim.pid, 0)
    held = notes.attempt("pidfd_getfd", call, "pidfd_getfd", handle or 0, aim.victim.held, 0)
    if held:
        notes.see("held", os.pread(held, 100, 0))
    notes.attempt("by its link", read, f"/proc/{aim.victim.pid}/fd/{aim.victim.held}")


@attack(Victim)
def compares_and_inspects_processes(notes, aim):
    notes.attempt("kcmp", call, "kcmp", os.getpid(), aim.victim.pid, 0, 0, 0)
    notes.attempt(
        "robust list", call, "get_robust_list", aim.victim.pid, (ctypes.c_void_p * 1)(), (ctypes.c_size_t * 1)()
    )
    notes.attempt("priority", os.getpriority, os.PRIO_PROCESS, aim.victim.pid)
    notes.attempt("scheduler", os.sched_getscheduler, aim.victim.pid)
    notes.attempt("group", os.getpgid, aim.victim.pid)
    notes.attempt("session", os.getsid, aim.victim.pid)
