"""Calls for the privileged, asked with senseless arguments: a wall says no before it looks at them."""

from __future__ import annotations

import ctypes
import os

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import call, native


@attack()
def asks_for_privileged_calls(notes, aim):
    nowhere = b"/nonexistent"
    numbered = {
        "bpf": (99, None, 0),
        "delete_module": (None, 0),
        "finit_module": (-1, None, 0),
        "init_module": (None, 0, None),
        "kexec_load": (0, 99, None, 99),
        "lookup_dcookie": (0, None, 0),
        "migrate_pages": (-1, 0, None, None),
        "move_pages": (-1, 0, None, None, None, 0),
        "open_by_handle_at": (-1, None, 0),
        "perf_event_open": (None, 0, -1, -1, 0),
        "process_madvise": (-1, None, 0, 0, 0),
        "quotactl": (99, None, 0, None),
        "reboot": (0, 0, 0, None),
        "set_mempolicy": (99, None, 0),
        "swapoff": (nowhere,),
        "syslog": (99, None, 0),
    }
    for name, arguments in numbered.items():
        notes.probe(name, call, name, *arguments)
    notes.probe("acct", native, "acct", nowhere)
    notes.probe("swapon", native, "swapon", nowhere, 0)
    notes.probe("sethostname", native, "sethostname", None, 5)
    notes.probe("setdomainname", native, "setdomainname", None, 5)
    notes.probe("settimeofday", call, "settimeofday", (ctypes.c_long * 2)(0, -1), None)
    notes.probe("clock_settime", native, "clock_settime", 99, (ctypes.c_long * 2)(0, 0))
    notes.probe("adjtimex", native, "adjtimex", None)
    notes.probe("mknod", native, "mknod", nowhere + b"/device", 0o20666, 0x103)
    notes.probe("personality", native, "personality", 0xFFFFFFFF)


@attack()
def mounts(notes, aim):
    nowhere = b"/nonexistent"
    notes.probe("mount", native, "mount", b"none", nowhere, b"tmpfs", 0, None)
    notes.probe("unmount", native, "umount2", nowhere, 0)
    notes.probe("pivot_root", call, "pivot_root", nowhere, nowhere)
    notes.probe("fsopen", call, "fsopen", b"nosuchfilesystem", 0)
    notes.probe("fspick", call, "fspick", -100, nowhere, 0)
    notes.probe("open_tree", call, "open_tree", -100, nowhere, 0)
    notes.probe("move_mount", call, "move_mount", -1, nowhere, -1, nowhere, 0)
    notes.probe("mount_setattr", call, "mount_setattr", -100, nowhere, 0, None, 0)
    notes.probe("chroot", os.chroot, nowhere)


@attack()
def makes_namespaces(notes, aim):
    new_user, new_net, new_mount, new_pid = 0x10000000, 0x40000000, 0x20000, 0x20000000
    notes.attempt("user", native, "unshare", new_user)
    notes.attempt("user and network", native, "unshare", new_user | new_net)
    notes.attempt("mounts", native, "unshare", new_mount)
    notes.attempt("nothing", native, "unshare", 0)

    def clone(flags):
        child = call("clone", 17 | flags, 0, 0, 0, 0)
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return child

    notes.attempt("clone", clone, new_user)
    notes.attempt("clone of processes", clone, new_user | new_pid)
    notes.probe("join", call, "setns", -1, 0)


@attack()
def becomes_somebody_else(notes, aim):
    """Root and nobody in turn; the identity that it has is the one it may always ask for."""
    user, group = os.getuid(), os.getgid()
    notes.attempt("own", lambda: os.setuid(user) or "set")
    notes.attempt("own group", lambda: os.setgid(group) or "set")
    notes.attempt("all three", lambda: os.setresuid(user, user, user) or "set")
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    notes.attempt("capabilities", native, "capset", header, data)
    notes.attempt("session", os.setsid)
    notes.attempt("process group", lambda: os.setpgid(0, 0) or "set")


@attack()
def loosens_its_own_process(notes, aim):
    options = {
        "dumpable": (4, 1),
        "traced by anyone": (0x59616D61, -1),
        "no death with the parent": (1, 0),
        "keep capabilities": (8, 0),
        "secure bits": (28, 0),
        "memory map": (35, 99),
        "timer slack": (29, 1),
        "time stamp counter": (26, 1),
        "speculation": (53, 0),
        "core scheduling": (62, 0),
        "no huge pages": (41, 1),
    }
    for name, (option, value) in options.items():
        notes.probe(name, native, "prctl", option, value, 0, 0, 0)
    notes.probe("a filter of its own", call, "seccomp", 1, 0, None)
    notes.probe("what filters there are", call, "seccomp", 2, 0, None)
    notes.probe("old way", native, "prctl", 22, 99, 0, 0, 0)
    notes.probe("rules of its own", call, "landlock_create_ruleset", None, 0, 1)
