"""Memory, queues and semaphores that processes share."""

from __future__ import annotations

import ctypes
import os

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import call, native
from evals_pipeline_tests.sandbox.attacks.targets import SharedMemory


@attack(SharedMemory)
def reads_shared_memory_of_the_system(notes, aim):
    """System V, by the number that the host made."""
    attached = ctypes.CDLL(None, use_errno=True)
    attached.shmat.restype = ctypes.c_void_p

    def read_segment():
        address = attached.shmat(aim.memory.id, None, 0)
        if address in (None, ctypes.c_void_p(-1).value):
            raise OSError(ctypes.get_errno(), "shmat")
        return ctypes.string_at(address)

    notes.attempt("attach", read_segment)
    notes.attempt("what there is", native, "shmctl", aim.memory.id, 2, bytes(512))
    notes.attempt("remove", native, "shmctl", aim.memory.id, 0, None)


@attack(SharedMemory)
def reads_shared_memory_of_posix(notes, aim):

    def segment():
        from multiprocessing import shared_memory

        made = shared_memory.SharedMemory(create=True, size=16)
        made.close()
        return made.unlink() or "made"

    descriptor = notes.attempt("open", native, "shm_open", b"/" + aim.memory.name.encode(), os.O_RDWR, 0o600)
    if descriptor:
        notes.see("content", os.pread(descriptor, 100, 0))
    notes.attempt("multiprocessing", segment)
    notes.attempt("remove", native, "shm_unlink", b"/" + aim.memory.name.encode())


@attack()
def makes_system_v_objects(notes, aim):
    create = 0o1000 | 0o600
    for name, arguments in (("shmget", (0, 4096, create)), ("semget", (0, 1, create)), ("msgget", (0, create))):
        made = notes.attempt(name, native, name, *arguments)
        if made is not None:
            remove = {
                "shmget": ("shmctl", made, 0, None),
                "semget": ("semctl", made, 0, 0),
                "msgget": ("msgctl", made, 0, None),
            }
            native(*remove[name])


@attack()
def makes_posix_objects(notes, aim):
    name = b"/" + aim.files.mark.encode()
    memory = notes.attempt("memory", native, "shm_open", name, os.O_CREAT | os.O_RDWR, 0o600)
    if memory is not None:
        native("shm_unlink", name)
    queue = notes.attempt("queue", native, "mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, None)
    if queue is not None:
        native("mq_unlink", name)
    sem_open = ctypes.CDLL(None, use_errno=True).sem_open
    sem_open.restype = ctypes.c_void_p

    def semaphore():
        if not sem_open(name, ctypes.c_int(os.O_CREAT), ctypes.c_int(0o600), ctypes.c_uint(1)):
            raise OSError(ctypes.get_errno(), "sem_open")
        return native("sem_unlink", name)

    notes.attempt("semaphore", semaphore)


@attack()
def uses_multiprocessing(notes, aim):
    import multiprocessing

    fork = multiprocessing.get_context("fork")
    notes.attempt("lock", fork.Lock)
    notes.attempt("queue", fork.SimpleQueue)
    notes.attempt("pipe", fork.Pipe)
    notes.attempt("value", fork.Value, "i")

    def threads():
        from multiprocessing.pool import ThreadPool

        with ThreadPool(1) as pool:
            return pool.apply(len, ("abc",))

    notes.attempt("pool of threads", threads)


@attack()
def uses_kernel_keys_and_rings(notes, aim):
    notes.probe("add_key", call, "add_key", b"user", b"evals", b"x", 1, -3)  # the process keyring: gone with it
    notes.probe("keyctl", call, "keyctl", 0, -3, 0)
    notes.probe("request_key", call, "request_key", b"user", b"evals", None, 0)
    notes.probe("io_setup", call, "io_setup", 0, None)
    notes.probe("io_uring_setup", call, "io_uring_setup", 0, None)
