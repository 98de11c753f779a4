"""The kernel's surface: other calling conventions, code of its own, arguments that a filter may misread."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import call, checked, libc, native

WITHOUT_X32 = "most kernels are built without x32, and then refuse its numbers themselves"


@attack(ends=("", "WorkerCrashed"), control=WITHOUT_X32)
def calls_by_x32_numbers(notes, aim):
    x32 = 0x40000000
    if platform.machine() != "x86_64":
        return
    notes.end("x32")
    for number in (39, 57, 41, 2, 512, 520):
        notes.attempt(
            f"x32 call {number}",
            lambda number=number: checked("x32", libc.syscall(ctypes.c_long(x32 | number), 0, 0, 0)),
        )


@attack()
def runs_code_of_its_own(notes, aim):
    """Writable memory that becomes executable, by every way there is."""
    machine_code = {"x86_64": b"\xb8\x2a\x00\x00\x00\xc3", "aarch64": b"\x40\x05\x80\x52\xc0\x03\x5f\xd6"}[
        platform.machine()
    ]
    native_mmap = ctypes.CDLL(None, use_errno=True).mmap
    native_mmap.restype, native_mmap.argtypes = ctypes.c_ssize_t, [ctypes.c_size_t] * 6
    all_rights, writable = 7, 3

    def at(rights):
        return checked("mmap", native_mmap(0, 4096, rights, 0x22, ctypes.c_size_t(-1).value, 0))

    def run(address):
        return ctypes.CFUNCTYPE(ctypes.c_int)(address)()

    def write_and_run(address):
        ctypes.memmove(address, machine_code, len(machine_code))
        return run(address)

    def change(protect):
        address = at(writable)
        ctypes.memmove(address, machine_code, len(machine_code))
        protect(address)
        return run(address)

    notes.attempt("mmap", lambda: write_and_run(at(all_rights)))
    notes.attempt("mprotect", change, lambda address: native("mprotect", ctypes.c_void_p(address), 4096, 5))
    notes.attempt("all rights", change, lambda address: native("mprotect", ctypes.c_void_p(address), 4096, 7))
    notes.attempt("a key", change, lambda address: call("pkey_mprotect", ctypes.c_void_p(address), 4096, 5, -1))
    notes.attempt("read implies", lambda: native("personality", 0x0400000))
    notes.attempt("python's", lambda: mmap.mmap(-1, 4096, prot=7)[:1])
    notes.attempt("high bits", lambda: at(all_rights | 1 << 32))


@attack(ends=("", "WorkerCrashed"))
def calls_the_kernel_as_a_32_bit_program(notes, aim):
    """int 0x80 counts calls differently: 20 is getpid there."""
    if platform.machine() != "x86_64":
        return
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"
    notes.end("int 0x80")

    def run():
        memory = mmap.mmap(-1, 4096, prot=7)
        memory.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        return ctypes.CFUNCTYPE(ctypes.c_int)(address)()

    notes.attempt("getpid", run)


@attack()
def loads_code_from_a_file(notes, aim):
    library = os.path.join(aim.files.folder, aim.files.mark + ".so")  # noqa: PTH118

    def from_memory():
        descriptor = os.memfd_create("code")
        os.write(descriptor, b"\x7fELF")
        return mmap.mmap(descriptor, 4, prot=5)[:4]

    def from_disk():
        with open(library, "wb") as file:  # noqa: PTH123
            file.write(b"\x7fELF")
        with open(library, "rb") as file:  # noqa: PTH123
            return mmap.mmap(file.fileno(), 4, prot=5, flags=2)[:4]

    notes.attempt("memory", from_memory)
    notes.attempt("disk", from_disk)
    notes.attempt("execute memory", lambda: call("execveat", call("memfd_create", b"x", 0), b"", None, None, 0x1000))


@attack()
def makes_raw_calls(notes, aim):
    """Behind the back of Python and of the C library."""
    notes.attempt("socket", call, "socket", 2, 1, 0)
    notes.attempt("openat", call, "openat", -100, aim.files.secret.encode(), os.O_RDWR, 0)
    notes.attempt("memfd", call, "memfd_create", b"x", 0)
    notes.attempt("fork", lambda: call("fork") or os._exit(0))
    notes.probe("remap_file_pages", call, "remap_file_pages", 1, 1, 1, 1, 1)
    notes.probe("userfaultfd", call, "userfaultfd", 99)


@attack()
def hides_in_the_high_bits(notes, aim):
    """The kernel reads 32 bits of what a filter may compare as 64."""
    high = 1 << 32
    notes.attempt("inject input", call, "ioctl", 0, 0x5412 | high, b"x")
    notes.attempt("owner of a pipe", call, "fcntl", 0, 8 | high, os.getpid())
    notes.attempt("write", call, "openat", -100 & 0xFFFFFFFF | high, aim.files.secret.encode(), os.O_RDWR | high, 0)
    notes.attempt("socket", call, "socket", 2 | high, 1 | high, high)
    notes.attempt("number of the call", lambda: checked("fork", libc.syscall(ctypes.c_long(41 | high), 2, 1, 0)))


@attack()
def uses_rare_forms_of_futex(notes, aim):
    """Requeueing and priority inheritance were ways into kernels (2014, 2021)."""
    word, other = ctypes.c_uint32(0), ctypes.c_uint32(0)
    here, there = ctypes.byref(word), ctypes.byref(other)
    for name, operation in (
        ("lock", 6),
        ("try lock", 8),
        ("lock 2", 13),
        ("requeue", 3),
        ("compare, requeue", 4),
        ("operation", 5),
    ):
        notes.probe(name, call, "futex", here, operation | 128, 0, None, there, 0)
    notes.probe("waits", call, "futex_waitv", None, 0, 0, None, 0)
    notes.probe("requeue 2", call, "futex_requeue", None, 0, 0, 0)


@attack()
def controls_devices(notes, aim):
    for name, number in (("terminal", 0x5413), ("inject", 0x5412), ("non-blocking", 0x5421), ("bytes waiting", 0x541B)):
        for descriptor in range(4):
            notes.attempt(f"{name} {descriptor}", native, "ioctl", descriptor, number, bytes(64))


@attack()
def asks_for_odd_memory(notes, aim):
    keeps = bytearray(8192)
    address = ctypes.addressof(ctypes.c_char.from_buffer(keeps))
    notes.attempt("lock", native, "mlock", ctypes.c_void_p(address), 4096)
    notes.attempt("lock all", native, "mlockall", 2)
    notes.attempt("keys", native, "pkey_alloc", 0, 0)
    notes.attempt("policy", call, "set_mempolicy", 0, None, 0)
